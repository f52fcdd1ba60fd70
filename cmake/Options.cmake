# SPDX-FileCopyrightText: The Consilium authors
# SPDX-License-Identifier: Apache-2.0
# Warnings, standard, sanitizers, linker: one interface target that every target of ours links.
add_library(consilium_options INTERFACE)
target_compile_features(consilium_options INTERFACE cxx_std_20)
target_include_directories(consilium_options INTERFACE ${CMAKE_SOURCE_DIR})
target_compile_options(consilium_options INTERFACE
  $<$<COMPILE_LANGUAGE:CXX>:-Wall -Wextra -Wshadow -Wsign-conversion -Wnon-virtual-dtor>
  # g++ 12 sees overlaps in std::string's operator+ that are not there (GCC bug 105651).
  $<$<CXX_COMPILER_ID:GNU>:$<$<COMPILE_LANGUAGE:CXX>:-Wno-restrict>>)
option(CONSILIUM_WERROR "Warnings are errors" OFF)
if(CONSILIUM_WERROR)
  target_compile_options(consilium_options INTERFACE $<$<COMPILE_LANGUAGE:CXX>:-Werror>)
endif()
set(CMAKE_CXX_EXTENSIONS OFF)
set(CMAKE_POSITION_INDEPENDENT_CODE ON)

find_program(CONSILIUM_MOLD mold)
if(CONSILIUM_MOLD)
  add_link_options(-fuse-ld=mold)
endif()
find_program(CONSILIUM_CCACHE ccache)
if(CONSILIUM_CCACHE AND NOT CMAKE_CXX_COMPILER_LAUNCHER)
  set(CMAKE_CXX_COMPILER_LAUNCHER ${CONSILIUM_CCACHE})
  set(CMAKE_CUDA_COMPILER_LAUNCHER ${CONSILIUM_CCACHE})
endif()

if(CONSILIUM_SANITIZE STREQUAL "address+undefined")
  add_compile_options(-fsanitize=address,undefined -fno-sanitize-recover=undefined -fno-omit-frame-pointer -g1)
  add_link_options(-fsanitize=address,undefined)
elseif(CONSILIUM_SANITIZE STREQUAL "thread")
  add_compile_options(-fsanitize=thread -fno-omit-frame-pointer -g1)
  add_link_options(-fsanitize=thread)
endif()

if(CONSILIUM_FUZZ)
  if(NOT CMAKE_CXX_COMPILER_ID STREQUAL "Clang")
    message(FATAL_ERROR "CONSILIUM_FUZZ needs Clang. Use: cmake --preset fuzz")
  endif()
  add_compile_options(-fsanitize=fuzzer-no-link,address,undefined -fno-sanitize-recover=undefined
                      -fno-omit-frame-pointer)
  add_link_options(-fsanitize=address,undefined)
endif()

# consilium_library(NAME SOURCES a.cc ... PUBLIC t ... PRIVATE t ...): one folder, one target, one alias.
function(consilium_library name)
  cmake_parse_arguments(L "" "" "SOURCES;PUBLIC;PRIVATE" ${ARGN})
  add_library(consilium_${name} STATIC ${L_SOURCES})
  add_library(consilium::${name} ALIAS consilium_${name})
  target_link_libraries(consilium_${name} PUBLIC consilium_options ${L_PUBLIC} PRIVATE ${L_PRIVATE})
endfunction()

# consilium_test(core/model/safetensors LABELS unit SOURCES x_test.cc LIBRARIES consilium::core): one ctest entry
# named after the folder it tests; the label decides where it runs.
function(consilium_test name)
  cmake_parse_arguments(T "" "TIMEOUT" "SOURCES;LIBRARIES;LABELS;ARGUMENTS" ${ARGN})
  string(REPLACE "/" "_" target "test_${name}")
  add_executable(${target} ${T_SOURCES})
  target_link_libraries(${target} PRIVATE consilium_options ${T_LIBRARIES} GTest::gmock GTest::gtest_main)
  set_target_properties(${target} PROPERTIES RUNTIME_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/tests)
  if(NOT T_TIMEOUT)
    set(T_TIMEOUT 120)
  endif()
  if(CONSILIUM_SANITIZE)  # many times slower
    math(EXPR T_TIMEOUT "5 * ${T_TIMEOUT}")
  endif()
  add_test(NAME ${name} COMMAND ${target} ${T_ARGUMENTS})
  set_tests_properties(${name} PROPERTIES LABELS "${T_LABELS}" TIMEOUT ${T_TIMEOUT} SKIP_RETURN_CODE 77)
endfunction()
