// SPDX-FileCopyrightText: The Consilium authors
// SPDX-License-Identifier: Apache-2.0
#include "tests/support/awkward_studies.h"

#include <dcmtk/config/osconfig.h>
#include <dcmtk/dcmdata/dctk.h>
#include <sys/stat.h>

#include <algorithm>
#include <cmath>

#include "core/base/digest.h"
#include "core/base/error.h"
#include "tests/support/awkward_draft.h"

namespace consilium {
namespace fs = std::filesystem;
namespace {

void Check(const OFCondition& condition, const std::string& what) {
  Ensure(condition.good(), "an awkward study could not be made, " + what + ": " + condition.text());
}

// Where a study lies: archives come in every layout.
fs::path PlaceOf(const fs::path& folder, int number, const std::string& name) {
  switch (number % 4) {
    case 0: return folder / name;
    case 1: return folder / "archive" / "2020" / std::to_string(1000 - number) / "DICOM";
    case 2: return folder / ("patient " + std::to_string(number)) / "2020-03-01 PET CT" / name;
    default: return folder / "archive" / name / "a" / "b" / "c";
  }
}

// What else lies in archives.
void WriteJunk(const fs::path& folder) {
  for (const char* name :
       {"Thumbs.db", ".DS_Store", "DICOMDIR", "README.TXT", "archive/Thumbs.db", "archive/empty.dcm"})
    WriteFileBytes(folder / name, std::string(name).ends_with(".dcm") ? "" : "something else");
  fs::create_directories(folder / "__MACOSX" / ".hidden");
  WriteFileBytes(folder / "__MACOSX" / "._IM1.dcm", std::string(200, '\1'));
  Ensure(::mkfifo((folder / "pipe.dcm").c_str(), 0600) == 0, "cannot make a pipe");
  fs::create_directory_symlink(folder, folder / "archive" / "loop");
}

}  // namespace

std::optional<WrittenSeries::Value> WrittenSeries::At(Vec3 point) const {
  const Vec3 at = files.geometry.PointToIndex(point);
  const auto i = std::llround(at.x), j = std::llround(at.y), k = std::llround(at.z);
  const Size3& size = files.geometry.size;
  if (i < 0 || j < 0 || k < 0 || i >= size.x || j >= size.y || k >= size.z) return std::nullopt;
  const double off_j = at.y - static_cast<double>(j);
  if (std::abs(at.x - static_cast<double>(i)) > 1e-3 || std::abs(at.z - static_cast<double>(k)) > 1e-3)
    return std::nullopt;
  const double value = files.Value(i, j, k);
  if (files.rise == 0) {
    if (std::abs(off_j) > 1e-3) return std::nullopt;
    return Value{value * factor, (0.02 + std::abs(value) * 1e-6) * factor};
  }
  // Half a voxel beyond the first and the last row is still theirs.
  const double row = std::clamp(at.y, 0.0, static_cast<double>(size.y - 1));
  const double rise = (row - static_cast<double>(j)) * files.rise;
  return Value{value + rise * files.Slope(k), 0.51 * files.Slope(k)};  // rounded to a stored number
}

void AwkwardDraft::Write() { WriteSmallStudy(folder(), study); }

void AwkwardDraft::WriteUsed(double suv_factor) {
  Write();
  result.pet = {{study.pet, suv_factor}};
  result.ct = {{study.ct}};
  result.labelled = !study.contour.rois.empty();
}

void AwkwardDraft::WriteRefused(QuarantineReason reason, std::string words) {
  Write();
  result.reason = reason;
  result.words = std::move(words);
}

void AwkwardDraft::NoLabel(std::string words) {
  result.labelled = false;
  result.no_label_words = std::move(words);
}

void PutText(DcmItem& item, std::uint32_t tag, const std::string& value) {
  const DcmTagKey key(static_cast<Uint16>(tag >> 16), static_cast<Uint16>(tag & 0xFFFF));
  Check(item.putAndInsertString(key, value.c_str()), value);
}

void PutPixelBytes(DcmItem& item, std::size_t count) {
  const std::vector<Uint8> bytes(count, 7);
  Check(item.putAndInsertUint8Array(DCM_PixelData, bytes.data(), static_cast<unsigned long>(count)), "pixels");
}

void WriteObject(const fs::path& file, const AwkwardDraft& draft, const std::string& sop_class,
                 const std::string& series, const std::function<void(DcmItem&)>& fill) {
  DcmFileFormat dicom;
  DcmDataset& data = *dicom.getDataset();
  PutText(data, 0x00080016, sop_class);
  const Digest name = DigestOf(file.filename().string());
  PutText(data, 0x00080018, series + "." + std::to_string(name.bytes[0] * 256 + name.bytes[1]));
  PutText(data, 0x00080020, "20200301");
  PutText(data, 0x00100020, draft.study.patient());
  PutText(data, 0x0020000D, draft.study.uid());
  PutText(data, 0x0020000E, series);
  fill(data);
  fs::create_directories(file.parent_path());
  Check(dicom.saveFile(file.c_str(), EXS_LittleEndianExplicit), file.string());
}

void ChangeFile(const fs::path& file, const std::function<void(DcmItem&)>& change) {
  DcmFileFormat dicom;
  Check(dicom.loadFile(file.c_str()), file.string());
  dicom.loadAllDataIntoMemory();
  change(*dicom.getDataset());
  Check(dicom.saveFile(file.c_str(), EXS_LittleEndianExplicit), file.string());
}

std::int64_t DifferentVoxels(const Volume& volume, const WrittenSeries& written) {
  const Geometry& g = volume.geometry;
  std::int64_t different = 0, met = 0;
  for (std::int64_t k = 0; k < g.size.z; ++k) {
    for (std::int64_t j = 0; j < g.size.y; ++j) {
      for (std::int64_t i = 0; i < g.size.x; ++i) {
        const Vec3 index{static_cast<double>(i), static_cast<double>(j), static_cast<double>(k)};
        const auto expected = written.At(g.IndexToPoint(index));
        const auto value = static_cast<double>(volume.Value(i, j, k));
        met += expected ? 1 : 0;
        if (expected) different += std::abs(value - expected->value) > expected->tolerance;
        if (!expected) different += written.files.rise == 0 || std::abs(value + 1000) > 2;  // around tilted slices: air
      }
    }
  }
  // Resampling between rows loses at most one row of each slice.
  const Size3 size = written.files.geometry.size;
  const std::int64_t least = size.x * (size.y - (written.files.rise == 0 ? 0 : 1)) * size.z;
  return different + std::max<std::int64_t>(0, least - met);
}

std::vector<AwkwardStudy> WriteAwkwardStudies(const fs::path& folder) {
  std::vector<AwkwardStudy> studies;
  for (const auto& list : {AwkwardSlices(), AwkwardFiles(), AwkwardPets(), AwkwardLabels()}) {
    for (const AwkwardDefect& defect : list) {
      AwkwardDraft draft;
      const int number = static_cast<int>(studies.size()) + 1;
      draft.study = MakeSmallStudy(number);
      draft.root = folder;
      draft.result.name = defect.name;
      draft.result.story = defect.story;
      draft.result.place = PlaceOf(folder, number, defect.name);
      defect.write(draft);
      draft.result.patient = draft.study.patient();
      draft.result.uid = draft.study.uid();
      studies.push_back(std::move(draft.result));
    }
  }
  WriteJunk(folder);
  return studies;
}

}  // namespace consilium
