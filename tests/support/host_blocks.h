// SPDX-FileCopyrightText: The Consilium authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <memory>

#include "tests/support/host_context.h"

namespace consilium {

#if defined(__SANITIZE_ADDRESS__)
inline constexpr bool kUnderAddressSanitizer = true;
#else
inline constexpr bool kUnderAddressSanitizer = false;
#endif
#if defined(__SANITIZE_THREAD__)
inline constexpr bool kUnderThreadSanitizer = true;
#else
inline constexpr bool kUnderThreadSanitizer = false;
#endif

// Runs the threads of one block after another block; the two ways of HostOrder. Behind RunOnHost only.
class HostBlockRunner {
 public:
  virtual ~HostBlockRunner() = default;
  virtual void Run(Index3 block, std::byte* shared, const std::function<void(HostContext&)>& body) = 0;
};

std::unique_ptr<HostBlockRunner> MakeFiberRunner(const HostLaunch& launch);
std::unique_ptr<HostBlockRunner> MakeThreadRunner(const HostLaunch& launch);

inline std::uint32_t ThreadsOf(const HostLaunch& launch) { return launch.block.x * launch.block.y * launch.block.z; }

// The thread of that number, x fastest.
inline Index3 ThreadAt(const HostLaunch& launch, std::uint32_t number) {
  const Index3 n = launch.block;
  return {number % n.x, number / n.x % n.y, number / (n.x * n.y)};
}

}  // namespace consilium
