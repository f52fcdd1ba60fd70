// SPDX-FileCopyrightText: The Consilium authors
// SPDX-License-Identifier: Apache-2.0
// The hub's parts one by one: token, attempts, averaging, audit chain, spool.
#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <cmath>

#include "hub/aggregate/aggregator.h"
#include "hub/console/text.h"
#include "hub/roster/attempt_limit.h"
#include "hub/roster/token.h"
#include "hub/store/audit_log.h"
#include "hub/store/run_store.h"
#include "hub/store/schema.h"
#include "hub/store/spool.h"
#include "tests/support/expect_error.h"
#include "tests/support/fake_clock.h"
#include "tests/support/temporary_folder.h"

namespace consilium {
namespace {

using namespace std::chrono_literals;

TEST(Token, IsReadHoweverItIsTypedAndASlipIsCaught) {
  const std::string token(MakeToken().Reveal());
  EXPECT_NE(token, std::string(MakeToken().Reveal()));
  std::string sloppy;
  for (const char c : token.substr(5)) {
    if (c != '-') sloppy += c == '0' ? 'o' : c == '1' ? 'l' : static_cast<char>(std::tolower(c));
  }
  EXPECT_EQ(TokenDigest(token), TokenDigest(sloppy));
  for (const std::size_t at : {5U, 12U, 20U}) {
    std::string slip = token;
    slip.erase(at, 1);
    ExpectError(ErrorCode::kInvalidArgument, "a character is wrong or missing", [&] { TokenDigest(slip); });
  }
  ExpectError(ErrorCode::kInvalidArgument, "Type it again", [] { TokenDigest(std::string(100'000, 'A')); });
}

TEST(AttemptLimit, CountsTheLastMinuteOfEachAddress) {
  AttemptLimit limit(2);
  const MonotonicTime start{};
  EXPECT_TRUE(limit.Allow("a", start));
  EXPECT_TRUE(limit.Allow("a", start + 30s));
  EXPECT_FALSE(limit.Allow("a", start + 59s));
  EXPECT_TRUE(limit.Allow("b", start + 59s));
  EXPECT_TRUE(limit.Allow("a", start + 60s));
  EXPECT_FALSE(limit.Allow("a", start + 61s));
}

UpdateSource Source(std::int64_t weight, std::vector<float> numbers) {
  return {weight, [numbers = std::move(numbers)](std::int64_t first, std::span<float> values) {
            std::copy_n(numbers.begin() + first, values.size(), values.begin());
          }};
}

TEST(FedAvg, IsTheWeightedMeanWhateverTheOrder) {
  const Parameters base{{{"a", {2}, {1.0F, -2.0F}}, {"b", {1}, {0.5F}}}};
  // (10 * 1 + 20 * -0.5 + 10 * 2) / 40 = 0.5; (10 * 4 + 20 * 0 + 10 * -4) / 40 = 0; (10 + 20 + 10) / 40 = 1.
  std::vector<UpdateSource> updates{Source(10, {1, 4, 1}), Source(20, {-0.5F, 0, 1}), Source(10, {2, -4, 1})};
  const auto rule = MakeAggregator({});
  const Parameters next = rule->Combine(base, updates);
  EXPECT_EQ(next.arrays[0].values, (std::vector<float>{1.5F, -2.0F}));
  EXPECT_EQ(next.arrays[1].values, (std::vector<float>{1.5F}));
  std::vector<UpdateSource> rough{Source(3, {0.1F, 1e-7F, 900}), Source(7, {1.0F / 3, -1e-7F, -899}),
                                  Source(11, {-0.7F, 3e-8F, 0.3F})};
  const Parameters first = rule->Combine(base, rough);
  std::array<std::size_t, 3> order{0, 1, 2};
  do {
    EXPECT_EQ(rule->Combine(base, std::vector{rough[order[0]], rough[order[1]], rough[order[2]]}), first);
  } while (std::next_permutation(order.begin(), order.end()));
  ExpectError(ErrorCode::kInvalidArgument, "no update", [&] { rule->Combine(base, {}); });
  AggregationPlan unknown;
  unknown.rule = "median";
  ExpectError(ErrorCode::kInvalidArgument, "This hub knows: fedavg", [&] { MakeAggregator(unknown); });
}

TEST(AuditLog, FindsWhatWasChangedTakenOutOrPutIn) {
  for (const auto& [change, bad] : std::initializer_list<std::pair<const char*, std::int64_t>>{
           {"UPDATE audit SET detail = 'x' WHERE number = 3", 3},
           {"UPDATE audit SET actor = 'hu', action = 'bactb' WHERE number = 2", 2},
           {"DELETE FROM audit WHERE number = 2", 2},
           {"UPDATE audit SET time_ms = time_ms + 1 WHERE number = 1", 1},
           {"UPDATE audit SET number = 9 WHERE number = 4", 4}}) {
    const TemporaryFolder folder;
    Database database = OpenHubDatabase(folder / "hub.sqlite");
    const FakeClock clock;
    AuditLog log(database, clock);
    for (const char* subject : {"a", "b", "c", "d"}) log.Add("hub", "act", subject, "detail");
    EXPECT_EQ(log.FirstBad(), 0);
    EXPECT_EQ(log.Newest(2).front().subject, "c");
    database.Run(change);
    EXPECT_EQ(log.FirstBad(), bad) << change;
  }
}

TEST(Spool, GoesOnWhereItWasAndKeepsToItsBytes) {
  const TemporaryFolder folder;
  Database database = OpenHubDatabase(folder / "hub.sqlite");
  RunPlan plan;
  plan.name = "tiny";
  const SubmissionId id{RunId("tiny-1"), RoundNumber(1), SiteId("north"), 1};
  RunStore(database).AddRun({id.run, plan, DigestOf("model"), FakeClock().Wall()});
  const std::string bytes = "the numbers of an update";
  const auto part = [&](std::size_t from, std::size_t to) {
    v1::Chunk chunk;
    chunk.set_offset(from);
    chunk.set_data(bytes.substr(from, to - from));
    return chunk;
  };
  {
    Spool spool(database, folder / "spool");
    spool.Open(id, DigestOf(bytes), bytes.size());
    EXPECT_FALSE(spool.Append(id, part(0, 10)));
    ExpectError(ErrorCode::kOutOfRange, "does not go on at 10", [&] { spool.Append(id, part(12, 14)); });
  }
  Spool spool(database, folder / "spool");
  EXPECT_EQ(spool.Offset(id), 10U);
  ExpectError(ErrorCode::kAlreadyExists, "with other bytes", [&] { spool.Open(id, DigestOf("x"), bytes.size()); });
  EXPECT_FALSE(spool.Append(id, part(0, 10)));  // sent again: skipped
  EXPECT_TRUE(spool.Append(id, part(10, bytes.size())));
  EXPECT_EQ(spool.Complete(id.run).size(), 1U);
  EXPECT_EQ(DigestOfFile(spool.PathOf(id)), DigestOf(bytes));
  spool.Judge(id, false, "its norm is too large");
  EXPECT_EQ(spool.Find(id)->reason, "its norm is too large");
  EXPECT_TRUE(spool.Complete(id.run).empty());
  spool.RemoveRun(id.run);
  EXPECT_FALSE(std::filesystem::exists(spool.PathOf(id)));
}

TEST(Text, SpansAndSizesAreForPeople) {
  EXPECT_EQ(SpanText(4'999), "now");
  EXPECT_EQ(SpanText(40'000), "40 s");
  EXPECT_EQ(SpanText(120'000), "2 min");
  EXPECT_EQ(SpanText(5 * 3'600'000), "5 h");
  EXPECT_EQ(SpanText(3 * 86'400'000), "3 d");
  EXPECT_EQ(BytesText(980), "980 B");
  EXPECT_EQ(BytesText(1'300'000), "1.3 MB");
}

}  // namespace
}  // namespace consilium
