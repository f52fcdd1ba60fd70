// SPDX-FileCopyrightText: The Consilium authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <QString>
#include <vector>

namespace consilium {

// Every key of the desktop, in one table: the window makes its shortcuts from it and F1 lists it.
enum class Command {
  kRoundsPage,
  kCasePage,
  kNextLesion,
  kPreviousLesion,
  kNextCase,
  kPreviousCase,
  kFused,
  kPet,
  kCt,
  kToggleOverlays,
  kTogglePrediction,
  kToggleReference,
  kToggleCursor,
  kMoreOpacity,
  kLessOpacity,
  kResetView,
  kTurnLeft,
  kTurnRight,
  kPicture,
  kKeys,
};

struct Key {
  Command command;
  QString sequence;  // as QKeySequence writes it, portable
  QString words;
};
const std::vector<Key>& Keys();

// What the mouse does, for the same list.
struct Gesture {
  QString gesture, words;
};
const std::vector<Gesture>& Gestures();

}  // namespace consilium
