// SPDX-FileCopyrightText: The Consilium authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>

// The DICOM tags and SOP classes that imaging/dicom reads (PS3.6), so that no file needs DCMTK's 5,000-line list.
namespace consilium {

// A DICOM tag, 0xGGGGEEEE.
using TagNumber = std::uint32_t;

}  // namespace consilium

namespace consilium::tag {

inline constexpr std::uint32_t kCharacterSet = 0x00080005, kImageType = 0x00080008, kSopClassUid = 0x00080016,
                               kSopInstanceUid = 0x00080018, kStudyDate = 0x00080020, kSeriesDate = 0x00080021,
                               kAcquisitionDate = 0x00080022, kSeriesTime = 0x00080031, kAcquisitionTime = 0x00080032,
                               kContentTime = 0x00080033, kModality = 0x00080060, kManufacturer = 0x00080070,
                               kModelName = 0x00081090, kTimeZone = 0x00080201, kSeriesDescription = 0x0008103E;
inline constexpr std::uint32_t kPatientName = 0x00100010, kPatientId = 0x00100020, kPatientWeight = 0x00101030;
inline constexpr std::uint32_t kSliceThickness = 0x00180050, kSpacingBetweenSlices = 0x00180088, kKvp = 0x00180060,
                               kEchoTime = 0x00180081, kEchoNumbers = 0x00180086, kTriggerTime = 0x00181060,
                               kGantryTilt = 0x00181120, kKernel = 0x00181210, kDiffusionBValue = 0x00189087,
                               kCardiacPhase = 0x00209241;
inline constexpr std::uint32_t kStartTime = 0x00181072, kTotalDose = 0x00181074, kHalfLife = 0x00181075,
                               kStartDateTime = 0x00181078, kFrameDuration = 0x00181242;
inline constexpr std::uint32_t kStudyUid = 0x0020000D, kStudyId = 0x00200010, kSeriesUid = 0x0020000E,
                               kAcquisitionNumber = 0x00200012, kTemporalPosition = 0x00200100, kPosition = 0x00200032,
                               kOrientation = 0x00200037, kFrameOfReference = 0x00200052;
inline constexpr std::uint32_t kSamplesPerPixel = 0x00280002, kPhotometric = 0x00280004, kFrames = 0x00280008,
                               kRows = 0x00280010, kColumns = 0x00280011, kPixelSpacing = 0x00280030,
                               kCorrectedImage = 0x00280051, kBitsAllocated = 0x00280100, kBitsStored = 0x00280101,
                               kHighBit = 0x00280102, kPixelRepresentation = 0x00280103, kIntercept = 0x00281052,
                               kSlope = 0x00281053;
inline constexpr std::uint32_t kRadiopharmaceuticals = 0x00540016, kNumberOfSlices = 0x00540081, kUnits = 0x00541001,
                               kSuvType = 0x00541006, kDecayCorrection = 0x00541102, kFrameReferenceTime = 0x00541300;
inline constexpr std::uint32_t kStructureSetRois = 0x30060020, kRoiNumber = 0x30060022, kRoiName = 0x30060026,
                               kRoiContours = 0x30060039, kContours = 0x30060040, kContourType = 0x30060042,
                               kContourPoints = 0x30060046, kContourData = 0x30060050,
                               kReferencedRoiNumber = 0x30060084, kReferencedFrames = 0x30060010,
                               kReferencedStudies = 0x30060012, kRtReferencedSeries = 0x30060014;
inline constexpr std::uint32_t kReferencedSeries = 0x00081115, kReferencedInstances = 0x0008114A,
                               kReferencedSopInstance = 0x00081155, kContourImages = 0x30060016;
inline constexpr std::uint32_t kSegmentationType = 0x00620001, kSegments = 0x00620002, kSegmentNumber = 0x00620004,
                               kSegmentLabel = 0x00620005, kAlgorithmType = 0x00620008, kAlgorithmName = 0x00620009,
                               kSegmentType = 0x0062000F, kCodeValue = 0x00080100, kCodeScheme = 0x00080102,
                               kCodeMeaning = 0x00080104, kSegmentIdentification = 0x0062000A,
                               kReferencedSegmentNumber = 0x0062000B, kSharedGroups = 0x52009229,
                               kPerFrameGroups = 0x52009230, kPlanePosition = 0x00209113,
                               kPlaneOrientation = 0x00209116, kPixelMeasures = 0x00289110;
inline constexpr std::uint32_t kPixelData = 0x7FE00010;

}  // namespace consilium::tag
