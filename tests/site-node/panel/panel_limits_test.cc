// SPDX-FileCopyrightText: The Consilium authors
// SPDX-License-Identifier: Apache-2.0
// What the panel does not take, and how much of it travels at once.
#include <gmock/gmock.h>
#include <grpcpp/grpcpp.h>
#include <gtest/gtest.h>

#include <chrono>
#include <condition_variable>
#include <limits>
#include <mutex>
#include <numeric>

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

constexpr std::int64_t kSliceBytes = 256 * 256 * 2;
constexpr std::int64_t kSlices = 30;

// A hospital with one case, whose slices are an eighth of a MiB each.
class OneCase final : public PanelData {
 public:
  OneCase() {
    auto images = std::make_shared<ImagesView>();
    images->pet.modality = Modality::kPet;
    images->pet.geometry.size = {256, 256, kSlices};
    images->pet.voxels.resize(static_cast<std::size_t>(256 * 256 * kSlices));
    std::iota(images->pet.voxels.begin(), images->pet.voxels.end(), std::int16_t{0});
    images->pet.slope.assign(kSlices, 0.5F);
    images->pet.intercept.assign(kSlices, 0.0F);
    images->ct = images->pet;
    images->ct.modality = Modality::kCt;
    images_ = images;
  }
  PanelView State() override {
    std::lock_guard lock(mutex_);
    return view_;
  }
  PanelView WaitForChange(std::int64_t seen) override {
    std::unique_lock lock(mutex_);
    changed_.wait_for(lock, std::chrono::milliseconds(50), [&] { return view_.revision != seen; });
    return view_;
  }
  void Change() {
    std::lock_guard lock(mutex_);
    ++view_.revision;
    changed_.notify_all();
  }
  std::vector<CaseView> Cases() override { return {{CaseId("case-a"), "new", {}, {}, false, {}, 0, 0, 0, -1}}; }
  std::optional<PredictionView> StoredPrediction(const CaseId&, const std::optional<Digest>&) override { return {}; }
  std::vector<Digest> PredictedModels(const CaseId&) override { return {}; }
  std::shared_ptr<const ImagesView> Images(const CaseId&) override { return images_; }
  PredictionView PredictNow(const CaseId&, const std::function<bool()>&) override {
    throw std::runtime_error("not an Error of ours");
  }
  void LibraryChanged() override {}

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  PanelView view_{.revision = 1,
                  .federation_state = {},
                  .site = "north",
                  .hub_connected = false,
                  .cases = 1,
                  .predictions_waiting = 0,
                  .activity = {}};
  std::shared_ptr<const ImagesView> images_;
};

struct Slab {
  std::int64_t slice, slices;
  friend bool operator==(const Slab&, const Slab&) = default;
};

class PanelLimits : public testing::Test {
 protected:
  void SetUp() override {
    const ReaderFile reader = readers_.Add("dr-lee", "north", server_.address());
    stub_ = v1::Panel::NewStub(
        MakeChannel(server_.address(), std::string(kPanelServerName),
                    ClientCredentials(reader.authority_pem, TlsIdentity{reader.certificate_pem, reader.key_pem})));
  }
  grpc::Status GetCase(const std::string& id, const std::string& model, v1::CaseReply* reply = nullptr) {
    grpc::ClientContext context;
    v1::CaseRequest request;
    request.set_id(id);
    request.set_model(model);
    v1::CaseReply own;
    return stub_->GetCase(&context, request, reply ? reply : &own);
  }
  std::vector<Slab> Image(std::int64_t first) {
    grpc::ClientContext context;
    v1::ImageRequest request;
    request.set_id("case-a");
    request.set_modality("PT");
    request.set_first_slice(first);
    const auto stream = stub_->GetImage(&context, request);
    std::vector<Slab> slabs;
    for (v1::ImageSlab slab; stream->Read(&slab);) {
      EXPECT_EQ(std::ssize(slab.voxels()), slab.slices() * kSliceBytes);
      slabs.push_back({slab.slice(), slab.slices()});
    }
    EXPECT_TRUE(stream->Finish().ok());
    return slabs;
  }
  // How an open stream ends when its reader is removed, and `then` happens.
  grpc::Status EndOfStream(const std::function<void()>& then) {
    grpc::ClientContext context;
    context.set_deadline(std::chrono::system_clock::now() + std::chrono::seconds(20));
    const auto stream = stub_->Watch(&context, {});
    v1::PanelState state;
    EXPECT_TRUE(stream->Read(&state));
    readers_.Remove("dr-lee");
    then();
    EXPECT_FALSE(stream->Read(&state));
    return stream->Finish();
  }

