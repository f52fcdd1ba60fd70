// SPDX-FileCopyrightText: The Consilium authors
// SPDX-License-Identifier: Apache-2.0
// Defects of slices: where they lie, how many there are, and what else lies among them.
#include <cmath>

#include "tests/support/awkward_draft.h"

namespace consilium {
namespace fs = std::filesystem;
namespace {

constexpr std::uint32_t kImageType = 0x00080008, kAcquisition = 0x00200012, kAcquisitionTime = 0x00080032,
                        kContentTime = 0x00080033, kKernel = 0x00181210, kTilt = 0x00181120, kPosition = 0x00200032,
                        kOrientation = 0x00200037, kSpacing = 0x00280030, kNumberOfSlices = 0x00540081;

void Sound(AwkwardDraft& d) { d.WriteUsed(); }

// CT slices that move up by a quarter of the distance between them: 14 degrees.
void GantryTilt(AwkwardDraft& d) {
  const double length = std::sqrt(1 + 0.0625);
  d.study.ct.geometry.direction[2] = {0, 0.25 / length, 1 / length};
  d.study.ct.geometry.spacing_mm.z *= length;
  d.study.ct.geometry.origin_mm.y -= 4;
  d.study.ct.rise = 40;
  d.study.ct.edits = {{{kTilt}, "14.036"}};
  d.WriteUsed();
  d.result.notes = {"gantry tilt"};
}

void TiltInTheTagAlone(AwkwardDraft& d) {
  d.study.ct.edits = {{{kTilt}, "14.036"}};
  d.WriteUsed();
}

void Oblique(AwkwardDraft& d) {
  const double h = std::sqrt(0.5);
  for (SeriesFiles* files : {&d.study.pet, &d.study.ct})
    files->geometry.direction = {{{h, h, 0}, {-0.6 * h, 0.6 * h, 0.8}, {0.8 * h, -0.8 * h, 0.6}}};
  // The CT's corner keeps its distance to the PET's along the axes they share.
  const Vec3 pet = d.study.pet.geometry.origin_mm;
  d.study.ct.geometry.origin_mm = pet;
  d.study.ct.geometry.origin_mm = d.study.ct.geometry.IndexToPoint({-4 / 3.5, -4 / 3.5, -0.4});
  const SmallStudy sound = d.study;
  for (auto& points : d.study.contour.rois[0].contours)  // the contour turns with the grid
    for (Vec3& p : points) {
      const Vec3 off = p - pet;
      const auto& axes = sound.pet.geometry.direction;
      p = pet + off.x * axes[0] + off.y * axes[1] + off.z * axes[2];
    }
  d.WriteUsed();
}

void Reversed(AwkwardDraft& d) {
  for (SeriesFiles* files : {&d.study.pet, &d.study.ct}) {
    Geometry& g = files->geometry;
    g.origin_mm = g.IndexToPoint({0, 0, static_cast<double>(g.size.z - 1)});
    g.direction[2] = {0, 0, -1};
  }
  d.WriteUsed();
}

// As a table that moves in steps of another size half way.
void UnevenSlices(AwkwardDraft& d) {
  for (int k = 7; k < 12; ++k) {
    const Vec3 p = d.study.ct.geometry.IndexToPoint({0, 0, static_cast<double>(k)});
    d.study.ct.edits.push_back({{kPosition}, "-26\\-22\\" + std::to_string(p.z + 0.4 * (k - 6)), k});
  }
  d.WriteRefused(QuarantineReason::kUnevenSlices, "uneven slices");
}

void MissingInTheMiddle(AwkwardDraft& d) {
  d.study.ct.dropped = 5;
  d.WriteRefused(QuarantineReason::kMissingSlices, "missing slices: largest gap 5.0 mm, spacing 2.5 mm");
}

void MissingAtTheEnd(AwkwardDraft& d) {
  d.study.pet.geometry.size.z = 5;
  d.study.pet.edits = {{{kNumberOfSlices}, "6"}};
  d.WriteUsed();
  d.result.notes = {"5 of the 6 slices that NumberOfSlices (0054,0081) names: the ends are missing"};
}

void CopiesOfSlices(AwkwardDraft& d) {
  d.WriteUsed();
  fs::copy(d.folder() / "PET", d.folder() / "PET (copy)");
  for (const char* slice : {"000.dcm", "004.dcm", "011.dcm"})
    fs::copy_file(d.folder() / "CT" / slice, d.folder() / ("again-" + std::string(slice)));
  d.result.notes = {"6 copies of slices left out", "3 copies of slices left out"};
}

void TwoSlicesInOnePlace(AwkwardDraft& d) {
  SeriesFiles other = d.study.ct;
  other.sop_root = other.series + ".77";
  other.phase = 1;
  other.prefix = "other";
  other.only = 4;
  WriteSeries(d.folder() / "CT", other);
  d.WriteRefused(QuarantineReason::kDuplicateSlices, "duplicate");
}

// The lower half was scanned again: two acquisitions under one SeriesInstanceUID.
void TwoAcquisitions(AwkwardDraft& d) {
  SeriesFiles second = d.study.ct;
  second.geometry.size.z = 6;
  second.sop_root = second.series + ".77";
  second.phase = 1;
  second.prefix = "second";
  second.edits = {{{kAcquisition}, "2"}};
  d.study.ct.edits = {{{kAcquisition}, "1"}};
  WriteSeries(d.folder() / "CT", second);
  d.WriteUsed();
  d.result.notes = {"volume 1 of 2 in its series, told apart by AcquisitionNumber (0020,0012)"};
}

void TwoKernels(AwkwardDraft& d) {
  SeriesFiles sharp = d.study.ct;
  sharp.sop_root = sharp.series + ".77";
  sharp.phase = 1;
  sharp.prefix = "sharp";
  sharp.edits = {{{kKernel}, "B70f"}};
  d.study.ct.edits = {{{kKernel}, "B30f"}};
  WriteSeries(d.folder() / "CT", sharp);
  d.WriteUsed();
  d.result.ct.push_back({sharp});
  d.result.notes = {"told apart by ConvolutionKernel (0018,1210)"};
}

void DynamicPet(AwkwardDraft& d) {
  const SeriesFiles frame = d.study.pet;
  std::vector<WrittenSeries> frames;
  for (int n = 0; n < 3; ++n) {
    SeriesFiles one = frame;
    one.phase = n;
    one.prefix = "frame" + std::to_string(n) + "-";
    one.sop_root = one.series + ".7" + std::to_string(n);
    one.edits = {{{0x00541000}, "DYNAMIC\\IMAGE"},
                 {{kNumberOfSlices}, "6"},
                 {{0x00540101}, "3"},
                 {{0x00541300}, std::to_string(30000 + 60000 * n)},
                 {{kAcquisitionTime}, "11000" + std::to_string(n)}};
    frames.push_back({one});
    if (n == 0) d.study.pet = one;
    if (n > 0) WriteSeries(d.folder() / "PET", one);
  }
  d.WriteUsed();
  d.result.pet = frames;
  d.result.notes = {"volume 1 of 3", "volume 2 of 3", "volume 3 of 3"};
}

// A time of its own in every slice splits nothing.
void TimesOfSlices(AwkwardDraft& d) {
  for (SeriesFiles* files : {&d.study.pet, &d.study.ct})
    for (int k = 0; k < files->geometry.size.z; ++k) {
      const std::string time = "1100" + std::to_string(10 + k);
      files->edits.push_back({{kAcquisitionTime}, time, k});
      files->edits.push_back({{kContentTime}, time, k});
      files->edits.push_back({{kAcquisition}, std::to_string(k / 2 + 1), k});
    }
  d.WriteUsed();
}

SeriesFiles Localiser(const AwkwardDraft& d) {
  SeriesFiles one = d.study.ct;
  one.geometry.size = {20, 24, 1};
  one.geometry.direction = {{{0, 1, 0}, {0, 0, -1}, {-1, 0, 0}}};
  one.geometry.origin_mm = {0, -30, -70};
  one.sop_root = one.series + ".77";
  one.prefix = "A0";  // sorts before the slices
  one.edits = {{{kImageType}, "ORIGINAL\\PRIMARY\\LOCALIZER"}};
  return one;
}

void LocaliserAmongTheSlices(AwkwardDraft& d) {
  WriteSeries(d.folder() / "CT", Localiser(d));
  d.WriteUsed();
  d.result.left_out = {"localiser"};
}

void LocaliserSeries(AwkwardDraft& d) {
  SeriesFiles one = Localiser(d);
  one.series += "0";
  WriteSeries(d.folder() / "scout", one);
  d.WriteUsed();
  d.result.left_out = {"localiser"};
}

// A projection that turns around the patient.
void MaximumIntensityProjections(AwkwardDraft& d) {
  SeriesFiles mip = d.study.pet;
  mip.series += "0";
  mip.geometry.size.z = 4;
  const char* orientations[] = {"1\\0\\0\\0\\0\\-1", "0\\1\\0\\0\\0\\-1", "-1\\0\\0\\0\\0\\-1", "0\\-1\\0\\0\\0\\-1"};
  mip.edits = {{{kImageType}, "DERIVED\\SECONDARY\\MIP"}, {{kPosition}, "-22\\-18\\-110"}};
  for (int k = 0; k < 4; ++k) mip.edits.push_back({{kOrientation}, orientations[k], k});
  WriteSeries(d.folder() / "MIP", mip);
  d.WriteUsed();
  d.result.left_out = {"derived"};
}

void Screenshots(AwkwardDraft& d) {
  const auto colour = [](DcmItem& item) {
    const std::pair<std::uint32_t, const char*> texts[] = {{kImageType, "DERIVED\\SECONDARY\\SCREEN SAVE"},
                                                           {0x00080060, "CT"},
                                                           {0x00280002, "3"},
                                                           {0x00280004, "RGB"},
                                                           {0x00280006, "0"},
                                                           {0x00280010, "8"},
                                                           {0x00280011, "8"},
                                                           {0x00280100, "8"},
                                                           {0x00280101, "8"},
                                                           {0x00280102, "7"},
                                                           {0x00280103, "0"}};
    for (const auto& [tag, text] : texts) PutText(item, tag, text);
    PutPixelBytes(item, 192);
  };
  const std::string series = d.study.uid() + ".30";
  for (const char* name : {"SC1", "SC2"})
    WriteObject(d.folder() / name, d, "1.2.840.10008.5.1.4.1.1.2", series, colour);
  WriteObject(d.folder() / "SC3", d, "1.2.840.10008.5.1.4.1.1.7", series + "1", colour);
  d.WriteUsed();
  d.result.left_out = {"screenshot"};
}

void MixedOrientation(AwkwardDraft& d) {
  d.study.ct.edits = {{{kOrientation}, "0\\1\\0\\0\\0\\-1", 6}};
  d.WriteRefused(QuarantineReason::kUnevenSlices, "mixed orientation");
}

void MixedSpacing(AwkwardDraft& d) {
  d.study.pet.edits = {{{kSpacing}, "4\\4.1", 3}};
  d.WriteRefused(QuarantineReason::kUnevenSlices, "slices of different pixel spacing");
}

void OneSlice(AwkwardDraft& d) {
  d.study.pet.geometry.size.z = 1;
  d.WriteRefused(QuarantineReason::kNotAVolume, "only one slice");
}

}  // namespace

std::vector<AwkwardDefect> AwkwardSlices() {
  return {{"sound", "Nothing is wrong.", Sound},
          {"gantry-tilt", "The CT's gantry was tilted: its slices advance obliquely.", GantryTilt},
          {"tilt-in-the-tag", "GantryDetectorTilt says 14 degrees, the slices lie straight.", TiltInTheTagAlone},
          {"oblique", "PET and CT lie obliquely in the patient.", Oblique},
          {"reversed", "Files run from head to feet.", Reversed},
          {"uneven", "The table moved in other steps half way.", UnevenSlices},
          {"gap", "A slice of the CT is missing.", MissingInTheMiddle},
          {"two-in-one-place", "One CT slice is there twice with other pixels.", TwoSlicesInOnePlace},
          {"times-of-slices", "Every slice has its own time, as scanners write.", TimesOfSlices},
          {"mixed-orientation", "A sagittal slice lies among axial ones and says nothing of it.", MixedOrientation},
          {"mixed-spacing", "A slice of the PET has other pixels in mm.", MixedSpacing},
          {"end-missing", "The last PET slice is missing; only NumberOfSlices tells.", MissingAtTheEnd},
          {"copies", "Files were copied into the archive twice.", CopiesOfSlices},
          {"two-acquisitions", "Half of the CT was scanned again in the same series.", TwoAcquisitions},
          {"two-kernels", "Two reconstructions of the CT share a series.", TwoKernels},
          {"dynamic-pet", "The PET has three time frames.", DynamicPet},
          {"localiser-inside", "The CT's localiser is in the CT's series.", LocaliserAmongTheSlices},
          {"localiser-series", "The CT's localiser is a series of its own.", LocaliserSeries},
          {"projections", "A derived series holds projections of the PET.", MaximumIntensityProjections},
          {"screenshots", "Colour screenshots lie in the study, as CT and as Secondary Capture.", Screenshots},
          {"one-slice", "The PET was cut down to one slice.", OneSlice}};
}

}  // namespace consilium
