// SPDX-FileCopyrightText: The Consilium authors
// SPDX-License-Identifier: Apache-2.0
#include "hub/event_loop.h"

#include <utility>

#include "core/base/log.h"

namespace consilium {

EventLoop::EventLoop() : thread_([this] { Work(); }) {}

EventLoop::~EventLoop() { Stop(); }

bool EventLoop::Post(Task task) {
  const std::lock_guard lock(mutex_);
  if (stopping_) return false;
  tasks_.push_back(std::move(task));
  changed_.notify_one();
  return true;
}

bool EventLoop::After(std::chrono::milliseconds delay, Task task) {
  const std::lock_guard lock(mutex_);
  if (stopping_) return false;
  timed_.emplace(std::chrono::steady_clock::now() + delay, std::move(task));
  changed_.notify_one();
  return true;
}

void EventLoop::Stop() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
    changed_.notify_one();
  }
  if (thread_.joinable()) thread_.join();
}

void EventLoop::Work() {
  std::unique_lock lock(mutex_);
  while (true) {
    const Time now = std::chrono::steady_clock::now();
    while (!stopping_ && !timed_.empty() && timed_.begin()->first <= now) {
      tasks_.push_back(std::move(timed_.begin()->second));
      timed_.erase(timed_.begin());
    }
    if (tasks_.empty()) {
      if (stopping_) return;
      if (timed_.empty()) {
        changed_.wait(lock);
      } else {
        changed_.wait_until(lock, Time(timed_.begin()->first));
      }
      continue;
    }
    Task task = std::move(tasks_.front());
    tasks_.pop_front();
    lock.unlock();
    try {
      task();
    } catch (const std::exception& error) {
      LogError("a task of the hub failed", {{"error", error.what()}});
    }
    task = nullptr;  // what it holds goes before the lock is taken again
    lock.lock();
  }
}

}  // namespace consilium
