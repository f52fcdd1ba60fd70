// SPDX-FileCopyrightText: The Consilium authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <gtest/gtest.h>

#include <QTest>
#include <functional>

namespace consilium {

// Runs the event loop until `done`; false after ten seconds (a busy machine's slack, not a wait).
inline bool WaitFor(const std::function<bool()>& done) { return QTest::qWaitFor(done, 10'000); }

}  // namespace consilium
