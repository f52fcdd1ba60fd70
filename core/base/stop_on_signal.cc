// SPDX-FileCopyrightText: The Consilium authors
// SPDX-License-Identifier: Apache-2.0
#include "core/base/stop_on_signal.h"

#include <ctime>

namespace consilium {

StopOnSignal::StopOnSignal() {
  sigemptyset(&signals_);
  sigaddset(&signals_, SIGINT);
  sigaddset(&signals_, SIGTERM);
  pthread_sigmask(SIG_BLOCK, &signals_, &before_);
  waits_ = std::jthread([this](const std::stop_token& ends) {
    const timespec while_nothing{0, 50'000'000};
    while (!ends.stop_requested()) {
      if (stop_.stop_requested()) {
        nanosleep(&while_nothing, nullptr);
        continue;
      }
      if (sigtimedwait(&signals_, nullptr, &while_nothing) < 0) continue;
      stop_.request_stop();
      pthread_sigmask(SIG_SETMASK, &before_, nullptr);  // of this thread: it takes the second one
    }
  });
}

StopOnSignal::~StopOnSignal() {
  waits_.request_stop();
  waits_.join();
  pthread_sigmask(SIG_SETMASK, &before_, nullptr);
}

}  // namespace consilium
