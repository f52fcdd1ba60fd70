// SPDX-FileCopyrightText: The Consilium authors
// SPDX-License-Identifier: Apache-2.0
#include "site-node/library/case_library.h"

#include <dcmtk/config/osconfig.h>
#include <dcmtk/dcmdata/dctk.h>
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <set>

#include "core/base/file_store.h"
#include "imaging/dicom/series_reader.h"
#include "imaging/phantom/anatomy.h"
#include "imaging/phantom/phantom.h"
#include "imaging/phantom/style.h"
#include "tests/site-node/error_of.h"
#include "tests/support/fake_clock.h"
#include "tests/support/scarce_memory.h"
#include "tests/support/temporary_folder.h"

namespace consilium {
namespace {

namespace fs = std::filesystem;
using testing::HasSubstr;
using testing::Not;

// Five synthetic patients, written once for all tests; each test works on its own copy where it changes files.
class CaseLibraryTest : public testing::Test {
 protected:
  static void SetUpTestSuite() {
    shared_ = new TemporaryFolder();
    WritePhantoms({.dir = *shared_ / "images", .patients = 5, .style = "north", .seed = 11});
  }
  static void TearDownTestSuite() {
    delete shared_;
    shared_ = nullptr;
  }

  static fs::path Images() { return *shared_ / "images"; }
  fs::path CopyOfImages() {
    fs::copy(Images(), folder_ / "images", fs::copy_options::recursive);
    return folder_ / "images";
  }
  std::unique_ptr<CaseLibrary> Open(const LibraryOptions& options = LibraryOptions()) {
    fs::create_directories(folder_ / "site");
    return std::make_unique<CaseLibrary>(folder_ / "site", options, Device(), clock_);
  }
  static fs::path AnySlice(const fs::path& patient) {
    std::set<fs::path> slices;
    for (const auto& entry : fs::recursive_directory_iterator(patient / "CT"))
      if (entry.is_regular_file()) slices.insert(entry.path());
    return *std::next(slices.begin(), 3);
  }
  // Shifts every contour along x.
  static void MoveContours(const fs::path& structures, double mm) {
    DcmFileFormat file;
    ASSERT_TRUE(file.loadFile(structures.c_str()).good());
    DcmStack stack;
    while (file.getDataset()->nextObject(stack, true).good()) {
      auto* points = dynamic_cast<DcmDecimalString*>(stack.top());
      if (points == nullptr || points->getTag() != DCM_ContourData) continue;
      OFVector<Float64> numbers;
      points->getFloat64Vector(numbers);
      OFString text;
      for (std::size_t n = 0; n < numbers.size(); ++n)
        text += fmt::format("{}{:.2f}", n == 0 ? "" : "\\", numbers[n] + (n % 3 == 0 ? mm : 0)).c_str();
      points->putOFStringArray(text);
    }
    ASSERT_TRUE(file.saveFile(structures.c_str()).good());
  }
  static std::set<fs::path> Patients(const fs::path& images) {
    std::set<fs::path> patients;
    for (const auto& entry : fs::directory_iterator(images)) patients.insert(entry.path());
    return patients;
  }

