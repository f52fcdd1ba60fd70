// SPDX-FileCopyrightText: The Consilium authors
// SPDX-License-Identifier: Apache-2.0
// Walks through the real window, connected to a panel in this process, with real clicks and keys.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <QAbstractButton>
#include <QAbstractSlider>
#include <QCheckBox>
#include <QComboBox>
#include <QDialog>
#include <QLabel>
#include <QListWidget>
#include <QTableWidget>
#include <QTest>
#include <QTimer>

#include "gui/desktop.h"
#include "gui/link/site_link.h"
#include "gui/view/line_chart.h"
#include "gui/view/slice_pane.h"
#include "gui/view/theme.h"
#include "tests/gui/support/fake_panel.h"
#include "tests/gui/support/qt_environment.h"

namespace consilium {
namespace {

using ::testing::HasSubstr;

// CONSILIUM_GUI_PICTURES=DIR keeps what the walks saw.
void Keep(const QImage& picture, const char* name) {
  const QByteArray folder = qgetenv("CONSILIUM_GUI_PICTURES");
  if (!folder.isEmpty()) picture.save(QString::fromUtf8(folder) + "/" + name + ".png");
}

class WindowWalk : public ::testing::Test {
 protected:
  WindowWalk() : desktop_(std::make_unique<SiteLink>(panel_.Reader())) {
    window_.resize(1280, 800);
    window_.show();
  }

  void OpenCase() {
    desktop_.Start();
    QTest::mouseClick(Find<QAbstractButton>("page_case"), Qt::LeftButton);
    ASSERT_TRUE(WaitFor([this] { return model_.complete(); }));
    ASSERT_EQ(window_.page(), Page::kCase);
  }

  template <class Widget>
  Widget* Find(const char* name) {
    auto* widget = window_.findChild<Widget*>(name);
    EXPECT_NE(widget, nullptr) << name;
    return widget;
  }
  SlicePane* Pane(const char* name) { return Find<SlicePane>(name); }
  QImage Seen(QWidget* widget) { return widget->grab().toImage(); }
  QRgb ColourAt(SlicePane* pane, Vec3 point_mm) { return Seen(pane).pixel(pane->PointOnScreen(point_mm).toPoint()); }

