// SPDX-FileCopyrightText: The Consilium authors
// SPDX-License-Identifier: Apache-2.0
#include "core/data/voxel_buffer.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdint>

namespace consilium {
namespace {

using Voxels = VoxelBuffer<std::int16_t>;

TEST(VoxelBuffer, IsAVectorWhateverItsSize) {
  for (const std::size_t count : {std::size_t{0}, std::size_t{1}, std::size_t{5000}, std::size_t{5} << 20}) {
    Voxels voxels;
    voxels.resize(count);
    for (std::size_t i = 0; i < count; ++i) voxels[i] = static_cast<std::int16_t>(i % 30011);
    const Voxels copy = voxels;
    voxels.resize(count + 3, 7);
    EXPECT_TRUE(std::equal(copy.begin(), copy.end(), voxels.begin()));
    EXPECT_EQ(Voxels(voxels.end() - 3, voxels.end()), Voxels(3, 7));
    const Voxels moved = std::move(voxels);
    EXPECT_EQ(moved.size(), count + 3);
  }
  EXPECT_EQ((Voxels{1, 2}).size(), 2U);
}

// Whoever fills all of it need not pay for zeros: what was in the memory before is still there.
TEST(VoxelBuffer, LeavesNewVoxelsUnset) {
  Voxels voxels;
  voxels.reserve(100);
  voxels.resize(100);
  std::fill(voxels.begin(), voxels.end(), std::int16_t{42});
  voxels.resize(1);
  voxels.resize(100);
  EXPECT_EQ(voxels[99], 42);
  voxels.resize(1);
  voxels.resize(100, 0);
  EXPECT_EQ(voxels[99], 0);
}

TEST(VoxelBuffer, LargeBlocksBeginAtAHugePage) {
  const Voxels large(std::size_t{8} << 20, 1);
  EXPECT_EQ(reinterpret_cast<std::uintptr_t>(large.data()) % (2U << 20), 0U);
  EXPECT_EQ(std::count(large.begin(), large.end(), 1), std::ssize(large));
}

TEST(VoxelBuffer, MoreThanThereIsIsRefused) {
  VoxelAllocator<std::int16_t> memory;
  EXPECT_THROW(static_cast<void>(memory.allocate(std::size_t{1} << 63)), std::bad_array_new_length);
}

}  // namespace
}  // namespace consilium
