// SPDX-FileCopyrightText: The Consilium authors
// SPDX-License-Identifier: Apache-2.0
#include "gui/model/key_table.h"

#include <QCoreApplication>

namespace consilium {
namespace {

QString Tr(const char* text) { return QCoreApplication::translate("Keys", text); }

}  // namespace

const std::vector<Key>& Keys() {
  static const std::vector<Key> keys{
      {Command::kNextLesion, "N", Tr("next lesion")},
      {Command::kPreviousLesion, "Shift+N", Tr("previous lesion")},
      {Command::kNextCase, "PgDown", Tr("next case of the worklist")},
      {Command::kPreviousCase, "PgUp", Tr("previous case")},
      {Command::kFused, "1", Tr("PET on CT")},
      {Command::kPet, "2", Tr("PET alone")},
      {Command::kCt, "3", Tr("CT alone")},
      {Command::kToggleOverlays, "H", Tr("hide or show all contours")},
      {Command::kTogglePrediction, "P", Tr("prediction on or off")},
      {Command::kToggleReference, "R", Tr("reference on or off")},
      {Command::kToggleCursor, "C", Tr("cross-hair on or off")},
      {Command::kMoreOpacity, "+", Tr("prediction more opaque")},
      {Command::kLessOpacity, "-", Tr("prediction more transparent")},
      {Command::kTurnLeft, "[", Tr("turn the projection to the left")},
      {Command::kTurnRight, "]", Tr("turn the projection to the right")},
      {Command::kResetView, "0", Tr("whole image, no zoom")},
      {Command::kRoundsPage, "Ctrl+1", Tr("Rounds page")},
      {Command::kCasePage, "Ctrl+2", Tr("Case page")},
      {Command::kPicture, "Ctrl+S", Tr("save a picture of the window")},
      {Command::kKeys, "F1", Tr("this list")},
  };
  return keys;
}

const std::vector<Gesture>& Gestures() {
  static const std::vector<Gesture> gestures{
      {Tr("Left button"), Tr("put the cursor; drag to move it in all planes")},
      {Tr("Wheel, arrow up and down"), Tr("scroll through the slices")},
      {Tr("Right button, drag"), Tr("window and level: across for width, up and down for level")},
      {Tr("Ctrl + wheel"), Tr("zoom at the pointer")},
      {Tr("Middle button, drag"), Tr("move the picture")},
      {Tr("Drag in the projection"), Tr("turn it")},
  };
  return gestures;
}

}  // namespace consilium
