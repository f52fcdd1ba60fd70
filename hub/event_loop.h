// SPDX-FileCopyrightText: The Consilium authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <condition_variable>
#include <deque>
#include <exception>
#include <functional>
#include <future>
#include <map>
#include <mutex>
#include <thread>
#include <type_traits>

namespace consilium {

// The hub's one thread. Everything that the hub knows (roster, run, stores) is touched by tasks on it and by nothing
// else, one task at a time, in the order of their posting; so none of it has a lock. A task that throws is logged.
class EventLoop {
 public:
  using Task = std::function<void()>;

  EventLoop();
  ~EventLoop();  // as Stop()
  EventLoop(const EventLoop&) = delete;
  EventLoop& operator=(const EventLoop&) = delete;

  bool Post(Task task);  // any thread; false: the loop has stopped, the task is dropped
  bool After(std::chrono::milliseconds delay, Task task);

  // Runs `work` on the loop and waits for its result or exception. Not from the loop itself.
  template <class Work>
  auto Call(Work work) -> std::invoke_result_t<Work> {
    std::packaged_task<std::invoke_result_t<Work>()> task(std::move(work));
    auto result = task.get_future();
    if (!Post([&task] { task(); })) throw std::runtime_error("the hub has stopped");
    return result.get();
  }

  // Runs what was posted, drops what is due later, ends the thread. Not from the loop itself.
  void Stop();

 private:
  using Time = std::chrono::steady_clock::time_point;
  void Work();

  std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<Task> tasks_;           // guarded by mutex_
  std::multimap<Time, Task> timed_;  // guarded by mutex_
  bool stopping_ = false;            // guarded by mutex_
  std::jthread thread_;
};

}  // namespace consilium
