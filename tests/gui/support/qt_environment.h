// SPDX-FileCopyrightText: The Consilium authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <gtest/gtest.h>

#include <QTest>
#include <functional>

namespace consilium {

// Runs the event loop until `done`; false after a minute: a limit for what never happens (a busy machine under a
// sanitizer is fifty times slower), not a wait.
inline bool WaitFor(const std::function<bool()>& done) { return QTest::qWaitFor(done, 60'000); }

}  // namespace consilium
