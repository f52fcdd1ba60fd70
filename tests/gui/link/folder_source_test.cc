// SPDX-FileCopyrightText: The Consilium authors
// SPDX-License-Identifier: Apache-2.0
#include "gui/link/folder_source.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <QLabel>
#include <QListWidget>
#include <QTableWidget>
#include <QTest>
#include <fstream>

#include "gui/desktop.h"
#include "gui/model/worklist_model.h"
#include "imaging/dicom/series_reader.h"
#include "tests/gui/support/phantom_folder.h"
#include "tests/gui/support/qt_environment.h"
#include "tests/support/scarce_memory.h"

namespace consilium {
namespace {

using ::testing::HasSubstr;

// What a source said, the newest of each kind.
struct Heard {
  explicit Heard(FolderSource& source) {
    QObject::connect(&source, &CaseSource::CasesChanged, [this](const auto& items) { cases = items; });
    QObject::connect(&source, &CaseSource::LeftOut, [this](const QString& text) { left_out = text.toStdString(); });
    QObject::connect(&source, &CaseSource::CaseOpened, [this](const auto& content) { opened = content; });
    QObject::connect(&source, &CaseSource::SlabArrived, [this](const auto& slab) { slabs.push_back(slab); });
    QObject::connect(&source, &CaseSource::Failed, [this](const Trouble& t) { trouble = t.what + "\n" + t.next_step; });
  }
  std::vector<CaseItem> cases;
  std::string left_out, trouble;
  std::shared_ptr<const CaseContent> opened;
  std::vector<std::shared_ptr<const Slab>> slabs;
};

class FolderSourceTest : public ::testing::Test {
 protected:
  static void SetUpTestSuite() {
    folder_ = std::make_unique<PhantomFolder>(std::filesystem::path(testing::TempDir()) /
                                              ("folder_source_" + std::to_string(getpid())));
  }
  static void TearDownTestSuite() { folder_.reset(); }

