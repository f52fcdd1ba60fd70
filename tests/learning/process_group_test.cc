// SPDX-FileCopyrightText: The Consilium authors
// SPDX-License-Identifier: Apache-2.0
#include "learning/process_group.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <cmath>
#include <cstdlib>
#include <thread>

#include "core/base/error.h"
#include "core/base/file_store.h"
#include "core/model/safetensors.h"
#include "learning/rendezvous.h"
#include "learning/trainer.h"
#include "tests/learning/process_trainings.h"
#include "tests/support/free_port.h"
#include "tests/support/temporary_folder.h"
#include "tools/demo/process.h"

namespace consilium {
namespace {

using std::chrono::steady_clock;
using testing::AllOf;
using testing::HasSubstr;
using testing::Not;

std::string Text(const std::filesystem::path& file) {
  const std::vector<std::byte> bytes = ReadFile(file);
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

// Two processes of the worker program, and what became of them.
class TwoProcesses : public testing::Test {
 protected:
  struct End {
    int status = -1;
    std::string said;
  };

  std::filesystem::path Out(int rank) const { return folder_.path() / (std::to_string(rank) + ".safetensors"); }

  ChildProcess Start(int rank, const std::string& mode, int patience_ms) const {
    return {
        {"/usr/bin/env", "RANK=" + std::to_string(rank), "WORLD_SIZE=2", "MASTER_PORT=" + std::to_string(port_),
         "OMP_WAIT_POLICY=PASSIVE", CONSILIUM_PROCESS_WORKER, mode, Out(rank).string(), std::to_string(patience_ms)},
        folder_.path() / (std::to_string(rank) + ".log")};
  }

  static End EndOf(ChildProcess& process) {
    const int status = process.Wait();
    return {status, Text(process.log())};
  }

  std::array<End, 2> Run(const std::string& mode, int patience_ms = 60000) {
    ChildProcess first = Start(0, mode, patience_ms), second = Start(1, mode, patience_ms);
    return {EndOf(first), EndOf(second)};
  }

  TemporaryFolder folder_;
  int port_ = FreePort();
};

// What one process makes of it: parameters, then what the optimiser remembers, as the worker writes them.
std::pair<Parameters, double> InOneProcess(const test::Training& training) {
  Trainer trainer(test::kTogether, {}, {.threads = 1});
  TrainOutcome outcome;
  outcome.parameters = InitialParameters(test::kTogether, 1);
  const ControlVariates control = test::SomeControl(0.01F);
  for (int call = 0; call < 2; ++call) {
    TrainPosition position = training.Position(call);
    if (training.scaffold) position.control = &control;
    outcome = trainer.Train(outcome.parameters, outcome.optimizer, training.samples, training.plan, position);
  }
  Parameters all = outcome.parameters;
  for (NamedArray array : ToParameters(outcome.optimizer).arrays) all.arrays.push_back(std::move(array));
  return {all, outcome.mean_loss};
}

// Over the model's arrays, which come first. What an optimiser remembers is only seen by its effect.
double LargestDifference(const Parameters& a, const Parameters& b) {
  double largest = 0;
  for (std::size_t i = 0; i < InitialParameters(test::kTogether, 1).arrays.size(); ++i) {
    const NamedArray &one = a.arrays.at(i), &other = b.arrays.at(i);
    EXPECT_EQ(one.name, other.name);
    EXPECT_EQ(one.values.size(), other.values.size());
    // The norm behind it takes a convolution's bias away: its gradient is nothing but rounding, which AdamW blows up.
    if (one.name.ends_with(".conv.bias")) continue;
    for (std::size_t v = 0; v < one.values.size(); ++v)
      largest = std::max(largest, std::abs(double{one.values[v]} - double{other.values[v]}));
  }
  return largest;
}

class SameAsOne : public TwoProcesses, public testing::WithParamInterface<std::string> {};

// Twenty steps; only the order in which gradients are summed differs. The steps are small (clipped to 1, or a rate of
// 0.001): long ones carry a rounding difference across leaky ReLU's kink, and it grows to 1e-4 in as many steps.
TEST_P(SameAsOne, ParametersAfterTwentySteps) {
  const test::Training training = test::TrainingNamed(GetParam());
  const auto ends = Run(GetParam());
  for (const End& end : ends) ASSERT_EQ(end.status, 0) << end.said;
  const auto [one, loss] = InOneProcess(training);
  ParametersFile first = ReadParametersFile(Out(0)), second = ReadParametersFile(Out(1));
  EXPECT_EQ(first.parameters, second.parameters) << "not the same bits in both processes";
  const double difference = LargestDifference(first.parameters, one);
  std::printf("largest difference: %.1e\n", difference);
  EXPECT_LT(difference, 1e-5);
  EXPECT_NEAR(std::stod(first.metadata["loss"]), loss, 1e-5);
  EXPECT_GT(LargestDifference(one, InitialParameters(test::kTogether, 1)), 5e-4) << "nothing was trained";
}
INSTANTIATE_TEST_SUITE_P(, SameAsOne, testing::Values("sgd", "augmented", "adamw", "scaffold", "gradient"),
                         [](const auto& name) { return name.param; });

TEST_F(TwoProcesses, WorkThatCannotBeSharedIsRefusedInBoth) {
  for (const End& end : Run("uneven")) {
    EXPECT_EQ(end.status, 1);
    EXPECT_THAT(end.said, AllOf(HasSubstr("2 processes cannot share a batch of 3 evenly"),
                                HasSubstr("Set train.batch to a multiple of the number of processes")));
  }
  for (const End& end : Run("few")) EXPECT_THAT(end.said, HasSubstr("2 processes for 1 patients"));
}

TEST_F(TwoProcesses, OtherPatientsAreRefusedInBoth) {
  for (const End& end : Run("differs")) {
    EXPECT_EQ(end.status, 1);
    EXPECT_THAT(end.said, AllOf(HasSubstr("process 1 of 2 has other patients"), HasSubstr("than process 0"),
                                HasSubstr("Start all processes with the same command on the same files.")));
  }
}

TEST_F(TwoProcesses, AStopInOneStopsBothInTheSameStep) {
  const auto ends = Run("stops");
  for (const End& end : ends) EXPECT_THAT(end.said, HasSubstr("training was stopped after"));
  EXPECT_EQ(ends[0].said, ends[1].said);
}

TEST_F(TwoProcesses, OneThatNeverComesEndsTheOtherInTime) {
  for (const int rank : {0, 1}) {
    const auto begun = steady_clock::now();
    ChildProcess lonely = Start(rank, "sgd", 2000);
    const End end = EndOf(lonely);
    EXPECT_EQ(end.status, 1);
    EXPECT_THAT(end.said,
                AllOf(HasSubstr("process " + std::to_string(rank) + " of 2, waiting for the others at"),
                      HasSubstr("127.0.0.1 port " + std::to_string(port_)), HasSubstr("did not answer within 2 s"),
                      HasSubstr("whether all processes were started")));
    EXPECT_LT(steady_clock::now() - begun, std::chrono::seconds(20));
  }
}

TEST_F(TwoProcesses, OneThatDiesEndsTheOther) {
  const auto begun = steady_clock::now();
  const auto ends = Run("dies");
  EXPECT_EQ(ends[1].status, 128 + SIGKILL);
  EXPECT_EQ(ends[0].status, 1);
  EXPECT_THAT(ends[0].said, AllOf(HasSubstr("process 0 of 2"), HasSubstr("another process has gone"),
                                  HasSubstr("then start all of them again")));
  const auto leader = Run("leader dies");
  EXPECT_EQ(leader[1].status, 1);
  EXPECT_THAT(leader[1].said, AllOf(HasSubstr("process 1 of 2, waiting for process 0: another process has gone"),
                                    Not(HasSubstr("frame #"))));
  EXPECT_LT(steady_clock::now() - begun, std::chrono::seconds(30));
}

TEST_F(TwoProcesses, OneThatFailsAndLivesOnEndsTheOther) {
  ChildProcess first = Start(0, "fails", 60000), second = Start(1, "fails", 60000);
  const auto begun = steady_clock::now();
  const End end = EndOf(first);
  EXPECT_LT(steady_clock::now() - begun, std::chrono::seconds(10));
  EXPECT_THAT(end.said, HasSubstr("another process has gone"));
  EXPECT_FALSE(second.ExitCode().has_value());
  EXPECT_THAT(Text(folder_.path() / "1.log"), Not(HasSubstr("terminate")));
}

TEST_F(TwoProcesses, OrdersArriveInTurnAndTheEndIsKnown) {
  const auto ends = Run("orders");
  EXPECT_EQ(ends[0].status, 0) << ends[0].said;
  EXPECT_THAT(ends[1].said, HasSubstr("[one][][end][done]"));
}

TEST_F(TwoProcesses, ListenOnLoopbackOnly) {
  for (const End& end : Run("listens")) {
    EXPECT_EQ(end.status, 0) << end.said;
    EXPECT_THAT(end.said, AllOf(HasSubstr("listener loopback"), Not(HasSubstr("elsewhere"))));
  }
}

TEST(Rendezvous, BindsToOneAddressAndFindsItsOwn) {
  const int fd = ListenAt("127.0.0.1", 0);
  const int port = PortOf(fd);
  EXPECT_EQ(OwnAddressTowards("127.0.0.1", port), "127.0.0.1");
  EXPECT_EQ(NumericAddress("localhost"), "127.0.0.1");
  try {
    ListenAt("127.0.0.1", port);
    ADD_FAILURE() << "the port is taken";
  } catch (const Error& error) {
    EXPECT_THAT(error.Text(), AllOf(HasSubstr("cannot listen at 127.0.0.1 port"), HasSubstr("already in use"),
                                    HasSubstr("a port that nobody uses")));
  }
  close(fd);
  EXPECT_THROW(ListenAt("192.0.2.1", 0), Error);  // TEST-NET-1: nobody's address
  EXPECT_THROW(NumericAddress("no-such-host.invalid"), Error);
}

// Sets torchrun's variables while it lives.
class Variables {
 public:
  explicit Variables(std::vector<std::pair<std::string, std::string>> values) : values_(std::move(values)) {
    for (const auto& [name, value] : values_) setenv(name.c_str(), value.c_str(), 1);
  }
  ~Variables() {
    for (const auto& [name, value] : values_) unsetenv(name.c_str());
  }
  Variables(const Variables&) = delete;
  Variables& operator=(const Variables&) = delete;

 private:
  std::vector<std::pair<std::string, std::string>> values_;
};

std::string RefusalOf(std::vector<std::pair<std::string, std::string>> values) {
  const Variables set(std::move(values));
  try {
    ProcessPlaceFromEnvironment();
    return "taken";
  } catch (const Error& error) {
    return error.what();
  }
}

TEST(ProcessPlace, FollowsTorchrunsVariables) {
  EXPECT_FALSE(ProcessPlaceFromEnvironment().has_value());
  {
    const Variables one({{"RANK", "0"}, {"WORLD_SIZE", "1"}});
    EXPECT_FALSE(ProcessPlaceFromEnvironment().has_value());
  }
  {
    const Variables few({{"RANK", "1"}, {"WORLD_SIZE", "2"}});
    const auto place = ProcessPlaceFromEnvironment();
    ASSERT_TRUE(place.has_value());
    EXPECT_EQ(place->address, "127.0.0.1");
    EXPECT_EQ(place->port, 29500);
    EXPECT_FALSE(place->agent);
    EXPECT_EQ(place->local_size, 2) << "all on this machine";
    EXPECT_EQ(ThreadsOf(*place, 3), 3);
    EXPECT_EQ(ThreadsOf(*place, 0), std::max(1U, std::thread::hardware_concurrency() / 2));
    EXPECT_EQ(DeviceOf(*place, "cpu"), Device());
  }
  const Variables all({{"RANK", "3"},
                       {"WORLD_SIZE", "4"},
                       {"LOCAL_RANK", "1"},
                       {"MASTER_ADDR", "node-a"},
                       {"MASTER_PORT", "1234"},
                       {"TORCHELASTIC_USE_AGENT_STORE", "True"},
                       {"TORCHELASTIC_RESTART_COUNT", "2"}});
  const auto place = ProcessPlaceFromEnvironment();
  ASSERT_TRUE(place.has_value());
  EXPECT_EQ(place->rank, 3);
  EXPECT_EQ(place->size, 4);
  EXPECT_EQ(place->local_rank, 1);
  EXPECT_EQ(place->local_size, 1) << "of another machine nothing is known";
  EXPECT_EQ(place->address, "node-a");
  EXPECT_EQ(place->port, 1234);
  EXPECT_TRUE(place->agent);
  EXPECT_EQ(place->attempt, "2");
}

TEST(ProcessPlace, WrongVariablesAreNamed) {
  EXPECT_EQ(RefusalOf({{"RANK", "0"}}), "WORLD_SIZE is not set");
  EXPECT_EQ(RefusalOf({{"WORLD_SIZE", "2"}}), "RANK is not set");
  EXPECT_EQ(RefusalOf({{"RANK", "x"}, {"WORLD_SIZE", "2"}}), "RANK is no number");
  EXPECT_EQ(RefusalOf({{"RANK", "2"}, {"WORLD_SIZE", "2"}}), "RANK must be between 0 and WORLD_SIZE - 1 = 1, not 2");
  EXPECT_EQ(RefusalOf({{"RANK", "0"}, {"WORLD_SIZE", "2"}, {"MASTER_PORT", "70000"}}),
            "MASTER_PORT must be between 1 and 65535, not 70000");
}

}  // namespace
}  // namespace consilium
