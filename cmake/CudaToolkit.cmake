# SPDX-FileCopyrightText: The Consilium authors
# SPDX-License-Identifier: Apache-2.0
# With a CUDA 13 toolkit the CUDA sources are compiled too; without one everything else is the same.
# Sets CONSILIUM_HAS_CUDA.
set(CONSILIUM_HAS_CUDA OFF)
if(NOT CONSILIUM_CUDA STREQUAL "OFF")
  find_program(CONSILIUM_NVCC nvcc HINTS /usr/local/cuda/bin ENV CUDA_HOME PATH_SUFFIXES bin)
  if(CONSILIUM_NVCC)
    set(CMAKE_CUDA_COMPILER ${CONSILIUM_NVCC})
    if(NOT CMAKE_CUDA_ARCHITECTURES)
      set(CMAKE_CUDA_ARCHITECTURES 90)
    endif()
    enable_language(CUDA)
    # CMake 3.25 does not know that nvcc 13 has C++20.
    set(CMAKE_CUDA20_STANDARD_COMPILE_OPTION "-std=c++20")
    set(CMAKE_CUDA20_EXTENSION_COMPILE_OPTION "-std=c++20")
    set(CMAKE_CUDA_STANDARD 20)
    set(CONSILIUM_HAS_CUDA ON)
  endif()
endif()
message(STATUS "CUDA sources: ${CONSILIUM_HAS_CUDA}")
