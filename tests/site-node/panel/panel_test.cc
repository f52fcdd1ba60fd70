// SPDX-FileCopyrightText: The Consilium authors
// SPDX-License-Identifier: Apache-2.0
#include <gmock/gmock.h>
#include <grpcpp/grpcpp.h>
#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstring>
#include <mutex>
#include <numeric>
#include <set>

#include "proto/codec.h"
#include "proto/panel.grpc.pb.h"
#include "proto/tls.h"
#include "site-node/panel/panel_server.h"
#include "tests/site-node/error_of.h"
#include "tests/support/temporary_folder.h"

namespace consilium {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

// TLS looks at the system's clock, so this one stands where a test puts it beside that.
class SetClock final : public Clock {
 public:
  WallTime Wall() const override { return wall; }
  MonotonicTime Monotonic() const override { return SystemClock().Monotonic(); }
  WallTime wall = SystemClock().Wall();
};

// A hospital with three cases.
class ThreeCases final : public PanelData {
 public:
  ThreeCases() {
    auto images = std::make_shared<ImagesView>();
    images->pet.modality = Modality::kPet;
    images->pet.geometry.size = {4, 3, 5};
    images->pet.voxels.resize(60);
    std::iota(images->pet.voxels.begin(), images->pet.voxels.end(), std::int16_t{-20});
    images->pet.slope.assign(5, 0.5F);
    images->pet.intercept.assign(5, 1.0F);
    images->ct = images->pet;
    images->ct.modality = Modality::kCt;
    images->reference = LabelMap{images->pet.geometry, std::vector<std::uint8_t>(60, 0)};
    images->reference->voxels[7] = 1;
    images_ = images;
    prediction_.model = DigestOf("model");
    prediction_.version = ModelVersion(3);
    prediction_.labels = *images->reference;
    prediction_.lesions = {{1, 2.5, 8, 4, 0.9, {1, 2, 3}}};
    prediction_.entropy = 0.7;
    prediction_.dice = 0.8;
  }

  PanelView State() override {
    std::lock_guard lock(mutex_);
    return view_;
  }
  PanelView WaitForChange(std::int64_t seen) override {
    std::unique_lock lock(mutex_);
    changed_.wait_for(lock, std::chrono::milliseconds(100), [&] { return view_.revision != seen; });
    return view_;
  }
  void Say(const std::string& activity) {
    std::lock_guard lock(mutex_);
    view_.activity = activity;
    ++view_.revision;
    changed_.notify_all();
  }
  std::vector<CaseView> Cases() override {
    CaseView sure{CaseId("case-a"),
                  "training",
                  PatientText("PAT-1"),
                  PatientText("20260102"),
                  true,
                  DigestOf("model"),
                  1,
                  2.5,
                  0.1,
                  0.9};
    CaseView doubtful = sure;
    doubtful.id = CaseId("case-b");
    doubtful.entropy = 0.7;
    CaseView none{CaseId("case-c"), "new", {}, {}, false, std::nullopt, 0, 0, 0, -1};
    return {none, sure, doubtful};
  }
  std::optional<PredictionView> StoredPrediction(const CaseId&, const std::optional<Digest>& model) override {
    if (model && *model != prediction_.model) return std::nullopt;
    return prediction_;
  }
  std::vector<Digest> PredictedModels(const CaseId&) override { return {DigestOf("model"), DigestOf("older")}; }
  std::shared_ptr<const ImagesView> Images(const CaseId&) override { return images_; }
  PredictionView PredictNow(const CaseId& id, const std::function<bool()>&) override {
    if (id == CaseId("case-c")) throw Error(ErrorCode::kFailedPrecondition, "this site has no model yet", "Wait.");
    return prediction_;
  }
  void LibraryChanged() override { ++library_changes; }

  std::atomic<int> library_changes = 0;  // by the server's threads

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  PanelView view_{.revision = 1,
                  .federation_state = {},
                  .site = "north",
                  .hub_connected = true,
                  .cases = 3,
                  .predictions_waiting = 1,
                  .activity = "waiting",
                  .studies = {9, 2, {{"no-pair", 2}}}};
  std::shared_ptr<const ImagesView> images_;
  PredictionView prediction_;
};

class PanelTest : public testing::Test {
 protected:
  using Stub = std::unique_ptr<v1::Panel::Stub>;

  Stub Dial(const ReaderFile& reader) const {
    return v1::Panel::NewStub(
        MakeChannel(server_.address(), std::string(kPanelServerName),
                    ClientCredentials(reader.authority_pem, TlsIdentity{reader.certificate_pem, reader.key_pem})));
  }
  ReaderFile Reader() { return readers_.Add("dr-lee", "north", server_.address()); }
  static grpc::Status List(const Stub& stub, v1::ListCasesReply* reply = nullptr) {
    grpc::ClientContext context;
    context.set_deadline(std::chrono::system_clock::now() + std::chrono::seconds(5));
    v1::ListCasesReply own;
    return stub->ListCases(&context, {}, reply ? reply : &own);
  }

