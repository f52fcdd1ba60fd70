# SPDX-FileCopyrightText: The Consilium authors
# SPDX-License-Identifier: Apache-2.0
# LibTorch from the unpacked wheel (./dev setup puts it into .deps/), without its own CMake files: docs/adr/0002.
# Only learning/ links these, PRIVATE: the wheel's include folder also holds fmt/ and google/protobuf/.
set(CONSILIUM_TORCH_DIR "${CMAKE_SOURCE_DIR}/.deps/torch-2.11.0" CACHE PATH "Folder that holds torch/ and nvidia/")
set(_torch "${CONSILIUM_TORCH_DIR}/torch")
if(NOT EXISTS "${_torch}/lib/libtorch_cpu.so")
  message(FATAL_ERROR "LibTorch is not in ${CONSILIUM_TORCH_DIR}. Run ./dev setup first.")
endif()

add_library(torch_c10 SHARED IMPORTED)
set_target_properties(torch_c10 PROPERTIES IMPORTED_LOCATION "${_torch}/lib/libc10.so" IMPORTED_NO_SONAME OFF)
add_library(torch_cpu SHARED IMPORTED)
set_target_properties(torch_cpu PROPERTIES IMPORTED_LOCATION "${_torch}/lib/libtorch_cpu.so")

add_library(torch_headers INTERFACE)
target_include_directories(torch_headers SYSTEM INTERFACE "${_torch}/include" "${_torch}/include/torch/csrc/api/include")

# What a program on the CPU half of LibTorch needs. libtorch_cuda.so is opened at start where a driver is found.
add_library(consilium_torch INTERFACE)
target_link_libraries(consilium_torch INTERFACE torch_headers torch_cpu torch_c10)
target_link_options(consilium_torch INTERFACE
  "-Wl,-rpath,${_torch}/lib" "-Wl,-rpath-link,${_torch}/lib:${CONSILIUM_TORCH_DIR}/nvidia/cu13/lib")

# Its GPU half, for the shared module of learning/gpu only: no program links these.
foreach(part torch_cuda c10_cuda)
  string(REGEX REPLACE "^c10" "torch_c10" target "${part}")
  add_library(${target} SHARED IMPORTED)
  set_target_properties(${target} PROPERTIES IMPORTED_LOCATION "${_torch}/lib/lib${part}.so")
endforeach()
