// SPDX-FileCopyrightText: The Consilium authors
// SPDX-License-Identifier: Apache-2.0
#include "core/base/bounded_queue.h"

#include <gtest/gtest.h>

#include <atomic>
#include <memory>
#include <thread>
#include <vector>

namespace consilium {
namespace {

TEST(BoundedQueueTest, FirstInFirstOut) {
  BoundedQueue<int> queue(3);
  EXPECT_TRUE(queue.Push(1));
  EXPECT_TRUE(queue.TryPush(2));
  EXPECT_EQ(queue.Pop(), 1);
  EXPECT_EQ(queue.Pop(), 2);
}

TEST(BoundedQueueTest, FullIsFull) {
  BoundedQueue<int> queue(1);
  EXPECT_TRUE(queue.TryPush(1));
  EXPECT_FALSE(queue.TryPush(2));
  EXPECT_EQ(queue.Pop(), 1);
  EXPECT_TRUE(queue.TryPush(3));
}

TEST(BoundedQueueTest, CloseLetsWhatIsThereOutAndNothingIn) {
  BoundedQueue<std::unique_ptr<int>> queue(2);
  queue.Push(std::make_unique<int>(7));
  queue.Close();
  EXPECT_FALSE(queue.Push(std::make_unique<int>(8)));
  EXPECT_FALSE(queue.TryPush(nullptr));
  EXPECT_EQ(**queue.Pop(), 7);
  EXPECT_FALSE(queue.Pop());
}

TEST(BoundedQueueTest, CloseAndStopWakeWaiters) {
  BoundedQueue<int> queue(1);
  std::jthread closer([&] { queue.Close(); });
  EXPECT_FALSE(queue.Pop());
  closer.join();
  BoundedQueue<int> full(1);
  full.Push(1);
  std::stop_source stop;
  std::jthread stopper([&] { stop.request_stop(); });
  EXPECT_FALSE(full.Push(2, stop.get_token()));
  EXPECT_FALSE(BoundedQueue<int>(1).Pop(stop.get_token()));
}

TEST(BoundedQueueTest, ManyToManyLosesNothing) {
  BoundedQueue<int> queue(4);
  std::atomic<std::int64_t> sum{0};
  {
    std::vector<std::jthread> readers;
    for (int t = 0; t < 3; ++t) {
      readers.emplace_back([&] {
        while (auto value = queue.Pop()) sum += *value;
      });
    }
    {
      std::vector<std::jthread> writers;
      for (int t = 0; t < 3; ++t) {
        writers.emplace_back([&] {
          for (int i = 1; i <= 1000; ++i) queue.Push(i);
        });
      }
    }
    queue.Close();
  }
  EXPECT_EQ(sum, 3 * 500'500);
}

}  // namespace
}  // namespace consilium