  FakePanel panel_{MakeSyntheticCase()};
  Desktop desktop_;
  MainWindow& window_ = desktop_.window();
  CaseModel& model_ = desktop_.case_model();
};

bool Bluish(QRgb colour) { return qBlue(colour) > qRed(colour) + 25; }  // the prediction's colour over anything
bool Near(QRgb colour, const QColor& wanted) {
  return std::abs(qRed(colour) - wanted.red()) + std::abs(qGreen(colour) - wanted.green()) +
             std::abs(qBlue(colour) - wanted.blue()) <
         40;
}

// Pixels of a letter's own colour in a part of the pane.
int LightPixels(const QImage& picture, const QRect& place) {
  int count = 0;
  for (int y = place.top(); y <= place.bottom(); ++y)
    for (int x = place.left(); x <= place.right(); ++x) count += Near(picture.pixel(x, y), DarkTheme().text) ? 1 : 0;
  return count;
}

TEST_F(WindowWalk, TheTumourOnTheLeftIsSeenOnTheRightUnderAnL) {
  OpenCase();
  SlicePane* axial = Pane("axial_pane");
  const QPointF tumour = axial->PointOnScreen(kLargeTumour);
  EXPECT_GT(tumour.x(), axial->width() / 2.0 + 40);
  EXPECT_GT(Pane("coronal_pane")->PointOnScreen(kLargeTumour).x(), axial->width() / 2.0 + 20);
  // An L has its foot at the bottom right and nothing above it; an R has a bow there.
  const QImage picture = Seen(axial);
  const int middle = axial->height() / 2;
  const QRect upper_right(axial->width() - 14, middle - 7, 7, 6), lower_right(axial->width() - 16, middle + 2, 9, 6);
  EXPECT_EQ(LightPixels(picture, upper_right), 0);
  EXPECT_GT(LightPixels(picture, lower_right), 5);
  EXPECT_GT(LightPixels(picture, QRect(8, middle - 7, 14, 14)), 15) << "an R on the left";
  Keep(window_.TakePicture(), "case_fused");
}

TEST_F(WindowWalk, ThePredictionLiesOnTheTumourAndGoesWithItsSwitch) {
  OpenCase();
  model_.show_reference.Set(false);
  model_.show_cursor.Set(false);
  SlicePane* axial = Pane("axial_pane");
  EXPECT_TRUE(Bluish(ColourAt(axial, kLargeTumour)));
  EXPECT_FALSE(Bluish(ColourAt(axial, kLargeTumour + Vec3{40, 0, 0}))) << "beside the tumour";
  EXPECT_FALSE(Bluish(ColourAt(axial, kLargeTumour - Vec3{2 * kLargeTumour.x, 0, 0}))) << "on the other side";
  QTest::mouseClick(Find<QCheckBox>("show_prediction"), Qt::LeftButton, {}, QPoint(8, 8));
  EXPECT_FALSE(model_.show_prediction());
  EXPECT_FALSE(Bluish(ColourAt(axial, kLargeTumour)));
  QTest::keyClick(&window_, Qt::Key_P);
  EXPECT_TRUE(Bluish(ColourAt(axial, kLargeTumour)));
  Find<QAbstractSlider>("opacity_slider")->setValue(100);
  EXPECT_TRUE(Near(ColourAt(axial, kLargeTumour), DarkTheme().prediction));
  QTest::keyClick(&window_, Qt::Key_H);
  EXPECT_FALSE(Bluish(ColourAt(axial, kLargeTumour)));
}

TEST_F(WindowWalk, TheReferenceIsOutlined) {
  OpenCase();
  model_.show_prediction.Set(false);
  model_.show_cursor.Set(false);
  const QImage picture = Seen(Pane("axial_pane"));
  const QPoint tumour = Pane("axial_pane")->PointOnScreen(kLargeTumour).toPoint();
  EXPECT_FALSE(Near(picture.pixel(tumour), DarkTheme().reference)) << "not filled";
  int crossings = 0;
  for (int x = tumour.x(); x < picture.width(); ++x)
    crossings += Near(picture.pixel(x, tumour.y()), DarkTheme().reference) ? 1 : 0;
  EXPECT_EQ(crossings, 2) << "a line of two pixels";
}

TEST_F(WindowWalk, LesionsAreListedAndAClickOrNGoesThere) {
  OpenCase();
  auto* table = Find<QTableWidget>("lesion_table");
  ASSERT_EQ(table->rowCount(), 2);
  EXPECT_EQ(table->item(1, 2)->text(), "6.0");
  EXPECT_THAT(table->item(0, 1)->text().toStdString(), HasSubstr(" ml"));
  QTest::mouseClick(table->viewport(), Qt::LeftButton, {}, table->visualItemRect(table->item(1, 1)).center());
  EXPECT_EQ(model_.cursor(), kSmallTumour);
  EXPECT_EQ(model_.ValueText().left(7), "SUV 6.0");
  QTest::keyClick(&window_, Qt::Key_N);
  EXPECT_EQ(model_.cursor(), kLargeTumour);
  EXPECT_EQ(table->currentRow(), 0);
  QTest::keyClick(&window_, Qt::Key_N, Qt::ShiftModifier);
  EXPECT_EQ(model_.lesion(), 2);
  EXPECT_EQ(table->selectedItems().size(), 5);
}

TEST_F(WindowWalk, WheelScrollsClickMovesTheLinkedCursorAndDragsWindow) {
  OpenCase();
  SlicePane* axial = Pane("axial_pane");
  const QImage before = Seen(axial);
  const QString slice = model_.SliceText(SliceView::kAxial);
  QTest::mouseClick(axial, Qt::LeftButton, {}, axial->PointOnScreen({-47.5, 30, 120}).toPoint());
  EXPECT_NEAR(model_.cursor().x, -47.5, 2);
  EXPECT_NEAR(model_.cursor().y, 30, 2);
  EXPECT_EQ(model_.SliceText(SliceView::kAxial), slice) << "a click stays in its slice";
  EXPECT_EQ(model_.SliceText(SliceView::kSagittal), QString("Sagittal 27 / 72"));
  QTest::keyClick(axial, Qt::Key_Up);
  EXPECT_NEAR(model_.cursor().z, 127.5, 2.6);
  const QPointF centre(axial->width() / 2.0, axial->height() / 2.0);
  QWheelEvent wheel(centre, axial->mapToGlobal(centre), {}, {0, -1200}, Qt::NoButton, Qt::NoModifier, Qt::NoScrollPhase,
                    false);
  QApplication::sendEvent(axial, &wheel);
  EXPECT_NEAR(model_.cursor().z, 77.5, 2.6);
  EXPECT_NE(Seen(axial), before);
  QTest::mousePress(axial, Qt::RightButton, {}, QPoint(100, 100));
  QTest::mouseMove(axial, QPoint(150, 100));
  QTest::mouseRelease(axial, Qt::RightButton, {}, QPoint(150, 100));
  QWheelEvent zoom(centre, axial->mapToGlobal(centre), {}, {0, 240}, Qt::NoButton, Qt::ControlModifier,
                   Qt::NoScrollPhase, false);
  QApplication::sendEvent(axial, &zoom);
  EXPECT_NEAR(model_.zoom(), 1.44, 1e-9);
  QTest::keyClick(&window_, Qt::Key_0);
  EXPECT_EQ(model_.zoom(), 1);
}

TEST_F(WindowWalk, ModesPresetsAndProjection) {
  OpenCase();
  model_.show_cursor.Set(false);
  model_.ToggleOverlays();
  SlicePane* axial = Pane("axial_pane");
  QTest::keyClick(&window_, Qt::Key_2);
  EXPECT_LT(qGray(ColourAt(axial, kLargeTumour)), 60) << "PET alone: hot is dark";
  Keep(window_.TakePicture(), "case_pet");
  QTest::mouseClick(Find<QAbstractButton>("mode_2"), Qt::LeftButton);
  EXPECT_EQ(model_.mode(), DisplayMode::kCt);
  const int soft = qGray(ColourAt(axial, {-75, 0, 120}));
  auto* presets = Find<QComboBox>("ct_window");
  presets->setCurrentIndex(1);
  Q_EMIT presets->activated(1);
  EXPECT_EQ(model_.ct_window(), (Window{-1350, 150}));
  EXPECT_GT(qGray(ColourAt(axial, {-75, 0, 120})), soft + 40) << "the lung shows in the lung window";
  Keep(window_.TakePicture(), "case_ct");
  auto* mip = Find<QWidget>("mip_pane");
  const QImage front = Seen(mip);
  QTest::keyClick(mip, Qt::Key_Left);
  EXPECT_EQ(model_.mip_angle(), 10);
  EXPECT_NE(Seen(mip), front);
  QTest::mouseDClick(axial, Qt::LeftButton, {}, QPoint(50, 50));
  EXPECT_FALSE(mip->isVisible());
  QTest::mouseDClick(axial, Qt::LeftButton, {}, QPoint(50, 50));
  EXPECT_TRUE(mip->isVisible());
}

TEST_F(WindowWalk, TheCurrentSliceIsShownBeforeTheRestHasCome) {
  panel_.HoldImagesAfter(1);
  desktop_.Start();
  window_.ShowPage(Page::kCase);
  ASSERT_TRUE(WaitFor([this] { return model_.ValueText().startsWith("SUV 9.0"); }));
  EXPECT_FALSE(model_.complete());
  ASSERT_FALSE(panel_.SentSlices().empty());
  EXPECT_EQ(panel_.SentSlices()[0], std::llround(model_.pet()->geometry.PointToIndex(kLargeTumour).z));
  panel_.Release();
  EXPECT_TRUE(WaitFor([this] { return model_.complete(); }));
}

TEST_F(WindowWalk, RoundsMoveAsTheyArePushed) {
  desktop_.Start();
  auto* headline = Find<QLabel>("headline");
  panel_.Push(ExampleState(3, 10));
  ASSERT_TRUE(WaitFor([&] { return headline->text().contains("round 4 of 10"); }));
  EXPECT_THAT(headline->text().toStdString(),
              HasSubstr("Sarcoma Network, round 4 of 10: waiting for 2 of 3 hospitals"));
  auto* table = Find<QTableWidget>("site_table");
  ASSERT_EQ(table->rowCount(), 3);
  EXPECT_EQ(table->item(0, 0)->text(), "north (this hospital)");
  EXPECT_EQ(table->item(0, 1)->text(), "training, 41 %");
  Keep(window_.TakePicture(), "rounds_live");
  EXPECT_LE(table->mapTo(&window_, QPoint(0, table->height())).y(), 772) << "the table is cut";
  panel_.Push(ExampleState(10, 10));
  ASSERT_TRUE(WaitFor([&] { return headline->text().contains("finished after 10 rounds"); }));
  auto* chart = Find<LineChart>("dice_chart");
  const double last = desktop_.rounds().view().final_dice;
  EXPECT_GT(last, 0.6);
  const QPoint end = chart->PointOnScreen({10, last}).toPoint();
  EXPECT_TRUE(Near(Seen(chart).pixel(end), DarkTheme().text)) << "the curve ends at the last model's Dice";
  Keep(window_.TakePicture(), "rounds_done");
}

TEST_F(WindowWalk, ACutLineIsToldAndMadeAgain) {
  desktop_.Start();
  ASSERT_TRUE(WaitFor([this] { return !desktop_.rounds().view().federation.empty(); }));
  panel_.CutLines();
  ASSERT_TRUE(WaitFor([this] { return desktop_.rounds().link() == "Not connected; trying again"; }));
  auto* trouble = Find<QLabel>("trouble");
  EXPECT_TRUE(trouble->isVisible());
  EXPECT_THAT(trouble->text().toStdString(), HasSubstr(" does not answer\nCheck that it runs there"));
  panel_.Push(ExampleState(2, 10));
  ASSERT_TRUE(WaitFor([this] { return desktop_.rounds().link().isEmpty(); }));
  EXPECT_FALSE(trouble->isVisible()) << "all is well again";
  ASSERT_TRUE(WaitFor([this] { return desktop_.rounds().view().round == 3; }));
}

TEST_F(WindowWalk, AReaderWhoIsRemovedIsToldOnEveryPage) {
  OpenCase();
  panel_.RemoveReader();
  ASSERT_TRUE(WaitFor([this] { return desktop_.rounds().link() == "Not connected"; }));
  auto* trouble = Find<QLabel>("trouble");
  for (const Page page : {Page::kCase, Page::kRounds}) {
    window_.ShowPage(page);
    EXPECT_TRUE(trouble->isVisible());
    EXPECT_EQ(trouble->text(), "This reader was removed\nAsk the hospital's IT for a new one.");
  }
  Keep(window_.TakePicture(), "reader_removed");
}

TEST_F(WindowWalk, ANewPredictionAppearsByItself) {
  panel_.SetPrediction(false);
  OpenCase();
  EXPECT_EQ(model_.FindingText(), "No prediction yet.");
  EXPECT_FALSE(Find<QCheckBox>("show_prediction")->isEnabled());
  const auto slabs = panel_.SentSlices().size();
  panel_.SetPrediction(true);
  v1::PanelState state = ExampleState(1, 10);
  state.set_predictions_waiting(1);
  panel_.Push(state);
  ASSERT_TRUE(WaitFor([this] { return model_.lesions().size() == 2; }));
  EXPECT_TRUE(model_.complete());
  EXPECT_EQ(panel_.SentSlices().size(), slabs) << "the voxels were not sent again";
  EXPECT_THAT(Find<QListWidget>("worklist")->item(0)->text().toStdString(), HasSubstr("2 lesions"));
}

TEST_F(WindowWalk, TheResearchNoticeIsInEveryPictureAndCannotBeHidden) {
  auto* notice = Find<QWidget>("research_notice");
  EXPECT_EQ(notice->accessibleName(), "Research use only. Not for diagnosis.");
  for (const Page page : {Page::kRounds, Page::kCase}) {
    window_.ShowPage(page);
    notice->hide();
    EXPECT_TRUE(notice->isVisible());
    const QImage picture = window_.TakePicture();
    EXPECT_EQ(picture.size(), QSize(1280, 800));
    int amber = 0;
    for (int y = 772; y < 800; ++y)
      for (int x = 480; x < 800; ++x) amber += Near(picture.pixel(x, y), DarkTheme().warning) ? 1 : 0;
    EXPECT_GT(amber, 300);
  }
}

TEST_F(WindowWalk, EveryControlHasANameForScreenReadersAndF1ListsTheKeys) {
  OpenCase();
  QTest::keyClick(&window_, Qt::Key_F1);
  auto* keys = Find<QDialog>("keys_dialog");
  ASSERT_TRUE(keys->isVisible());
  EXPECT_GE(keys->findChildren<QLabel*>().size(), 40);
  Keep(keys->grab().toImage(), "keys");
  int controls = 0;
  for (QWidget* widget : window_.findChildren<QWidget*>()) {
    const bool control = qobject_cast<QAbstractButton*>(widget) != nullptr ||
                         qobject_cast<QComboBox*>(widget) != nullptr || qobject_cast<SlicePane*>(widget) != nullptr ||
                         (qobject_cast<QAbstractSlider*>(widget) != nullptr && widget->focusPolicy() != Qt::NoFocus) ||
                         (qobject_cast<QAbstractItemView*>(widget) != nullptr && widget->parent()->objectName() != "");
    const QString kind = widget->metaObject()->className();
    if (!control || kind.contains("QTableCornerButton") || kind.contains("Private") || kind == "QHeaderView" ||
        kind == "QComboBoxListView")
      continue;
    ++controls;
    EXPECT_FALSE(widget->accessibleName().isEmpty()) << kind.toStdString() << " " << widget->objectName().toStdString();
  }
  EXPECT_GE(controls, 18);
  QTest::mouseClick(keys->findChild<QAbstractButton*>("close_keys"), Qt::LeftButton);
  EXPECT_FALSE(keys->isVisible());
}

TEST(SiteLinkTest, AForeignCertificateGetsNothing) {
  FakePanel panel(MakeSyntheticCase());
  Desktop desktop(std::make_unique<SiteLink>(panel.ForeignReader()));
  desktop.Start();
  auto* trouble = desktop.window().findChild<QLabel*>("trouble");
  ASSERT_TRUE(WaitFor([&] { return trouble->text().contains("The site node at 127.0.0.1:"); }));
  EXPECT_THAT(trouble->text().toStdString(), HasSubstr("ask the hospital's IT for a new one"));
  EXPECT_TRUE(desktop.rounds().view().federation.empty());
  EXPECT_EQ(desktop.rounds().headline(),
            "Nothing is known of the federation: there is no connection to the site node.");
  desktop.window().resize(1280, 800);
  desktop.window().show();
  Keep(desktop.window().TakePicture(), "no_answer");
}

TEST(SiteLinkTest, APictureForARemovedReaderEndsWithoutWaiting) {
  FakePanel panel(MakeSyntheticCase());
  panel.RemoveReader();
  Desktop desktop(std::make_unique<SiteLink>(panel.Reader()));
  PictureOrder order;
  order.limit = order.link_limit = std::chrono::hours(1);
  desktop.Order(Page::kRounds, order);
  desktop.Start();
  QTimer::singleShot(60'000, [] { QCoreApplication::exit(2); });
  EXPECT_EQ(QCoreApplication::exec(), 1);
}

TEST(SiteLinkTest, ASiteNodeThatTakesTheCallAndSaysNothingDoesNotAnswer) {
  FakePanel panel(MakeSyntheticCase());
  panel.SetMute(true);
  Desktop desktop(std::make_unique<SiteLink>(panel.Reader(), std::chrono::milliseconds(300)));
  desktop.Start();
  ASSERT_TRUE(WaitFor([&] { return !desktop.rounds().link().isEmpty(); }));
  EXPECT_THAT(desktop.window().findChild<QLabel*>("trouble")->text().toStdString(), HasSubstr(" does not answer\n"));
  panel.SetMute(false);
  ASSERT_TRUE(WaitFor([&] { return desktop.rounds().link().isEmpty(); }));
  EXPECT_FALSE(desktop.rounds().view().federation.empty());
}

}  // namespace
}  // namespace consilium
