// SPDX-FileCopyrightText: The Consilium authors
// SPDX-License-Identifier: Apache-2.0
#include "site-node/node.h"

#include <dcmtk/config/osconfig.h>
#include <dcmtk/dcmdata/dctk.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <nlohmann/json.hpp>
#include <optional>
#include <thread>

#include "core/base/file_store.h"
#include "core/round/plan_card.h"
#include "imaging/dicom/series_reader.h"
#include "imaging/phantom/phantom.h"
#include "proto/codec.h"
#include "tests/site-node/error_of.h"
#include "tests/site-node/fake_hub.h"
#include "tests/site-node/small_samples.h"
#include "tests/support/temporary_folder.h"

namespace consilium {
namespace {

namespace fs = std::filesystem;
using testing::HasSubstr;
using testing::Not;

constexpr const char* kCanary = "CANARY";

// Words that no hub and no log may ever see: planted in the patient's tags, and the files' own UIDs and numbers.
std::vector<std::string> PlantCanaries(const fs::path& images) {
  std::set<std::string> words = {kCanary};
  for (const auto& entry : fs::recursive_directory_iterator(images)) {
    if (!entry.is_regular_file()) continue;
    DcmFileFormat file;
    EXPECT_TRUE(file.loadFile(entry.path().c_str()).good());
    file.loadAllDataIntoMemory();  // pixels are read late otherwise, from a file that is being written
    DcmDataset& data = *file.getDataset();
    OFString patient, instance;
    data.findAndGetOFString(DCM_PatientID, patient);
    for (const DcmTagKey& tag : {DCM_PatientName, DCM_PatientID, DCM_StudyDescription, DCM_SeriesDescription,
                                 DCM_InstitutionName, DCM_ReferringPhysicianName, DCM_AccessionNumber}) {
      data.putAndInsertString(tag, (std::string(kCanary) + "^" + patient.c_str()).c_str());
    }
    data.putAndInsertString(DcmTag(0x0009, 0x0010, EVR_LO), "CANARY PRIVATE");
    for (const DcmTagKey& tag :
         {DCM_StudyInstanceUID, DCM_SeriesInstanceUID, DCM_SOPInstanceUID, DCM_FrameOfReferenceUID}) {
      if (data.findAndGetOFString(tag, instance).good()) words.insert(instance.c_str());
    }
    EXPECT_TRUE(file.saveFile(entry.path().c_str()).good());
  }
  EXPECT_GT(words.size(), 10U);
  return {words.begin(), words.end()};
}

class NodeTest : public testing::Test {
 protected:
  static void SetUpTestSuite() {
    shared_ = new TemporaryFolder();
    WritePhantoms({.dir = *shared_ / "images", .patients = 4, .style = "north", .seed = 11});
    canaries_ = new std::vector<std::string>(PlantCanaries(*shared_ / "images"));
  }
  static void TearDownTestSuite() {
    delete canaries_;
    delete shared_;
  }

  NodeTest() {
    plan_.prep.spacing_mm = 16;  // small grids: this test is about the node
    const SiteCredentials credentials = hub_.CredentialsFor("north");
    WriteFileDurably(place_.key(), credentials.key_pem, 0600);
    WriteFileDurably(place_.certificate(), credentials.certificate_pem);
    WriteFileDurably(place_.authority(), credentials.authority_pem);
    settings_.hub = hub_.address();
    settings_.site = "north";
    settings_.panel_listen = "127.0.0.1:0";
    settings_.device = "cpu";
    settings_.threads = 1;
    settings_.min_patients = 1;
    settings_.backoff_first_s = 0.02;
    settings_.backoff_most_s = 0.2;
    settings_.predict_after_quiet_s = 0;
    CaseLibrary library(place_.root(), LibraryOptionsOf(settings_), Device(), SystemClock());
    const ImportReport report = library.Import(*shared_ / "images");
    for (const Finding& finding : report.Rejected()) ADD_FAILURE() << finding.place << ": " << finding.fault.words;
    model_ = Offer(plan_, 5);
  }

  std::unique_ptr<Node> Start() { return std::make_unique<Node>(place_, settings_, nullptr, SystemClock()); }

