// SPDX-FileCopyrightText: The Consilium authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <functional>
#include <stop_token>

namespace consilium {

// How many threads share a work unless told otherwise: one for each core, eight at most.
int WorkingThreads();

// Calls work(thread, i) once for every i in [0, count), in growing order, on up to `threads` threads of which the
// caller's is number 0. Comes back when all rest. The exception of the lowest i that failed is thrown again; after a
// failure or a stop no further i is begun. Throws Error(kCancelled) if it was stopped before all were done.
void InParallel(std::int64_t count, int threads, const std::stop_token& stop,
                const std::function<void(int thread, std::int64_t i)>& work);

}  // namespace consilium
