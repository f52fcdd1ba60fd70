// SPDX-FileCopyrightText: The Consilium authors
// SPDX-License-Identifier: Apache-2.0
// consilium-site, run as people run it: what it makes offline, and that every bad input is refused in words.
#include <dcmtk/config/osconfig.h>
#include <dcmtk/dcmdata/dctk.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <zlib.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdlib>
#include <cstring>
#include <limits>
#include <nlohmann/json.hpp>

#include "core/base/certificate.h"
#include "core/base/file_store.h"
#include "core/base/reader_file.h"
#include "core/data/fingerprint.h"
#include "core/data/library_statistics.h"
#include "core/model/model_card.h"
#include "core/model/model_update.h"
#include "imaging/dicom/seg_reader.h"
#include "imaging/phantom/phantom.h"
#include "tests/site-node/small_samples.h"
#include "tests/support/small_study.h"
#include "tests/support/temporary_folder.h"
#include "tests/tools/consilium/front_door.h"

namespace consilium {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;
using testing::HasSubstr;
using testing::Not;
using testing::StartsWith;

constexpr const char* kTinyPlan = "plan.toml";

// The voxels of a NIfTI-1 file of float32, little endian; nothing if it is cut off.
std::vector<float> NiftiFloats(const fs::path& file) {
  const auto close = [](gzFile f) { return gzclose_r(f); };
  const std::unique_ptr<gzFile_s, decltype(close)> in(gzopen(file.c_str(), "rb"), close);
  std::array<char, 352> header{};
  std::array<std::int16_t, 8> size{};
  if (in == nullptr || gzread(in.get(), header.data(), header.size()) != 352) return {};
  std::memcpy(size.data(), &header[40], sizeof(size));
  std::vector<float> values(static_cast<std::size_t>(size[1]) * static_cast<std::size_t>(size[2]) *
                            static_cast<std::size_t>(size[3]));
  const auto bytes = static_cast<unsigned>(4 * values.size());
  if (gzread(in.get(), values.data(), bytes) != static_cast<int>(bytes)) return {};
  return values;
}

// One site with three patients, a plan whose training takes a moment, and a model of that plan.
class Commands : public testing::Test {
 protected:
  static void SetUpTestSuite() {
    folder_ = new TemporaryFolder();
    WritePhantoms({.dir = At("images"), .patients = 3, .style = "north", .seed = 11});
    WriteFileDurably(At("roles.csv"), "patient,role\nnorth-001,training\nnorth-002,validation\nnorth-003,validation\n");
    imported_ = RunSite("import " + At("images").string() + " --roles roles.csv --json");
    RunPlan plan = SmallPlan();
    plan.prep.spacing_mm = 16;
    WriteFileDurably(At(kTinyPlan), ToToml(plan));
    WriteFileDurably(At("model"), ModelOf(plan, InitialParameters(plan.network, 5)));
  }
  static void TearDownTestSuite() { delete folder_; }

  static std::string Text(const std::string& name) {
    const std::vector<std::byte> bytes = ReadFile(At(name));
    return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
  }
  static fs::path At(const std::string& name) { return *folder_ / name; }
  static std::vector<std::byte> ModelOf(const RunPlan& plan, const Parameters& parameters) {
    ModelCard card;
    card.network = plan.network;
    card.prep = plan.prep;
    card.patch = plan.train.patch;
    return SerializeModel(card, parameters);
  }
  // Runs in the folder, so that names are short; a site.toml says the processor, whatever the machine has.
  static Ran RunSite(const std::string& words, const std::string& site = "site") {
    return RunConsilium(words + " --dir " + site + " < /dev/null", "cd " + folder_->path().string() + " &&");
  }
  // Exit code 1, an error with these words, a next step, and no talk of a bug.
  static Ran ExpectRefused(const std::string& words, const std::string& what, const std::string& next = "",
                           const std::string& site = "site") {
    const Ran ran = RunSite(words, site);
    SCOPED_TRACE(words + "\n" + ran.err);
    EXPECT_EQ(ran.exit_code, 1);
    EXPECT_THAT(ran.err, HasSubstr("error: "));
    EXPECT_THAT(ran.err, HasSubstr(what));
    EXPECT_THAT(ran.err, HasSubstr(next));
    EXPECT_THAT(ran.err, Not(HasSubstr("This is a bug")));
    EXPECT_EQ(ran.out, "");
    return ran;
  }
  static json Cases(const std::string& site = "site") {
    return json::parse(RunSite("cases --json", site).out).at("cases");
  }

