# SPDX-FileCopyrightText: The Consilium authors
# SPDX-License-Identifier: Apache-2.0
# Everything from outside: Debian 12 packages (packaging/debian-packages.txt) and the LibTorch wheel.
find_package(Threads REQUIRED)
find_package(OpenSSL 3 REQUIRED)
find_package(SQLite3 REQUIRED)
find_package(spdlog REQUIRED)
find_package(fmt REQUIRED)
find_package(nlohmann_json REQUIRED)
find_package(tomlplusplus REQUIRED)
find_package(CLI11 REQUIRED)
find_package(GTest REQUIRED)
find_package(PkgConfig REQUIRED)
pkg_check_modules(SODIUM REQUIRED IMPORTED_TARGET libsodium)
find_package(Protobuf REQUIRED)
find_package(gRPC CONFIG REQUIRED)
find_package(ZLIB REQUIRED)
find_package(DCMTK CONFIG REQUIRED)
# GDCM is looked for by name: its own configuration asks for its programs and for VTK.
find_path(GDCM_INCLUDE gdcmJPEG2000Codec.h PATH_SUFFIXES gdcm-3.0 REQUIRED)
add_library(consilium_gdcm INTERFACE)
target_include_directories(consilium_gdcm SYSTEM INTERFACE ${GDCM_INCLUDE})
# DCMTK and GDCM each bring a CharLS, and both export JpegLsDecode and the like. As a direct need of every program DCMTK's
# comes first in the search for symbols, whatever the order of the others; nobody calls GDCM's JPEG-LS.
target_link_libraries(consilium_gdcm INTERFACE
  "-Wl,--push-state,--no-as-needed,$<TARGET_FILE:DCMTK::dcmtkcharls>,--pop-state")
foreach(part MSFF DSED Common)
  find_library(GDCM_${part} gdcm${part} REQUIRED)
  target_link_libraries(consilium_gdcm INTERFACE ${GDCM_${part}})
endforeach()
find_package(Qt6 REQUIRED COMPONENTS Core Gui Widgets Test)

set(ITK_NO_IO_FACTORY_REGISTER_MANAGER ON)
find_package(ITK 5.2 REQUIRED COMPONENTS ITKCommon ITKImageGrid ITKConnectedComponents ITKThresholding ITKDistanceMap
             ITKSmoothing ITKIONIFTI)
add_library(consilium_itk INTERFACE)
target_include_directories(consilium_itk SYSTEM INTERFACE ${ITK_INCLUDE_DIRS})
target_link_libraries(consilium_itk INTERFACE ${ITK_LIBRARIES})

if(CONSILIUM_TORCH)
  include(TorchWheel)
endif()
include(CudaToolkit)