  TemporaryFolder scratch_;
  Readers readers_{scratch_ / "readers", nullptr, SystemClock()};
  OneCase data_;
  PanelServer server_{data_, readers_, "127.0.0.1:0", scratch_ / "panel.sock"};
  std::unique_ptr<v1::Panel::Stub> stub_;
};

TEST_F(PanelLimits, AnImageTravelsInPiecesOfAMebibyteOutwards) {
  EXPECT_THAT(Image(12), ElementsAre(Slab{12, 1}, Slab{13, 8}, Slab{4, 8}, Slab{21, 8}, Slab{0, 4}, Slab{29, 1}));
  EXPECT_THAT(Image(0), ElementsAre(Slab{0, 1}, Slab{1, 8}, Slab{9, 8}, Slab{17, 8}, Slab{25, 5}));
}

TEST_F(PanelLimits, ASliceOutsideTheImageMeansItsNearest) {
  EXPECT_EQ(Image(-5).front(), (Slab{0, 1}));
  EXPECT_EQ(Image(std::numeric_limits<std::int64_t>::min()).front(), (Slab{0, 1}));
  EXPECT_EQ(Image(std::numeric_limits<std::int64_t>::max()).front(), (Slab{kSlices - 1, 1}));
}

TEST_F(PanelLimits, ARequestAboveTheLimitIsRefusedAndTheNextOneAnswered) {
  EXPECT_EQ(GetCase(std::string(5 << 20, 'x'), "").error_code(), grpc::StatusCode::RESOURCE_EXHAUSTED);
  EXPECT_EQ(GetCase(std::string(1 << 20, 'x'), "").error_code(), grpc::StatusCode::NOT_FOUND);
  EXPECT_TRUE(GetCase("case-a", "").ok());
}

TEST_F(PanelLimits, AModelThatIsNoDigestIsRefusedAndAnUnknownOneHasNoPrediction) {
  for (const std::string& model : {std::string("latest"), std::string(63, 'a'), std::string(64, 'g')}) {
    EXPECT_EQ(GetCase("case-a", model).error_code(), grpc::StatusCode::INVALID_ARGUMENT) << model;
  }
  v1::CaseReply reply;
  ASSERT_TRUE(GetCase("case-a", DigestOf("unknown").Hex(), &reply).ok());
  EXPECT_FALSE(reply.has_prediction());
  EXPECT_EQ(reply.images_size(), 2);
}

TEST_F(PanelLimits, AnUnexpectedFailureIsAnAnswerAndTheServiceGoesOn) {
  grpc::ClientContext context;
  v1::PredictRequest request;
  request.set_id("case-a");
  v1::PredictReply reply;
  EXPECT_EQ(stub_->Predict(&context, request, &reply).error_code(), grpc::StatusCode::INTERNAL);
  EXPECT_TRUE(GetCase("case-a", "").ok());
}

TEST_F(PanelLimits, ARemovedReaderSeesNoFurtherChange) {
  EXPECT_EQ(EndOfStream([&] { data_.Change(); }).error_code(), grpc::StatusCode::PERMISSION_DENIED);
}

TEST_F(PanelLimits, ARemovedReadersOpenStreamEndsThoughNothingChanges) {
  const grpc::Status status = EndOfStream([] {});
  EXPECT_EQ(status.error_code(), grpc::StatusCode::PERMISSION_DENIED);
  EXPECT_THAT(status.error_message(), HasSubstr("this reader was removed"));
}

TEST_F(PanelLimits, AFolderTooDeepForASocketIsToldWithWhatToDo) {
  const Error error = ErrorOf(
      [&] { PanelServer deep(data_, readers_, "127.0.0.1:0", scratch_ / std::string(120, 'd') / "panel.sock"); });
  EXPECT_EQ(error.code(), ErrorCode::kInvalidArgument);
  EXPECT_THAT(error.what(), HasSubstr("too long for a socket"));
  EXPECT_THAT(error.next_step(), HasSubstr("--dir"));
}

TEST_F(PanelLimits, WithoutAServiceACommandIsToldSo) {
  const Error error = ErrorOf([&] { AskForPrediction(scratch_ / "nobody.sock", CaseId("case-a")); });
  EXPECT_EQ(error.code(), ErrorCode::kUnavailable);
  EXPECT_THAT(error.what(), HasSubstr("cannot ask the running service"));
}

}  // namespace
}  // namespace consilium