  static inline TemporaryFolder* folder_ = nullptr;
  static inline Ran imported_;
};

TEST_F(Commands, ImportCountsAndCasesListsThem) {
  ASSERT_EQ(imported_.exit_code, 0) << imported_.err;
  const json counts = json::parse(imported_.out);
  EXPECT_EQ(counts.at("added"), 3);
  EXPECT_EQ(counts.at("studies"), 3);
  EXPECT_EQ(counts.at("quarantined"), 0);
  EXPECT_EQ(counts.at("training"), 1);
  EXPECT_EQ(counts.at("validation"), 2);
  const json cases = Cases();
  ASSERT_EQ(cases.size(), 3U);
  EXPECT_EQ(cases.at(0).at("role"), "training");
  EXPECT_THAT(cases.at(0).at("case").get<std::string>(), StartsWith("case-"));
  EXPECT_FALSE(cases.at(0).contains("prediction"));
  EXPECT_EQ(RunSite("cases --quarantined").out, "Nothing is quarantined.\n");
}

TEST_F(Commands, CasesSaysWhatKindsOfImagesThereAreAndWhatOfItMayLeave) {
  const Ran ran = RunSite("cases --statistics --pictures pictures --json");
  ASSERT_EQ(ran.exit_code, 0) << ran.err;
  const LibraryStatistics own = StatisticsFromJson(ran.out, "the output");
  EXPECT_EQ(own.patients, 3);
  EXPECT_EQ(own.modalities.at("PET"), (StatisticsBin{3, 3}));
  EXPECT_GT(own.lesions, 0);
  EXPECT_THAT(ReadTextFile(At("pictures/lesion_volume.svg")), HasSubstr("</svg>"));
  EXPECT_THAT(RunSite("cases --statistics").out, HasSubstr("3 patients, 3 cases, 3 of them with a label"));
  const Ran shared = RunSite("cases --statistics --shared --json");  // min_patients is 3 by default
  EXPECT_EQ(StatisticsFromJson(shared.out, "the output"), Shareable(own, 3));
  EXPECT_NE(RunSite("cases --shared").exit_code, 0) << "only of the statistics";
  ExpectRefused("cases --statistics --pictures plan.toml", "cannot make the folder plan.toml", "--pictures");
}

TEST_F(Commands, CasesGivesTheFingerprintThatARunIsPlannedFrom) {
  const std::string all = "patient,role\nnorth-001,training\nnorth-002,training\nnorth-003,training\n";
  WriteFileDurably(At("all.csv"), all);
  ExpectRefused("cases --fingerprint", "a fingerprint of 1 patients does not leave: it takes 3", "min_patients");
  ASSERT_EQ(RunSite("import images --roles all.csv", "three").exit_code, 0);
  const Ran ran = RunSite("cases --fingerprint --json", "three");
  ASSERT_EQ(ran.exit_code, 0) << ran.err;
  const Fingerprint fingerprint = FingerprintFromJson(ran.out, "the output");
  EXPECT_EQ(fingerprint.patients, 3);
  EXPECT_NEAR(CasePercentile(fingerprint.spacing[0], FingerprintSpacingEdgesMm(), 50), 4, 0.08) << "phantoms of north";
  EXPECT_NEAR(Mean(fingerprint.pet, kPetStepSuv), 7, 3) << "tumours of SUV 5 to 10";
  EXPECT_EQ(fingerprint, Shareable(fingerprint, 3));
  EXPECT_THAT(ran.out, Not(HasSubstr("north")));
  EXPECT_THAT(RunSite("cases --fingerprint", "three").out, HasSubstr("3 training patients, 3 cases"));
  EXPECT_NE(RunSite("cases --fingerprint --statistics", "three").exit_code, 0);
}

TEST_F(Commands, TrainWritesAnUpdateAndTheModelThatIsTheStartPlusIt) {
  const Ran ran = RunSite("train --plan plan.toml --model model --out u --model-out trained --steps 2 --round 3");
  ASSERT_EQ(ran.exit_code, 0) << ran.err;
  EXPECT_THAT(ran.out, HasSubstr("1 training patients"));
  EXPECT_THAT(ran.out, HasSubstr("Nothing was sent."));
  const ModelUpdate update = ParseUpdate(ReadFile(At("u")), "u");
  EXPECT_EQ(update.id.run, RunId("small"));
  EXPECT_EQ(update.id.round, RoundNumber(3));
  EXPECT_EQ(update.metrics.steps, 2);
  EXPECT_EQ(update.metrics.samples, 1);
  EXPECT_EQ(update.metrics.validation.cases, 2);
  EXPECT_EQ(update.base, DigestOf(ReadFile(At("model"))));
  EXPECT_GT(update.delta.Norm(), 0);
  const GlobalModel start = ReadModelFile(At("model")), trained = ReadModelFile(At("trained"));
  EXPECT_EQ(trained.card.parent, start.digest);
  EXPECT_EQ(trained.card.version, start.card.version.Next());
  EXPECT_EQ(trained.parameters, Sum(start.parameters, update.delta));
}

TEST_F(Commands, WithoutAModelTrainingStartsFromThePlansFirst) {
  ASSERT_EQ(RunSite("train --plan plan.toml --out first --model-out from-first --steps 1").exit_code, 0);
  RunPlan plan = ReadRunPlan(At(kTinyPlan));
  const Parameters first = InitialParameters(plan.network, static_cast<std::uint64_t>(plan.seed));
  EXPECT_EQ(ReadModelFile(At("from-first")).parameters, Sum(first, ParseUpdate(ReadFile(At("first")), "u").delta));
}

TEST_F(Commands, PredictWritesASegOfEachCaseATableAndTheOutbox) {
  const Ran ran = RunSite("predict --model model --role all --out seg --send --json");
  ASSERT_EQ(ran.exit_code, 0) << ran.err;
  const json result = json::parse(ran.out);
  ASSERT_EQ(result.at("cases").size(), 3U);
  EXPECT_GE(result.at("held_out_dice").get<double>(), 0);
  double sum = 0;
  for (const json& one : result.at("cases")) {
    const fs::path seg = At(one.at("seg"));
    EXPECT_EQ(seg.filename().string(), one.at("case").get<std::string>() + ".dcm");
    EXPECT_EQ(ReadSegInfo(seg).source.series_uids.size(), 1U);
    EXPECT_THAT(ReadSegInfo(seg).segments.at(0).algorithm, HasSubstr(DigestOf(ReadFile(At("model"))).Short()));
    if (one.at("role") == "validation") sum += one.at("dice").get<double>();
    std::int64_t queued = 0;
    for (const auto& entry : fs::directory_iterator(At("site/outbox"))) {
      queued += entry.path().filename().string().starts_with(one.at("case").get<std::string>());
    }
    EXPECT_EQ(queued, 1);
  }
  EXPECT_NEAR(result.at("held_out_dice").get<double>(), sum / 2, 1e-12);
  const std::vector<std::byte> kept = ReadFile(At("seg/predictions.json"));
  EXPECT_EQ(json::parse(std::string(reinterpret_cast<const char*>(kept.data()), kept.size())), result);
}

TEST_F(Commands, OneCaseIsPredictedAloneAndTheTableSaysForWhatItIs) {
  const std::string id = Cases().at(2).at("case");
  const Ran ran = RunSite("predict --model model --out one --case " + id);
  ASSERT_EQ(ran.exit_code, 0) << ran.err;
  EXPECT_THAT(ran.out, HasSubstr(id + ".dcm"));
  EXPECT_THAT(ran.out, HasSubstr("Research use only. Not for diagnosis."));
  EXPECT_TRUE(fs::exists(At("one") / (id + ".dcm")));
  EXPECT_EQ(std::distance(fs::directory_iterator(At("one")), fs::directory_iterator()), 3) << "SEG, CSV, JSON";
  EXPECT_THAT(ran.out, HasSubstr("In one: the SEG files, predictions.csv (this table), predictions.json"));
  const std::string csv = Text("one/predictions.csv");
  EXPECT_THAT(csv, StartsWith("case,role,model,lesions,volume_ml,entropy,dice,seg\n" + id + ",validation," +
                              DigestOf(ReadFile(At("model"))).Hex() + ","));
  EXPECT_THAT(csv, testing::EndsWith("," + id + ".dcm\n"));
}

// Two files more a case, that any viewer lays over the PET.
TEST_F(Commands, MapsOfProbabilityAndEntropyAreWritten) {
  const std::string id = Cases().at(2).at("case");
  const Ran ran = RunSite("predict --model model --out maps --maps --case " + id);
  ASSERT_EQ(ran.exit_code, 0) << ran.err;
  EXPECT_THAT(ran.out, HasSubstr("maps of probability and entropy"));
  const std::vector<float> probability = NiftiFloats(At("maps/" + id + "-probability.nii.gz"));
  const std::vector<float> entropy = NiftiFloats(At("maps/" + id + "-entropy.nii.gz"));
  ASSERT_GT(probability.size(), 1000U);
  ASSERT_EQ(probability.size(), entropy.size());
  EXPECT_GT(*std::max_element(entropy.begin(), entropy.end()), 0.1F);
  for (std::size_t v = 0; v < probability.size(); ++v) {
    const double p = double{probability[v]};
    ASSERT_TRUE(p >= 0 && p <= 1);
    ASSERT_NEAR(entropy[v], p > 0 && p < 1 ? -p * std::log2(p) - (1 - p) * std::log2(1 - p) : 0, 1e-5);
  }
}

// Tiles are blended, so another edge gives other numbers.
TEST_F(Commands, AModelIsPredictedInTheTilesOfItsCard) {
  RunPlan plan = ReadRunPlan(At(kTinyPlan));
  plan.train.patch = 8;
  WriteFileDurably(At("eight"), ModelOf(plan, InitialParameters(plan.network, 5)));
  const std::string one = " --case " + Cases().at(2).at("case").get<std::string>() + " --json --out tiles --model ";
  const auto entropy = [&](const std::string& words) {
    const Ran ran = RunSite("predict" + one + words);
    EXPECT_EQ(ran.exit_code, 0) << ran.err;
    return json::parse(ran.out).at("cases").at(0).at("entropy").get<double>();
  };
  EXPECT_EQ(entropy("eight"), entropy("model --patch 8"));
  EXPECT_NE(entropy("eight"), entropy("eight --patch 16"));
  ASSERT_EQ(RunSite("train --plan plan.toml --model eight --out u8 --model-out from-eight --steps 1").exit_code, 0);
  EXPECT_EQ(ReadModelFile(At("from-eight")).card.patch, ReadRunPlan(At(kTinyPlan)).train.patch);
}

TEST_F(Commands, PredictGoesOnWithoutTheCasesWhoseImagesWereMoved) {
  const std::string site = "moving";
  WritePhantoms({.dir = At("moving-images"), .patients = 3, .style = "north", .seed = 12});
  ASSERT_EQ(RunSite("import moving-images", site).exit_code, 0);
  fs::path first;  // one of the three patients
  for (const auto& entry : fs::directory_iterator(At("moving-images")))
    if (entry.is_directory() && (first.empty() || entry.path() < first)) first = entry.path();
  fs::rename(first, At("moved"));
  Ran ran = RunSite("predict --model model --role all --out moving-out --json", site);
  EXPECT_EQ(ran.exit_code, 1);
  const json result = json::parse(ran.out);
  EXPECT_EQ(result.at("cases").size(), 2U);
  ASSERT_EQ(result.at("failed").size(), 1U);
  const std::string missing = result.at("failed").at(0).at("case");
  EXPECT_THAT(ran.err, HasSubstr(missing + ": "));
  EXPECT_THAT(ran.err, HasSubstr("error: 1 of 3 cases could not be predicted; they are named above"));
  EXPECT_THAT(ran.err, HasSubstr("import them from where they lie now (consilium-site import DIR)"));
  EXPECT_THAT(Text("moving-out/predictions.csv"), Not(HasSubstr(missing)));
  fs::rename(At("moved"), At("moving-images/moved-within"));
  ASSERT_EQ(RunSite("import moving-images", site).exit_code, 0);
  ran = RunSite("predict --model model --role all --out moving-out --json", site);
  EXPECT_EQ(ran.exit_code, 0) << ran.err;
  EXPECT_EQ(json::parse(ran.out).at("cases").size(), 3U);
  fs::rename(At("moving-images"), At("moved-away"));
  ran = RunSite("predict --model model --role all --out moving-none --json", site);
  EXPECT_EQ(ran.exit_code, 1);
  EXPECT_THAT(ran.err, HasSubstr("3 of 3 cases could not be predicted"));
  EXPECT_EQ(ran.out, "");
}

TEST_F(Commands, TrainRefusesABadPlan) {
  ExpectRefused("train --plan none.toml --out x", "cannot read none.toml", "Check the path");
  WriteFileDurably(At("key.toml"), "name = \"a\"\nrouds = 3\n");
  ExpectRefused("train --plan key.toml --out x", "rouds", "rounds");
  WriteFileDurably(At("binary.toml"), std::string("\x01\xff\xfe\x00garbage", 11));
  ExpectRefused("train --plan binary.toml --out x", "binary.toml", "no valid TOML");
  ExpectRefused("train --plan model --out x", "model", "TOML");
  EXPECT_FALSE(fs::exists(At("x")));
}

TEST_F(Commands, TrainRefusesStepsAndRoundsThatThePlanDoesNotHave) {
  ExpectRefused("train --plan plan.toml --out x --steps 0", "train.steps", "");
  ExpectRefused("train --plan plan.toml --out x --round 0", "round 0 is none of the plan's 4", "--round 1");
  ExpectRefused("train --plan plan.toml --out x --round 5", "round 5 is none of the plan's 4");
  EXPECT_FALSE(fs::exists(At("x")));
}

TEST_F(Commands, TrainRefusesAModelOfAnotherKind) {
  RunPlan other = ReadRunPlan(At(kTinyPlan));
  other.network.features = {2, 6};
  WriteFileDurably(At("other-net"), ModelOf(other, InitialParameters(other.network, 5)));
  ExpectRefused("train --plan plan.toml --out x --model other-net", "another network than the plan's");
  other = ReadRunPlan(At(kTinyPlan));
  other.prep.spacing_mm = 8;
  WriteFileDurably(At("other-prep"), ModelOf(other, InitialParameters(other.network, 5)));
  ExpectRefused("train --plan plan.toml --out x --model other-prep", "prepared by plan");
  EXPECT_FALSE(fs::exists(At("x")));
}

// The same files are refused by train and by predict, with the file's name and what is wrong.
TEST_F(Commands, ADamagedModelIsRefusedByName) {
  const RunPlan plan = ReadRunPlan(At(kTinyPlan));
  Parameters nan = InitialParameters(plan.network, 5);
  nan.arrays[0].values[1] = std::numeric_limits<float>::quiet_NaN();
  WriteFileDurably(At("nan"), ModelOf(plan, nan));
  Parameters shape = InitialParameters(plan.network, 5);
  shape.arrays[0].shape.push_back(1);
  WriteFileDurably(At("shape"), ModelOf(plan, shape));
  std::vector<std::byte> cut = ReadFile(At("model"));
  cut.resize(cut.size() - 8);
  WriteFileDurably(At("cut"), cut);
  WriteFileDurably(At("text"), "a letter");
  const std::string train = "train --plan plan.toml --out x --model ", predict = "predict --out y --model ";
  ExpectRefused(train + "gone", "cannot read gone", "Check the path");
  ExpectRefused(train + "nan", "nan: `" + nan.arrays[0].name + "` holds a NaN");
  ExpectRefused(train + "shape", shape.arrays[0].name);
  ExpectRefused(train + "cut", "cut is no valid safetensors file", "Get it again");
  ExpectRefused(train + "text", "text");
  ExpectRefused(predict + "nan", "nan: `" + nan.arrays[0].name + "` holds a NaN");
  ExpectRefused(predict + "shape", shape.arrays[0].name);
  EXPECT_FALSE(fs::exists(At("x")));
}

TEST_F(Commands, TrainRefusesALabelThatTheSiteDoesNotMap) {
  RunPlan plan = ReadRunPlan(At(kTinyPlan));
  plan.labels = {"SCT 10200004 Liver"};
  WriteFileDurably(At("liver.toml"), ToToml(plan));
  ExpectRefused("train --plan liver.toml --out x",
                "does not say which of its contours the plan's label SCT 10200004 \"Liver\" is",
                "labels = { \"SCT 10200004\" = [\"NAME*\"] }");
  EXPECT_FALSE(fs::exists(At("x")));
}

TEST_F(Commands, AnUpdateIsNoModel) {
  ASSERT_EQ(RunSite("train --plan plan.toml --out update --steps 1").exit_code, 0);
  ExpectRefused("predict --model update --out y", "update holds no model card", "a model of Consilium is needed");
}

// Nothing is trained for a file that cannot be written: "trained" would stand in the log.
TEST_F(Commands, APlaceThatCannotBeWrittenIsToldBeforeTheTraining) {
  const Ran ran = ExpectRefused("train --plan plan.toml --out nowhere/u", "cannot write nowhere/u", "Make the folder");
  EXPECT_THAT(ran.err, Not(HasSubstr("trained")));
  ExpectRefused("train --plan plan.toml --out images", "cannot write images: it is a folder");
  ExpectRefused("train --plan plan.toml --out x --model-out nowhere/m", "cannot write nowhere/m");
  EXPECT_FALSE(fs::exists(At("x")));
  ExpectRefused("predict --model model --out plan.toml", "cannot make the folder plan.toml", "--out");
}

TEST_F(Commands, PredictRefusesWhatIsNotThere) {
  ExpectRefused("predict --out y", "this site has no model yet", "--model FILE");
  ExpectRefused("predict --model model --out y --case case-0", "there is no case case-0", "consilium-site cases");
  ExpectRefused("predict --model model --out y --role new", "no case to predict (role new)", "consilium-site import");
  ExpectRefused("predict --model model --out y --patch 5", "patch = 5 is not a multiple of 2");
  ExpectRefused("predict --model model --out y --patch 0", "patch = 0");
  const Ran role = RunSite("predict --model model --out y --role king");
  EXPECT_NE(role.exit_code, 0);
  EXPECT_THAT(role.err, HasSubstr("held-out"));
}

TEST_F(Commands, TestPatientsAreNotPredictedBeforeARunHasEnded) {
  WriteFileDurably(At("test.csv"), "north-001,test\nnorth-002,training\nnorth-003,validation\n");
  const json counts = json::parse(RunSite("import images --roles test.csv --json", "locked").out);
  EXPECT_EQ(counts.at("test"), 1);
  ExpectRefused("predict --model model --out y --role test", "test patients cannot be read yet: no run has ended",
                "--role validation", "locked");
  const std::string id = Cases("locked").at(0).at("case");
  ExpectRefused("predict --model model --out y --case " + id, id + " is a test patient's and cannot be read yet", "",
                "locked");
  const Ran all = RunSite("predict --model model --out y --role all --json", "locked");
  EXPECT_EQ(json::parse(all.out).at("cases").size(), 2U) << all.err;
}

// A folder's name need not be UTF-8; what is printed is.
TEST_F(Commands, FoldersOfAnyNameCanBePrintedAsJson) {
  const fs::path folder = At("M\xfcller");
  fs::copy(At("images"), folder, fs::copy_options::recursive);
  WriteFileDurably(folder / "scrap.dcm", "DICM");
  const Ran imported = RunSite("import " + folder.string() + " --json", "latin");
  ASSERT_EQ(imported.exit_code, 0) << imported.err;
  for (const std::string words : {"cases --json", "cases --quarantined --json"}) {
    const Ran ran = RunSite(words, "latin");
    EXPECT_EQ(ran.exit_code, 0) << ran.err;
    EXPECT_FALSE(json::parse(ran.out).is_discarded());
  }
  EXPECT_THAT(RunSite("cases --json", "latin").out, HasSubstr("M\u00fcller"));
}

// What an import refused is not kept for the next one.
TEST_F(Commands, AListOfRolesThatIsRefusedIsForgotten) {
  ASSERT_EQ(RunSite("import images --validation 0", "forgets").exit_code, 0);
  WriteFileDurably(At("late.csv"), "north-001,validation\n");
  ExpectRefused("import images --roles late.csv", "the list of roles gives a patient another role",
                "A patient keeps the role for good", "forgets");
  WriteFileDurably(At("king.csv"), "north-001,king\n");
  const Ran king =
      ExpectRefused("import images --roles king.csv", "king.csv, line 1: `king` is no role", "", "forgets");
  EXPECT_THAT(king.err, Not(HasSubstr("Importing"))) << "the list is read before the images";
  const Ran again = RunSite("import images", "forgets");
  EXPECT_EQ(again.exit_code, 0) << again.err;
}

TEST_F(Commands, ALabelHasVersions) {
  ASSERT_EQ(RunSite("import images --validation 0", "labels").exit_code, 0);
  const std::string id = Cases("labels").at(0).at("case");
  const std::string first = "images/north-001/PET/RTSTRUCT.dcm";
  ExpectRefused("label add " + id + " " + first + " --by Lee", "version 1", "", "labels");
  DcmFileFormat drawn;  // the same outline in another file
  ASSERT_TRUE(drawn.loadFile(At(first).c_str()).good());
  drawn.getDataset()->putAndInsertString(DCM_StructureSetLabel, "AGAIN");
  ASSERT_TRUE(drawn.saveFile(At("again.dcm").c_str()).good());
  const Ran added = RunSite("label add " + id + " again.dcm --by 'Dr Lee' --no-training", "labels");
  EXPECT_EQ(added.out, "Version 2 of the label of " + id + ". It is kept, and not trained or measured with.\n")
      << added.err;
  const json labels = json::parse(RunSite("label list " + id + " --json", "labels").out);
  ASSERT_EQ(labels.size(), 2U);
  EXPECT_EQ(labels[0].at("by"), "Dr Lee");
  EXPECT_EQ(labels[0].at("in_use"), false);
  EXPECT_EQ(labels[1].at("in_use"), true);
  EXPECT_NE(labels[0].at("digest"), labels[1].at("digest"));
  EXPECT_EQ(Cases("labels").at(0).at("labels").size(), 2U);
  ExpectRefused("label use " + id + " 2", "there is no consent to train with it", "label list", "labels");
  EXPECT_EQ(RunSite("label use " + id + " 1", "labels").out, "Version 1 of the label of " + id + " is in use.\n");
  EXPECT_THAT(RunSite("label withdraw " + id + " 1", "labels").out,
              HasSubstr("has no label now and is only predicted"));
  EXPECT_EQ(Cases("labels").at(0).at("note"), "no label may be used for training");
  ExpectRefused("label add " + id + " plan.toml --by Lee", "plan.toml", "", "labels");
  ExpectRefused("label add " + id + " images/north-002/PET/RTSTRUCT.dcm --by Lee", "patient", "", "labels");
  ExpectRefused("label list case-none", "there is no case case-none", "consilium-site cases", "labels");
}

// Ctrl-C in the middle: what was read is kept, and the same command goes on.
TEST_F(Commands, AnImportThatIsInterruptedSaysHowToGoOn) {
  for (int number = 1; number <= 60; ++number)
    WriteSmallStudy(At("many") / std::to_string(number), MakeSmallStudy(number));
  const std::string program = "'" CONSILIUM_PROGRAM "' import many --dir interrupted";
  const std::string script = "cd " + folder_->path().string() + "; " + program +
                             " > said 2> errors & pid=$!; until grep -q studies errors; do sleep 0.01; done; "
                             "kill -INT $pid; wait $pid; echo $? > code";
  std::system(script.c_str());
  EXPECT_EQ(Text("code"), "1\n");
  EXPECT_THAT(Text("errors"), HasSubstr("error: the import was stopped after "));
  EXPECT_THAT(Text("errors"), HasSubstr("The same command goes on where it stopped."));
  const auto kept = static_cast<std::int64_t>(Cases("interrupted").size());
  EXPECT_GT(kept, 0);
  EXPECT_LT(kept, 60);
  const json counts = json::parse(RunSite("import many --json", "interrupted").out);
  EXPECT_EQ(counts.at("known"), kept);
  EXPECT_EQ(counts.at("added"), 60 - kept);
}

TEST_F(Commands, ASiteWithoutPatientsIsToldToImportSome) {
  fs::create_directories(At("nothing"));
  const Ran nothing = RunSite("import nothing", "empty");
  EXPECT_EQ(nothing.exit_code, 0) << nothing.err;
  EXPECT_THAT(nothing.out, HasSubstr("Nothing was found in nothing.\n  Looked for: DICOM files of a PET and a CT"));
  EXPECT_THAT(nothing.out, HasSubstr("a contour named like GTV*, Tumour*, Tumor*."));
  ExpectRefused("train --plan plan.toml --out x", "no training patients", "consilium-site import DIR", "empty");
  ExpectRefused("predict --model model --out y", "no case to predict", "consilium-site import DIR", "empty");
  EXPECT_TRUE(Cases("empty").empty());
}

TEST_F(Commands, AFolderThatIsNotThereIsRefused) {
  ExpectRefused("import nowhere", "no folder nowhere", "Give a folder of DICOM files");
  ExpectRefused("import plan.toml", "plan.toml is a file and no folder", "Give the folder");
  ExpectRefused("cases", "cannot use the site's folder", "--dir", "plan.toml");
}

TEST_F(Commands, CommandsThatLookMakeNoFolder) {
  fs::create_directories(At("strangers/letters"));
  for (const char* words :
       {"cases", "cases --json", "egress list", "egress show", "reader list", "reader remove dr-lee", "serve",
        "predict --model model --out y", "train --plan plan.toml --out x"}) {
    ExpectRefused(words, "there is no folder tpyo", "--dir", "tpyo");
  }
  ExpectRefused("cases", "strangers is no site's folder", "--dir", "strangers");
  EXPECT_FALSE(fs::exists(At("tpyo")));
  EXPECT_EQ(std::distance(fs::directory_iterator(At("strangers")), fs::directory_iterator()), 1);
}

TEST_F(Commands, ADeviceThatIsNotThereIsRefused) {
  fs::create_directories(At("devices"));
  WriteFileDurably(At("devices/site.toml"), "device = \"gpu\"\n");
  ExpectRefused("train --plan plan.toml --out x", "device 'gpu' is not known", "auto, cpu or cuda:N", "devices");
  WriteFileDurably(At("devices/site.toml"), "device = \"cuda:99\"\n");
  ExpectRefused("train --plan plan.toml --out x", "cuda:99", "device", "devices");
  ExpectRefused("predict --model model --out y", "cuda:99", "device", "devices");
}

TEST_F(Commands, ServeRefusesASiteThatHasNotJoinedAndBadOptions) {
  fs::create_directories(At("unjoined"));
  WriteFileDurably(At("unjoined/site.toml"), "");
  ExpectRefused("serve", "this site has not joined a federation", "consilium-site join", "unjoined");
  ExpectRefused("serve --threads -1", "`threads` must be 0 to 1024", "", "unjoined");
  ExpectRefused("serve --passphrase-file nowhere", "cannot read nowhere", "", "unjoined");
  const Ran none = RunConsilium("");
  EXPECT_NE(none.exit_code, 0);
  EXPECT_THAT(none.err + none.out, HasSubstr("subcommand"));
}

TEST_F(Commands, AReadersFileIsMadeListedAndRefusedAfterwards) {
  const Ran added = RunSite("reader add dr-lee --out lee.reader --panel 10.0.0.7:7443", "readers");
  ASSERT_EQ(added.exit_code, 0) << added.err;
  EXPECT_THAT(added.out, HasSubstr("consilium-desktop --connect lee.reader"));
  EXPECT_EQ(fs::status(At("lee.reader")).permissions(), fs::perms::owner_read | fs::perms::owner_write);
  const ReaderFile file = ReadReaderFile(At("lee.reader"));
  EXPECT_EQ(file.panel, "10.0.0.7:7443");
  const json list = json::parse(RunSite("reader list --json", "readers").out);
  ASSERT_EQ(list.size(), 1U);
  EXPECT_EQ(list.at(0).at("name"), "dr-lee");
  EXPECT_EQ(list.at(0).at("fingerprint"), Certificate::FromPem(file.certificate_pem).Fingerprint());
  ExpectRefused("reader add \"Dr Lee\" --out x --panel 10.0.0.7:7443", "'Dr Lee' cannot name a reader",
                "such as dr-lee", "readers");
  EXPECT_EQ(RunSite("reader remove dr-lee", "readers").exit_code, 0);
  EXPECT_EQ(RunSite("reader list --json", "readers").out, "[]\n");
  ExpectRefused("reader remove dr-lee", "there is no reader dr-lee", "reader list", "readers");
}

// Until it is found that the file cannot be written nobody holds the key, so the name stays free.
TEST_F(Commands, AReaderWhoseFileCannotBeWrittenIsNotOnTheList) {
  ExpectRefused("reader add dr-wu --out nowhere/wu", "cannot write nowhere/wu", "Check the folder", "readers");
  EXPECT_EQ(RunSite("reader list --json", "readers").out, "[]\n");
  EXPECT_EQ(RunSite("reader add dr-wu --out wu.reader", "readers").exit_code, 0);
  ExpectRefused("reader add dr-xi --out wu.reader", "wu.reader is there already", "Choose another file", "readers");
  ExpectRefused("reader add dr-wu --out wu2", "there is a reader dr-wu already", "reader remove dr-wu", "readers");
  EXPECT_EQ(RunSite("reader remove dr-wu", "readers").exit_code, 0);
}

TEST_F(Commands, AnAddressThatNoDesktopCanDialIsRefused) {
  for (const char* address : {"nonsense", ":7443", "host:0", "host:70000"}) {
    ExpectRefused(std::string("reader add dr-xu --out xu --panel ") + address, std::string("at ") + address, "--panel",
                  "readers");
  }
  EXPECT_FALSE(fs::exists(At("xu")));
  EXPECT_EQ(RunSite("reader list --json", "readers").out, "[]\n");
}

TEST_F(Commands, WithNothingSentTheLedgerSaysSo) {
  EXPECT_EQ(RunSite("egress show").out, "Nothing has left this hospital.\n");
  EXPECT_EQ(RunSite("egress list --json").out, "[]\n");
  EXPECT_EQ(RunSite("egress show --json").out, "null\n");
}

}  // namespace
}  // namespace consilium