  static TemporaryFolder* shared_;
  TemporaryFolder folder_;
  FakeClock clock_;
};
TemporaryFolder* CaseLibraryTest::shared_ = nullptr;

TEST_F(CaseLibraryTest, TakesInEveryPatientAndKeepsTwoForMeasuring) {
  const auto library = Open();
  const ImportReport report = library->Import(Images());
  EXPECT_EQ(report.added, 5);
  EXPECT_TRUE(report.Rejected().empty());
  EXPECT_EQ(report.Quality(), (StudyQuality{5, 0, {}}));
  EXPECT_EQ(library->Quality(), report.Quality());
  EXPECT_EQ(library->Counts(), (CaseCounts{3, 2}));
  const std::vector<CaseRecord> cases = library->Cases();
  ASSERT_EQ(cases.size(), 5U);
  for (const CaseRecord& record : cases) {
    EXPECT_THAT(record.id.text(), Not(HasSubstr(record.patient.Reveal()))) << "a pseudonym";
    EXPECT_FALSE(record.study_date.empty());
    EXPECT_TRUE(record.labelled && record.present && record.Note().empty());
  }
}

TEST_F(CaseLibraryTest, ImportingTwiceAddsNothing) {
  const auto library = Open();
  library->Import(Images());
  const std::int64_t generation = library->Generation();
  const auto again = Open();
  const ImportReport report = again->Import(Images());
  EXPECT_EQ(report.added, 0);
  EXPECT_EQ(report.known, 5);
  EXPECT_EQ(again->Cases().size(), 5U);
  EXPECT_EQ(again->Generation(), generation);
}

TEST_F(CaseLibraryTest, LaterPatientsAreForTrainingAndRolesStay) {
  const fs::path images = CopyOfImages();
  const std::set<fs::path> patients = Patients(images);
  fs::create_directories(folder_ / "later");
  const fs::path last = *patients.rbegin();
  fs::rename(last, folder_ / "later" / last.filename());
  const auto library = Open();
  library->Import(images);
  EXPECT_EQ(library->Counts(), (CaseCounts{2, 2}));
  const auto before = library->Cases();
  library->Import(folder_ / "later");
  EXPECT_EQ(library->Counts(), (CaseCounts{3, 2}));
  for (const CaseRecord& record : before) EXPECT_EQ(library->Find(record.id)->role, record.role);
}

TEST_F(CaseLibraryTest, OneCorruptStudyIsNamedAndTheRestIsTakenIn) {
  const fs::path images = CopyOfImages();
  const fs::path bad = AnySlice(*Patients(images).begin());
  fs::resize_file(bad, fs::file_size(bad) / 2);
  const auto library = Open();
  const ImportReport report = library->Import(images);
  EXPECT_EQ(report.added, 4);
  ASSERT_FALSE(report.Rejected().empty());
  EXPECT_THAT(report.Rejected().front().place.string(), HasSubstr(Patients(images).begin()->filename().string()));
  EXPECT_FALSE(report.Rejected().front().fault.words.empty());
  EXPECT_EQ(library->Quality().quarantined, 1);

  // Repaired and imported again, it is in, and no longer quarantined.
  fs::copy_file(Images() / fs::relative(bad, images), bad, fs::copy_options::overwrite_existing);
  EXPECT_EQ(library->Import(images).added, 1);
  EXPECT_EQ(library->Quality(), (StudyQuality{5, 0, {}}));
}

TEST_F(CaseLibraryTest, ACaseWithoutContourIsOnlyPredicted) {
  const fs::path images = CopyOfImages();
  const fs::path first = *Patients(images).begin();
  fs::remove(first / "PET" / "RTSTRUCT.dcm");
  const auto library = Open();
  library->Import(images);
  EXPECT_EQ(library->Counts(), (CaseCounts{2, 2, 1}));
  const CaseRecord record = library->Cases().front();
  EXPECT_EQ(record.role, CaseRole::kTraining) << "the patient's, for when a contour comes";
  EXPECT_FALSE(record.labelled);
  EXPECT_EQ(record.Note(), "no contour (RTSTRUCT) of this patient");
  EXPECT_FALSE(library->Images(record.id).reference);
  EXPECT_TRUE(library->Prepared(record.id, {}).label.empty());

  // The contour comes later: the case gets a role then.
  fs::copy_file(Images() / first.filename() / "PET" / "RTSTRUCT.dcm", first / "PET" / "RTSTRUCT.dcm");
  const ImportReport report = library->Import(images);
  EXPECT_EQ(report.changed.size(), 1U);
  EXPECT_EQ(library->Counts(), (CaseCounts{3, 2}));
  EXPECT_TRUE(library->Images(record.id).reference);
}

// A study too large for this machine is no Error of ours but std::bad_alloc, from the middle of the import.
TEST_F(CaseLibraryTest, AStudyTooLargeForTheMemoryIsNamedAndTheRestIsTakenIn) {
  const fs::path images = folder_ / "images";
  WritePhantoms({.dir = images, .patients = 1, .style = "north", .seed = 11});
  WritePhantoms({.dir = images, .patients = 1, .style = "valley", .seed = 11});
  const auto bytes = [&](const char* patient) {
    return static_cast<std::size_t>(2 * ReadSeries(images / patient / "CT").geometry.size.count());
  };
  ASSERT_LT(bytes("valley-001"), bytes("north-001"));
  const auto library = Open();
  ImportReport report;
  {
    const ScarceMemory scarce(bytes("north-001") - 1);
    report = library->Import(images);
  }
  EXPECT_EQ(report.added, 1);
  ASSERT_EQ(report.Rejected().size(), 1U);
  EXPECT_THAT(report.Rejected()[0].place.string(), HasSubstr("north-001"));
  EXPECT_EQ(report.Rejected()[0].fault.words, "there is too little memory for it");
  EXPECT_EQ(library->Cases().front().patient.Reveal(), "valley-001");
  EXPECT_EQ(library->Import(images).added, 1) << "with memory it is taken in";
}

// Contours far beside the images (a wrong frame, a scaled export) must not teach "no tumour".
TEST_F(CaseLibraryTest, AContourThatMarksNoVoxelIsQuarantinedInWords) {
  const fs::path images = CopyOfImages();
  const auto ordered = Patients(images);
  std::vector<fs::path> patients(ordered.begin(), ordered.end());
  MoveContours(patients[0] / "PET" / "RTSTRUCT.dcm", 700);
  const auto library = Open();
  const ImportReport report = library->Import(images);
  EXPECT_EQ(report.added, 5);
  ASSERT_EQ(report.Rejected().size(), 1U);
  EXPECT_EQ(report.Rejected()[0].place, patients[0] / "PET" / "RTSTRUCT.dcm");
  EXPECT_THAT(report.Rejected()[0].fault.words, HasSubstr("mark no voxel of this series"));
  EXPECT_EQ(report.Quality().quarantined, 0) << "the study itself is used, for prediction";
  EXPECT_EQ(library->Counts().unlabelled, 1) << "never trained or measured with";
  EXPECT_EQ(library->Cases().front().Note(), "the contour cannot be used");
  EXPECT_EQ(library->Import(images).Rejected().size(), 1U) << "said again, though nothing is read again";
}

TEST_F(CaseLibraryTest, SamplesAreMadeOnceForAPlan) {
  const auto library = Open();
  library->Import(Images());
  const CaseId id = library->Cases().front().id;
  PrepPlan plan;
  const Sample made = library->Prepared(id, plan);
  EXPECT_EQ(made.image.size(), static_cast<std::size_t>(2 * made.grid.size.count()));
  EXPECT_EQ(made.label.size(), static_cast<std::size_t>(made.grid.size.count()));

  const auto count = [&] { return std::distance(fs::directory_iterator(folder_ / "site/samples"), {}); };
  EXPECT_EQ(count(), 1);
  const Sample kept = library->Prepared(id, plan);
  EXPECT_EQ(kept.image, made.image);
  EXPECT_EQ(kept.label, made.label);
  plan.spacing_mm = 8;
  EXPECT_NE(library->Prepared(id, plan).grid, made.grid);
  EXPECT_EQ(count(), 2);
}

TEST_F(CaseLibraryTest, ADamagedSampleIsMadeAgain) {
  const auto library = Open();
  library->Import(Images());
  const CaseId id = library->Cases().front().id;
  std::vector<float> made;  // a copy: nothing may be mapped while its file is cut
  for (const float value : library->Prepared(id, {}).image) made.push_back(value);
  for (const auto& entry : fs::directory_iterator(folder_ / "site/samples")) fs::resize_file(entry.path(), 100);
  EXPECT_EQ(library->Prepared(id, {}).image, SharedArray<float>(made));
}

TEST_F(CaseLibraryTest, ACaseWhoseFilesAreGoneIsLeftOutOfARound) {
  const fs::path images = CopyOfImages();
  const auto library = Open();
  library->Import(images);
  fs::remove_all(*Patients(images).begin());
  const PreparedCases training = library->Prepared(CaseRole::kTraining, {});
  EXPECT_EQ(training.samples.size() + library->Prepared(CaseRole::kValidation, {}).samples.size(), 4U);
  EXPECT_EQ(training.patients, std::ssize(training.samples));
}

// Three studies of north-001 (other seeds give other images under the same number) and one of north-002.
TEST_F(CaseLibraryTest, APatientWithThreeStudiesIsOnePatient) {
  for (const std::uint64_t seed : {21U, 22U, 23U}) {
    WritePhantoms({.dir = folder_ / "images" / std::to_string(seed), .patients = 1, .style = "north", .seed = seed});
  }
  WritePhantoms({.dir = folder_ / "images" / "other", .patients = 1, .style = "north", .seed = 24, .first_patient = 2});
  const auto library = Open({.roles = {.validation_patients = 0}});
  ASSERT_EQ(library->Import(folder_ / "images").added, 4);
  EXPECT_EQ(library->Counts(), (CaseCounts{4})) << "cases stay cases";
  EXPECT_EQ(library->Patients(), (LibraryPatients{2, 0})) << "people are counted, not their studies";
  const PreparedCases training = library->Prepared(CaseRole::kTraining, {});
  EXPECT_EQ(training.samples.size(), 4U);
  EXPECT_EQ(training.patients, 2);
}

// The administrator corrects `contours` in site.toml: what was learnt from before is not learnt from again.
TEST_F(CaseLibraryTest, AnotherPatternOfContoursMakesLabelsAnew) {
  const auto tumours = [](const Sample& sample) { return std::count(sample.label.begin(), sample.label.end(), 1); };
  const fs::path images = folder_ / "images";
  std::uint64_t seed = 1;
  while (MakePhantomBody(PhantomStyleNamed("coast"), seed, 1).tumours.size() < 2) ++seed;
  WritePhantoms({.dir = images, .patients = 1, .style = "coast", .seed = seed});
  const auto wide = Open();
  wide->Import(images);
  const CaseId id = wide->Cases().front().id;
  const Sample both = wide->Prepared(id, {});

  const auto narrow = Open({.contours = "GTV_1"});
  const Sample one = narrow->Prepared(id, {});
  EXPECT_GT(tumours(one), 0);
  EXPECT_LT(tumours(one), tumours(both)) << "the label of the old pattern was taken";
  const ImportReport report = narrow->Import(images);
  EXPECT_EQ(report.known, 0);
  ASSERT_EQ(report.changed.size(), 1U);
  EXPECT_EQ(report.changed.front(), id);
  EXPECT_EQ(std::distance(fs::directory_iterator(folder_ / "site/samples"), {}), 0) << "samples of both patterns went";
  EXPECT_EQ(narrow->Import(images).known, 1);
}

// One outline for two labels: each gets its own samples, and who has not drawn the label is left out.
TEST_F(CaseLibraryTest, AnotherLabelHasItsOwnContours) {
  const auto tumours = [](const Sample& sample) { return std::count(sample.label.begin(), sample.label.end(), 1); };
  std::uint64_t seed = 1;
  while (MakePhantomBody(PhantomStyleNamed("coast"), seed, 1).tumours.size() < 2) ++seed;
  WritePhantoms({.dir = folder_ / "images", .patients = 1, .style = "coast", .seed = seed});
  LibraryOptions options;
  options.roles.validation_patients = 0;
  options.contours = "nothing is called so";
  LabelQuery first, absent;
  first.code = {"7", "99X", ""};
  first.patterns = "GTV_1";
  absent.code = {"8", "99X", ""};
  absent.patterns = "Liver";
  options.other_labels = {first, absent};
  const auto library = Open(options);
  ASSERT_EQ(library->Import(folder_ / "images").added, 1);
  EXPECT_EQ(library->Counts(), (CaseCounts{1, 0, 0}));
  ASSERT_EQ(library->Prepared(CaseRole::kTraining, {}, first).samples.size(), 1U);
  EXPECT_GT(tumours(library->Prepared(library->Cases().front().id, {}, first)), 0);
  EXPECT_EQ(library->Prepared(CaseRole::kTraining, {}, absent).patients, 0);
  EXPECT_EQ(library->Prepared(CaseRole::kTraining, {}).patients, 0) << "its tumour has another name here";
}

TEST_F(CaseLibraryTest, AnUnknownCaseIsNotFound) {
  const auto library = Open();
  const Error error = ErrorOf([&] { library->Images(CaseId("case-none")); });
  EXPECT_EQ(error.code(), ErrorCode::kNotFound);
  EXPECT_THAT(error.next_step(), HasSubstr("consilium-site cases"));
  EXPECT_FALSE(library->Find(CaseId("case-none")));
}

TEST_F(CaseLibraryTest, AnotherSiteGivesOtherPseudonyms) {
  const auto library = Open();
  library->Import(Images());
  fs::create_directories(folder_ / "other");
  CaseLibrary other(folder_ / "other", {}, Device(), clock_);
  other.Import(Images());
  for (const CaseRecord& record : other.Cases()) EXPECT_FALSE(library->Find(record.id));
}

TEST_F(CaseLibraryTest, StopsWhenAskedAndHasAddedNothing) {
  const auto library = Open();
  std::stop_source stop;
  stop.request_stop();
  EXPECT_EQ(ErrorOf([&] { library->Import(Images(), {.progress = {}, .stop = stop.get_token()}); }).code(),
            ErrorCode::kCancelled);
  EXPECT_TRUE(library->Cases().empty());
}

TEST_F(CaseLibraryTest, AFolderThatIsNotThereIsNotFound) {
  EXPECT_EQ(ErrorOf([&] { Open()->Import(folder_ / "none"); }).code(), ErrorCode::kNotFound);
}

// Another key would give every case another name: all known ones would be gone, with the labels that people gave.
TEST_F(CaseLibraryTest, AKeyThatIsLostIsNotMadeAnew) {
  Open()->Import(Images());
  fs::rename(folder_ / "site/pseudonym.key", folder_ / "backup");
  const Error error = ErrorOf([&] { Open(); });
  EXPECT_EQ(error.code(), ErrorCode::kFailedPrecondition);
  EXPECT_THAT(error.what(), HasSubstr("pseudonym.key is missing, and the names of all cases in library.sqlite"));
  EXPECT_THAT(error.next_step(), HasSubstr("Restore it from a backup"));
  EXPECT_FALSE(fs::exists(folder_ / "site/pseudonym.key"));
  fs::rename(folder_ / "backup", folder_ / "site/pseudonym.key");
  EXPECT_EQ(Open()->Import(Images()).known, 5);
}

TEST_F(CaseLibraryTest, AKeyOfTheWrongSizeIsNotUsed) {
  fs::create_directories(folder_ / "site");
  WriteFileDurably(folder_ / "site/pseudonym.key", "short");
  EXPECT_THAT(ErrorOf([&] { Open(); }).next_step(), HasSubstr("backup"));
}

}  // namespace
}  // namespace consilium