  // Puts a first model of the plan on the fake hub.
  Digest Offer(const RunPlan& plan, std::uint64_t seed) { return Offer(plan, InitialParameters(plan.network, seed)); }
  Digest Offer(const RunPlan& plan, const Parameters& parameters) {
    ModelCard card = CardOf(plan);
    card.run = RunId("run-1");
    const auto bytes = SerializeModel(card, parameters);
    const std::string text(reinterpret_cast<const char*>(bytes.data()), bytes.size());
    hub_.models[ToBytes(DigestOf(bytes))] = text;
    return DigestOf(bytes);
  }
  void OrderTraining(std::int64_t round, std::int64_t attempt = 1) {
    v1::HubMessage message;
    v1::TrainOrder& train = *message.mutable_train();
    train.set_run("run-1");
    train.set_round(round);
    train.set_attempt(attempt);
    train.set_model(ToBytes(model_));
    train.set_model_bytes(ModelBytes());
    train.set_plan_toml(ToToml(plan_));
    hub_.Push(message);
  }
  void OrderEvaluation() {
    v1::HubMessage message;
    message.mutable_evaluate()->set_run("run-1");
    message.mutable_evaluate()->set_model(ToBytes(model_));
    message.mutable_evaluate()->set_model_bytes(ModelBytes());
    message.mutable_evaluate()->set_plan_toml(ToToml(plan_));
    hub_.Push(message);
  }
  // This hospital's own version of the model, once predictions are made with it.
  std::optional<GlobalModel> OwnCurrent() const {
    const ModelShelf shelf(place_.models());
    std::optional<GlobalModel> own;
    Eventually([&] {
      const std::optional<Digest> current = shelf.Current();
      if (!current || *current == model_) return false;
      own = *ModelShelf(place_.models()).Get(*current);
      return own->card.own && own->card.parent == model_;
    });
    return own;
  }
  std::uint64_t ModelBytes() const {
    const auto found = hub_.models.find(ToBytes(model_));
    return found == hub_.models.end() ? 4096 : found->second.size();
  }
  ModelUpdate NextUpdate() {
    const std::string bytes = hub_.WaitForUpdate();
    return ParseUpdate(std::as_bytes(std::span(bytes)), "the update");
  }
  std::string NextRefusal() {
    return hub_.WaitForMessage([](const auto& message) { return message.has_refusal(); }).refusal().reason();
  }
  template <class Condition>
  static bool Eventually(Condition condition) {
    for (int i = 0; i < 600; ++i) {
      if (condition()) return true;
      std::this_thread::sleep_for(std::chrono::milliseconds(50));
    }
    return false;
  }