  static FolderOptions Options(bool with_seg) {
    FolderOptions options;
    options.folder = folder_->images();
    if (with_seg) options.segmentation = folder_->seg();
    return options;
  }
  template <class Condition>
  static bool Wait(Condition condition) {
    return QTest::qWaitFor(condition, 30'000);
  }
  static std::string TroubleOf(const FolderOptions& options) {
    FolderSource source(options);
    Heard heard(source);
    source.Start();
    EXPECT_TRUE(Wait([&] { return !heard.trouble.empty(); }));
    return heard.trouble;
  }

  static inline std::unique_ptr<PhantomFolder> folder_;
};

TEST_F(FolderSourceTest, ListsCasesAndWhatIsLeftOut) {
  FolderSource source(Options(false));
  Heard heard(source);
  source.Start();
  ASSERT_TRUE(Wait([&] { return !heard.cases.empty(); })) << heard.trouble;
  ASSERT_EQ(heard.cases.size(), 2);
  EXPECT_EQ(heard.cases[0].id, "case-1");
  EXPECT_TRUE(heard.cases[0].has_reference);
  EXPECT_EQ(WorklistModel::Finding(heard.cases[0]), "no prediction, contour drawn");
  EXPECT_THAT(heard.left_out, HasSubstr("NOT USED"));
  EXPECT_THAT(heard.left_out, HasSubstr("north-003/CT"));
}

TEST_F(FolderSourceTest, ACaseComesWithContourAndVoxels) {
  FolderSource source(Options(false));
  Heard heard(source);
  source.Start();
  source.OpenCase("case-1");
  ASSERT_TRUE(Wait([&] { return heard.slabs.size() == 2; })) << heard.trouble;
  ASSERT_TRUE(heard.opened);
  ASSERT_TRUE(heard.opened->reference);
  EXPECT_EQ(heard.opened->reference->voxels, folder_->contour().voxels);
  EXPECT_FALSE(heard.opened->prediction);
  EXPECT_EQ(heard.slabs[0]->modality, Modality::kPet) << "the PET comes first";
  EXPECT_EQ(heard.slabs[0]->voxels, ToVolume(folder_->pet(), SeriesKey("pet")).voxels);
  EXPECT_EQ(heard.slabs[1]->modality, Modality::kCt);
}

TEST_F(FolderSourceTest, ANamedSegIsThePredictionOfItsCaseOnly) {
  FolderSource source(Options(true));
  Heard heard(source);
  source.Start();
  ASSERT_TRUE(Wait([&] { return heard.cases.size() == 2; })) << heard.trouble;
  EXPECT_EQ(WorklistModel::Finding(heard.cases[0]), "predicted; open to count");
  EXPECT_FALSE(heard.cases[1].has_prediction);
  source.OpenCase("case-1");
  ASSERT_TRUE(Wait([&] { return heard.opened != nullptr; })) << heard.trouble;
  ASSERT_TRUE(heard.opened->prediction);
  EXPECT_EQ(heard.opened->prediction->labels.CountNonZero(), folder_->contour().CountNonZero());
  EXPECT_EQ(heard.opened->dice, 1);
  EXPECT_EQ(heard.cases[0].lesions, std::ssize(heard.opened->prediction->lesions));
  EXPECT_NEAR(heard.cases[0].volume_ml,
              static_cast<double>(folder_->contour().CountNonZero()) * folder_->pet().geometry.VoxelVolumeMl(), 1e-6);
  EXPECT_THAT(WorklistModel::Finding(heard.cases[0]).toStdString(), HasSubstr(", Dice 1.00"));
}

TEST_F(FolderSourceTest, ASegInTheFolderIsFound) {
  const std::filesystem::path inside = folder_->images() / "north-001" / "seg.dcm";
  std::filesystem::copy_file(folder_->seg(), inside);
  FolderSource source(Options(false));
  Heard heard(source);
  source.Start();
  EXPECT_TRUE(Wait([&] { return heard.cases.size() == 2; })) << heard.trouble;
  std::filesystem::remove(inside);
  ASSERT_EQ(heard.cases.size(), 2);
  EXPECT_TRUE(heard.cases[0].has_prediction);
  EXPECT_FALSE(heard.cases[1].has_prediction);
}

TEST_F(FolderSourceTest, TroubleIsSaid) {
  FolderOptions options = Options(false);
  options.folder = folder_->dir() / "gone";
  EXPECT_THAT(TroubleOf(options), HasSubstr("gone"));
  options.folder = folder_->images() / "north-001" / "PET";
  EXPECT_THAT(TroubleOf(options), HasSubstr("nothing to show in"));
  options = Options(false);
  options.segmentation = folder_->images() / "north-001" / "PET" / "RTSTRUCT.dcm";
  EXPECT_THAT(TroubleOf(options), HasSubstr("RTSTRUCT.dcm"));
  // A SEG of another patient: two cases are there, neither is its own.
  options = Options(true);
  const std::filesystem::path first = folder_->images() / "north-001", away = folder_->dir() / "away";
  WritePhantoms({.dir = folder_->images(), .patients = 1, .style = "north", .seed = 11, .first_patient = 4});
  std::filesystem::rename(first, away);
  EXPECT_THAT(TroubleOf(options), HasSubstr("belongs to no case in"));
  std::filesystem::rename(away, first);
  std::filesystem::remove_all(folder_->images() / "north-004");
}

// The grids of two phantoms are equal, so that only the patient tells.
TEST_F(FolderSourceTest, ASegOfAnotherPatientIsRefused) {
  FolderOptions options = Options(true);
  options.folder = folder_->images() / "north-002";
  EXPECT_THAT(TroubleOf(options), HasSubstr("it belongs to another patient than the images"));
  EXPECT_THAT(TroubleOf(options), HasSubstr("Give the SEG that was made on these images."));
}

TEST_F(FolderSourceTest, AnUnknownCaseIsTroubleAndTheNextOneOpens) {
  FolderSource source(Options(false));
  Heard heard(source);
  source.Start();
  ASSERT_TRUE(Wait([&] { return !heard.cases.empty(); }));
  source.OpenCase("case-9");
  ASSERT_TRUE(Wait([&] { return !heard.trouble.empty(); }));
  EXPECT_THAT(heard.trouble, HasSubstr("there is no case case-9"));
  source.OpenCase("case-2");
  EXPECT_TRUE(Wait([&] { return heard.opened && heard.opened->item.id == "case-2"; }));
}

// Without enough memory the window stays, says so, and opens the next case.
TEST_F(FolderSourceTest, ACaseTooLargeForTheMemoryIsTroubleAndTheNextOneOpens) {
  FolderSource source(Options(false));
  Heard heard(source);
  source.Start();
  ASSERT_TRUE(Wait([&] { return !heard.cases.empty(); })) << heard.trouble;
  {
    const auto pet_bytes = static_cast<std::size_t>(2 * folder_->pet().geometry.size.count());
    const ScarceMemory scarce(pet_bytes - 1);
    source.OpenCase("case-1");
    ASSERT_TRUE(Wait([&] { return !heard.trouble.empty(); }));
  }
  EXPECT_THAT(heard.trouble, HasSubstr("there is too little memory for it\nClose other programs"));
  EXPECT_FALSE(heard.opened);
  source.OpenCase("case-2");
  EXPECT_TRUE(Wait([&] { return heard.opened && heard.opened->item.id == "case-2"; }));
}

// At the smallest usual size no line of the list is cut.
TEST_F(FolderSourceTest, TheWorklistShowsItsWordsWhole) {
  Desktop desktop(std::make_unique<FolderSource>(Options(true)));
  desktop.window().resize(1280, 800);
  desktop.window().ShowPage(Page::kCase);
  desktop.window().show();
  desktop.Start();
  ASSERT_TRUE(Wait([&] { return desktop.case_model().complete(); }));
  auto* lesions = desktop.window().findChild<QTableWidget*>("lesion_table");
  ASSERT_GT(lesions->rowCount(), 0);
  EXPECT_EQ(lesions->item(0, 4)->text(), "-") << "a SEG holds no probability";
  auto* list = desktop.window().findChild<QListWidget*>("worklist");
  ASSERT_EQ(list->count(), 2);
  EXPECT_EQ(list->currentRow(), 0);
  EXPECT_THAT(list->item(0)->text().toStdString(), HasSubstr("Dice 1.00"));
  EXPECT_THAT(list->item(1)->text().toStdString(), HasSubstr("no prediction, contour drawn"));
  EXPECT_LE(list->sizeHintForColumn(0), list->viewport()->width());
  QLabel* left_out = nullptr;
  for (QLabel* label : desktop.window().findChildren<QLabel*>())
    if (label->accessibleName() == "Not used") left_out = label;
  ASSERT_NE(left_out, nullptr);
  EXPECT_TRUE(left_out->isVisible());
  EXPECT_THAT(left_out->text().toStdString(), HasSubstr("north-003"));
  const QByteArray pictures = qgetenv("CONSILIUM_GUI_PICTURES");
  if (!pictures.isEmpty()) desktop.window().TakePicture().save(QString::fromUtf8(pictures) + "/folder.png");
}

}  // namespace
}  // namespace consilium