  TemporaryFolder scratch_;
  SetClock clock_;
  Readers readers_{scratch_ / "readers", nullptr, clock_};
  ThreeCases data_;
  PanelServer server_{data_, readers_, "127.0.0.1:0", scratch_ / "panel.sock"};
};

TEST_F(PanelTest, AReaderSeesTheWorklistTheMostDoubtfulFirst) {
  v1::ListCasesReply reply;
  ASSERT_TRUE(List(Dial(Reader()), &reply).ok());
  ASSERT_EQ(reply.cases_size(), 3);
  EXPECT_EQ(reply.cases(0).id(), "case-b");
  EXPECT_EQ(reply.cases(1).id(), "case-a");
  EXPECT_EQ(reply.cases(2).id(), "case-c") << "not predicted yet: last";
  EXPECT_EQ(reply.cases(1).patient(), "PAT-1");
  EXPECT_EQ(reply.cases(0).model(), DigestOf("model").Hex());
  EXPECT_EQ(reply.cases(2).dice(), -1);
}

TEST_F(PanelTest, WithoutACertificateNothingIsAnswered) {
  const ReaderFile reader = Reader();
  const Stub stub = v1::Panel::NewStub(MakeChannel(server_.address(), std::string(kPanelServerName),
                                                   ClientCredentials(reader.authority_pem, std::nullopt)));
  EXPECT_EQ(List(stub).error_code(), grpc::StatusCode::UNAVAILABLE);
}

TEST_F(PanelTest, AForeignReaderIsNotAnswered) {
  Readers foreign(scratch_ / "foreign", nullptr, clock_);
  ReaderFile reader = foreign.Add("dr-lee", "north", server_.address());
  reader.authority_pem = Reader().authority_pem;  // it knows the panel, the panel does not know it
  EXPECT_EQ(List(Dial(reader)).error_code(), grpc::StatusCode::UNAVAILABLE);
}

TEST_F(PanelTest, AnExpiredReaderIsNotAnswered) {
  const WallTime now = clock_.wall;
  clock_.wall = now - std::chrono::hours(24 * 400);
  const ReaderFile reader = Reader();
  clock_.wall = now;
  EXPECT_EQ(List(Dial(reader)).error_code(), grpc::StatusCode::UNAVAILABLE);
}

TEST_F(PanelTest, ARemovedReaderIsRefusedAtOnceInWords) {
  const Stub stub = Dial(Reader());
  ASSERT_TRUE(List(stub).ok());
  readers_.Remove("dr-lee");
  const Error error = ToError(List(stub), "panel");
  EXPECT_EQ(error.code(), ErrorCode::kPermissionDenied);
  EXPECT_THAT(error.what(), HasSubstr("this reader was removed and may not look at the panel any more"));
  EXPECT_THAT(error.next_step(), HasSubstr("reader add"));
}

TEST_F(PanelTest, APanelOfAnotherHospitalIsNotSpokenTo) {
  Readers other(scratch_ / "other", nullptr, clock_);
  const ReaderFile theirs = other.Add("dr-lee", "south", server_.address());
  ReaderFile reader = Reader();
  reader.authority_pem = theirs.authority_pem;
  EXPECT_EQ(List(Dial(reader)).error_code(), grpc::StatusCode::UNAVAILABLE);
}

TEST_F(PanelTest, StateIsPushedOnEveryChange) {
  const Stub stub = Dial(Reader());
  grpc::ClientContext context;
  const auto stream = stub->Watch(&context, {});
  v1::PanelState state;
  ASSERT_TRUE(stream->Read(&state));
  EXPECT_EQ(state.site(), "north");
  EXPECT_TRUE(state.hub_connected());
  EXPECT_EQ(state.activity(), "waiting");
  data_.Say("training round 3 (41 %)");
  ASSERT_TRUE(stream->Read(&state));
  EXPECT_EQ(state.activity(), "training round 3 (41 %)");
  context.TryCancel();
  EXPECT_EQ(stream->Finish().error_code(), grpc::StatusCode::CANCELLED);
}

TEST_F(PanelTest, ACaseComesWithImagesContourAndPrediction) {
  const Stub stub = Dial(Reader());
  grpc::ClientContext context;
  v1::CaseRequest request;
  request.set_id("case-a");
  v1::CaseReply reply;
  ASSERT_TRUE(stub->GetCase(&context, request, &reply).ok());
  ASSERT_EQ(reply.images_size(), 2);
  EXPECT_EQ(reply.images(0).modality(), "PT");
  EXPECT_EQ(reply.images(0).slope_size(), 5);
  EXPECT_EQ(LabelMapFromMessage(reply.reference()).voxels, data_.Images({})->reference->voxels);
  EXPECT_EQ(reply.prediction().version(), 3);
  EXPECT_DOUBLE_EQ(reply.prediction().lesions(0).volume_ml(), 2.5);
  EXPECT_THAT(reply.models(), ElementsAre(DigestOf("model").Hex(), DigestOf("older").Hex()));
}

TEST_F(PanelTest, AnUnknownCaseIsNotFound) {
  const Stub stub = Dial(Reader());
  grpc::ClientContext context;
  v1::CaseRequest request;
  request.set_id("case-z");
  v1::CaseReply reply;
  EXPECT_EQ(stub->GetCase(&context, request, &reply).error_code(), grpc::StatusCode::NOT_FOUND);
}

TEST_F(PanelTest, AnImageComesWithTheAskedSliceFirstAndEverySliceOnce) {
  const Stub stub = Dial(Reader());
  for (const std::int64_t first : {0, 2, 4, 99}) {
    grpc::ClientContext context;
    v1::ImageRequest request;
    request.set_id("case-a");
    request.set_modality("PT");
    request.set_first_slice(first);
    const auto stream = stub->GetImage(&context, request);
    VoxelBuffer<std::int16_t> voxels(60, 0);
    std::set<std::int64_t> slices;
    v1::ImageSlab slab;
    bool is_first = true;
    while (stream->Read(&slab)) {
      if (is_first) {
        EXPECT_EQ(slab.slice(), std::min<std::int64_t>(first, 4));
      }
      is_first = false;
      for (std::int64_t k = slab.slice(); k < slab.slice() + slab.slices(); ++k) EXPECT_TRUE(slices.insert(k).second);
      ASSERT_EQ(slab.voxels().size(), static_cast<std::size_t>(slab.slices()) * 24);
      std::memcpy(voxels.data() + slab.slice() * 12, slab.voxels().data(), slab.voxels().size());
    }
    EXPECT_TRUE(stream->Finish().ok());
    EXPECT_EQ(slices.size(), 5U);
    EXPECT_EQ(voxels, data_.Images({})->pet.voxels);
  }
}

TEST_F(PanelTest, AnotherModalityIsRefusedInWords) {
  const Stub stub = Dial(Reader());
  grpc::ClientContext context;
  v1::ImageRequest request;
  request.set_id("case-a");
  request.set_modality("MR");
  const auto stream = stub->GetImage(&context, request);
  v1::ImageSlab slab;
  EXPECT_FALSE(stream->Read(&slab));
  EXPECT_THAT(stream->Finish().error_message(), HasSubstr("PT or CT"));
}

TEST_F(PanelTest, TheSocketAnswersThisMachinesCommands) {
  const PredictionView prediction = AskForPrediction(scratch_ / "panel.sock", CaseId("case-a"));
  EXPECT_EQ(prediction.model, DigestOf("model"));
  EXPECT_EQ(prediction.labels.voxels, data_.Images({})->reference->voxels);
  EXPECT_DOUBLE_EQ(prediction.lesions.at(0).suv_max, 8);
  const Error error = ErrorOf([&] { AskForPrediction(scratch_ / "panel.sock", CaseId("case-c")); });
  EXPECT_EQ(error.code(), ErrorCode::kFailedPrecondition);
  EXPECT_THAT(error.what(), HasSubstr("no model yet"));
  TellLibraryChanged(scratch_ / "panel.sock");
  EXPECT_EQ(data_.library_changes, 1);
}

TEST_F(PanelTest, APortThatIsTakenIsToldWithWhatToDo) {
  Readers readers(scratch_ / "second", nullptr, clock_);
  const Error error = ErrorOf([&] { PanelServer second(data_, readers, server_.address(), scratch_ / "second.sock"); });
  EXPECT_EQ(error.code(), ErrorCode::kUnavailable);
  EXPECT_THAT(error.next_step(), HasSubstr("--panel-listen"));
}

TEST(Readers, AreListedByNameAndMadeOnce) {
  const TemporaryFolder scratch;
  SetClock clock;
  {
    Readers readers(scratch.path(), nullptr, clock);
    readers.Add("dr-wu", "north", "127.0.0.1:1");
    const ReaderFile lee = readers.Add("dr-lee", "north", "127.0.0.1:1");
    EXPECT_EQ(lee.reader, "dr-lee");
    EXPECT_EQ(ErrorOf([&] { readers.Add("dr-lee", "north", "127.0.0.1:1"); }).code(), ErrorCode::kAlreadyExists);
    EXPECT_EQ(ErrorOf([&] { readers.Add("Dr Lee", "north", "127.0.0.1:1"); }).code(), ErrorCode::kInvalidArgument);
  }
  Readers again(scratch.path(), nullptr, clock);
  ASSERT_EQ(again.List().size(), 2U);
  EXPECT_EQ(again.List()[0].name, "dr-lee");
  again.Remove("dr-lee");
  EXPECT_EQ(again.List().size(), 1U);
  EXPECT_EQ(ErrorOf([&] { again.Remove("dr-lee"); }).code(), ErrorCode::kNotFound);
}

TEST(Readers, APassphraseEncryptsTheAuthoritysKey) {
  const TemporaryFolder scratch;
  SetClock clock;
  const Secret passphrase("correct horse");
  Readers(scratch.path(), &passphrase, clock).Add("dr-lee", "north", "127.0.0.1:1");
  EXPECT_EQ(ErrorOf([&] { Readers again(scratch.path(), nullptr, clock); }).code(), ErrorCode::kUnauthenticated);
}

}  // namespace
}  // namespace consilium