  static TemporaryFolder* shared_;
  static std::vector<std::string>* canaries_;
  FakeHub hub_;
  TemporaryFolder folder_;
  SiteDirectory place_{folder_.path()};
  SiteSettings settings_;
  RunPlan plan_ = SmallPlan();
  Digest model_;
};
TemporaryFolder* NodeTest::shared_ = nullptr;
std::vector<std::string>* NodeTest::canaries_ = nullptr;

TEST_F(NodeTest, ALabelThatTheSiteDoesNotMapIsRefusedInWordsAndNeverGuessed) {
  settings_.labels = {{"99X 7", {"GTV_1"}}};
  const auto node = Start();
  plan_.labels = {"SCT 10200004 Liver"};
  OrderTraining(1);
  EXPECT_EQ(NextRefusal(), "this site does not say which of its contours the plan's label SCT 10200004 \"Liver\" is");
  plan_.labels = {"99X 7 The first mass"};  // the service goes on, and what is mapped is trained on
  model_ = Offer(plan_, 6);
  OrderTraining(1, 2);
  EXPECT_EQ(NextUpdate().metrics.samples, 2);
}

TEST_F(NodeTest, CarriesOutOrdersAndLetsNothingOfAPatientOut) {
  testing::internal::CaptureStderr();
  {
    const auto node = Start();
    OrderTraining(1);
    const ModelUpdate update = NextUpdate();
    EXPECT_EQ(update.base, model_);
    EXPECT_EQ(update.metrics.samples, 2);
    EXPECT_EQ(update.metrics.validation.cases, 2);
    EXPECT_EQ(update.metrics.steps, 3);
    EXPECT_GT(update.delta.Norm(), 0);

    OrderEvaluation();
    const auto evaluation = hub_.WaitForMessage([](const auto& got) { return got.has_evaluation(); }).evaluation();
    EXPECT_EQ(evaluation.cases(), 2);
    EXPECT_NEAR(evaluation.dice_sum(), update.metrics.validation.sum, 1e-6) << "the same model, the same patients";
  }
  const std::string log = testing::internal::GetCapturedStderr();
  EXPECT_THAT(log, HasSubstr("order to train"));
  const std::string sent = hub_.seen().bytes;
  CaseLibrary library(place_.root(), LibraryOptionsOf(settings_), Device(), SystemClock());
  for (const CaseRecord& record : library.Cases())
    EXPECT_EQ(sent.find(record.id.text()), std::string::npos) << "a pseudonym left the site";
  for (const std::string& word : *canaries_) {
    EXPECT_EQ(sent.find(word), std::string::npos) << word << " left the site";
    EXPECT_EQ(log.find(word), std::string::npos) << word << " was logged";
  }
}

TEST_F(NodeTest, PredictsByItselfWhenAModelIsCurrentAndWhenACaseIsImported) {
  const auto node = Start();
  OrderTraining(1);
  NextUpdate();
  PredictionStore store(place_.root(), {});
  EXPECT_TRUE(Eventually([&] { return store.PredictedBy(model_).size() == 4; }));

  WritePhantoms({.dir = folder_ / "more", .patients = 1, .style = "north", .seed = 11, .first_patient = 9});
  CaseLibrary library(place_.root(), LibraryOptionsOf(settings_), Device(), SystemClock());
  EXPECT_EQ(library.Import(folder_ / "more").added, 1);
  TellLibraryChanged(place_.socket());
  EXPECT_TRUE(Eventually([&] { return store.PredictedBy(model_).size() == 5; }));
  const auto counts = hub_.WaitForMessage([](const auto& message) { return message.has_data(); }).data();
  EXPECT_EQ(counts.training_patients(), 3) << "the hub hears of the new patient";
}

// FedBN: the norm layers never leave, and predictions are made with the hospital's own.
TEST_F(NodeTest, ArraysThatStayHereMakeTheHospitalsOwnVersion) {
  plan_.aggregation.keep_local = "norm";
  model_ = Offer(plan_, 5);
  const auto node = Start();
  OrderTraining(1);
  for (const NamedArray& array : NextUpdate().delta.arrays) {
    if (array.name.find(".norm.") == std::string::npos) continue;
    EXPECT_THAT(array.values, testing::Each(0.0F)) << array.name;
  }
  EXPECT_FALSE(ModelShelf(place_.models()).Current()) << "the first model is nobody's";
  model_ = Offer(plan_, 6);
  OrderTraining(2);
  NextUpdate();
  const auto own = OwnCurrent();
  ASSERT_TRUE(own);
  PredictionStore store(place_.root(), {});
  EXPECT_TRUE(Eventually([&] { return store.PredictedBy(own->digest).size() == 4; }));
  EXPECT_TRUE(store.PredictedBy(model_).empty());
}

// After the run, for this hospital alone; the hub hears nothing of it. What a stop left over is done later.
TEST_F(NodeTest, TheLastModelIsTunedForThisHospital) {
  plan_.personal = {3, 0.02};
  Parameters blind = InitialParameters(plan_.network, 5);  // finds nothing, so that any training is no worse
  for (NamedArray& array : blind.arrays)
    if (array.name.find("seg_layers") != std::string::npos && array.shape.size() == 1) array.values[1] = -20;
  model_ = Offer(plan_, blind);
  std::optional<GlobalModel> own;
  {
    const auto node = Start();
    OrderTraining(1);
    NextUpdate();
    OrderEvaluation();
    hub_.WaitForMessage([](const auto& got) { return got.has_evaluation(); });
    own = OwnCurrent();
    ASSERT_TRUE(own);
    PredictionStore store(place_.root(), {});
    EXPECT_TRUE(Eventually([&] { return store.PredictedBy(own->digest).size() == 4; }));
  }
  EXPECT_NE(own->parameters, blind);
  EXPECT_EQ(hub_.seen().uploads.size(), 1U);
  EXPECT_FALSE(fs::exists(place_.root() / "tune.json"));

  ModelShelf(place_.models()).MakeCurrent(model_);
  WriteFileDurably(place_.root() / "tune.json",
                   nlohmann::json{{"run", "run-1"}, {"model", model_.Hex()}, {"plan", ToToml(plan_)}}.dump());
  const auto again = Start();
  const auto later = OwnCurrent();
  ASSERT_TRUE(later);
  EXPECT_EQ(later->digest, own->digest);
}

TEST_F(NodeTest, PredictsACaseThatSomebodyAsksFor) {
  settings_.predict_after_quiet_s = 3600;  // not by itself
  const auto node = Start();
  const CaseId id = CaseLibrary(place_.root(), LibraryOptionsOf(settings_), Device(), SystemClock()).Cases().front().id;
  EXPECT_THAT(ErrorOf([&] { AskForPrediction(place_.socket(), id); }).what(), HasSubstr("no model yet"));
  OrderTraining(1);
  NextUpdate();
  const PredictionView prediction = AskForPrediction(place_.socket(), id);
  EXPECT_EQ(prediction.model, model_);
  EXPECT_GE(prediction.dice, 0);
  EXPECT_EQ(PredictionStore(place_.root(), {}).PredictedBy(model_).size(), 1U);
}

TEST_F(NodeTest, ASealedUpdateIsSentAfterARestartAndNotLearntAgain) {
  auto node = Start();
  OrderTraining(1);
  const std::string first = hub_.WaitForUpdate();
  node.reset();
  node = Start();
  OrderTraining(1);
  EXPECT_TRUE(Eventually([&] { return hub_.seen().offer_offsets.size() >= 2; }));
  EXPECT_EQ(hub_.seen().offer_offsets.back(), first.size()) << "the same bytes under the same name";
  EXPECT_EQ(PrivacyGuard(place_.root(), {}, SystemClock()).Ledger().size(), 1U);
}

TEST_F(NodeTest, AModelForOtherwisePreparedDataIsRefusedInWords) {
  const auto node = Start();
  plan_.prep.spacing_mm = 8;
  OrderTraining(1);
  EXPECT_THAT(NextRefusal(), HasSubstr("prepared by plan"));
  EXPECT_TRUE(hub_.seen().uploads.empty());
}

TEST_F(NodeTest, AnUnknownModelIsRefusedInWords) {
  const auto node = Start();
  model_ = DigestOf("unknown");
  OrderTraining(1);
  EXPECT_THAT(NextRefusal(), HasSubstr("the hub has no such model"));
}

TEST_F(NodeTest, APlanThatCannotBeReadIsRefusedAndTheNextOrderIsCarriedOut) {
  const auto node = Start();
  v1::HubMessage message;
  message.mutable_train()->set_run("run-1");
  message.mutable_train()->set_round(1);
  message.mutable_train()->set_attempt(1);
  message.mutable_train()->set_model(ToBytes(model_));
  message.mutable_train()->set_plan_toml("rounds = \"many\"");
  hub_.Push(message);
  EXPECT_THAT(NextRefusal(), HasSubstr("rounds"));
  OrderTraining(2);
  EXPECT_EQ(NextUpdate().id.round, RoundNumber(2));
}

TEST_F(NodeTest, TheSitesOwnLimitKeepsAnUpdateHere) {
  settings_.max_update_norm = 1e-12;
  const auto node = Start();
  OrderTraining(1);
  EXPECT_THAT(NextRefusal(), HasSubstr("above the limit"));
  EXPECT_TRUE(hub_.seen().uploads.empty());
}

TEST_F(NodeTest, ACancelledOrderStopsWithoutARefusal) {
  const auto node = Start();
  const std::int64_t steps = plan_.train.steps;
  plan_.train.steps = 1'000'000;
  OrderTraining(1);
  hub_.WaitForMessage([](const auto& message) {
    return message.progress().stage() == v1::Progress::STAGE_TRAINING && message.progress().fraction() > 0;
  });
  v1::HubMessage cancel;
  cancel.mutable_cancel()->set_run("run-1");
  cancel.mutable_cancel()->set_round(1);
  hub_.Push(cancel);
  plan_.train.steps = steps;
  OrderTraining(2);
  EXPECT_EQ(NextUpdate().id.round, RoundNumber(2));
  for (const v1::SiteMessage& message : hub_.seen().messages) EXPECT_FALSE(message.has_refusal());
}

TEST_F(NodeTest, ASiteThatHasNotJoinedIsTold) {
  fs::remove(place_.certificate());
  EXPECT_THAT(ErrorOf([&] { Start(); }).next_step(), HasSubstr("consilium-site join"));
}

}  // namespace
}  // namespace consilium
