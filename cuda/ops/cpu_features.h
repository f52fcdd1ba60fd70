// SPDX-FileCopyrightText: The Consilium authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

// A file compiled for every x86-64 (or another) processor may hold one function twice: CONSILIUM_TARGET_AVX2 marks
// the copy for processors with AVX2 and FMA, CONSILIUM_INLINE what must be compiled into both. Both copies compute
// the same bits; only the time differs.
#define CONSILIUM_INLINE [[gnu::always_inline]] inline

namespace consilium {

#if defined(__x86_64__)
#define CONSILIUM_TARGET_AVX2 [[gnu::target("avx2,fma")]]
inline bool CpuHasAvx2AndFma() { return __builtin_cpu_supports("avx2") != 0 && __builtin_cpu_supports("fma") != 0; }
#else
#define CONSILIUM_TARGET_AVX2
inline bool CpuHasAvx2AndFma() { return false; }
#endif

}  // namespace consilium
