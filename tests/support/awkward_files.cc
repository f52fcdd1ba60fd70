// SPDX-FileCopyrightText: The Consilium authors
// SPDX-License-Identifier: Apache-2.0
// Defects of files: how they are named, encoded and damaged, and which tags they lack.
#include <dcmtk/config/osconfig.h>
#include <dcmtk/dcmdata/dctk.h>

#include "core/base/error.h"
#include "tests/support/awkward_draft.h"
#include "tests/support/dicom_tools.h"

namespace consilium {
namespace fs = std::filesystem;
namespace {

void ShuffledNames(AwkwardDraft& d) {
  for (SeriesFiles* files : {&d.study.pet, &d.study.ct}) files->shuffled = true;
  d.WriteUsed();
}

// As on a CD: IM000, IM001, ... without an extension, all in one folder.
void NoExtensions(AwkwardDraft& d) {
  for (SeriesFiles* files : {&d.study.pet, &d.study.ct}) files->extension = "";
  d.study.pet.prefix = "IM0";
  d.study.ct.prefix = "IM1";
  d.WriteUsed();
  for (const char* part : {"PET", "CT"}) {
    for (const auto& entry : fs::directory_iterator(d.folder() / part))
      fs::rename(entry.path(), d.folder() / entry.path().filename());
    fs::remove(d.folder() / part);
  }
}

// Files of two patients in one folder, by turns.
void InOneFolder(AwkwardDraft& d, bool first) {
  d.result.place = d.root / "all patients";
  for (SeriesFiles* files : {&d.study.pet, &d.study.ct}) {
    files->extension = first ? "a.dcm" : "b.dcm";
    files->shuffled = true;
  }
  d.study.ct.prefix = "9";
  d.WriteUsed();
  for (const char* part : {"PET", "CT"}) {
    for (const auto& entry : fs::directory_iterator(d.folder() / part))
      fs::rename(entry.path(), d.folder() / entry.path().filename());
    fs::remove(d.folder() / part);
  }
  fs::rename(d.folder() / "RTSTRUCT.dcm", d.folder() / (first ? "000-rt-a.dcm" : "000-rt-b.dcm"));
}
void FirstOfTwoPatients(AwkwardDraft& d) { InOneFolder(d, true); }
void SecondOfTwoPatients(AwkwardDraft& d) { InOneFolder(d, false); }

void SplitOverFolders(AwkwardDraft& d) {
  d.WriteUsed();
  const fs::path elsewhere = d.folder().parent_path() / "the rest of it";
  fs::create_directories(elsewhere);
  for (const char* file : {"PET/001.dcm", "PET/005.dcm", "CT/003.dcm", "RTSTRUCT.dcm"})
    fs::rename(d.folder() / file, elsewhere / ("x" + fs::path(file).filename().string()));
}

// The CT rests on another disk, as where an archive grew: its folder is a link, and each PET slice one of its own.
void Linked(AwkwardDraft& d) {
  d.WriteUsed();
  const fs::path disk = d.root.parent_path() / "another disk";
  fs::create_directories(disk / "PET");
  fs::rename(d.folder() / "CT", disk / "CT");
  fs::create_directory_symlink(disk / "CT", d.folder() / "CT");
  for (const auto& entry : fs::directory_iterator(d.folder() / "PET")) {
    const fs::path file = disk / "PET" / entry.path().filename();
    fs::copy_file(entry.path(), file);
    fs::remove(entry.path());
    fs::create_symlink(file, entry.path());
  }
}

// The first CT slice is a link to a disk that is not there: without it the CT would only be shorter.
void LinkLeadsNowhere(AwkwardDraft& d) {
  d.WriteRefused(QuarantineReason::kNotReadable, "not readable: 000.dcm, by name a slice of this series");
  fs::remove(d.folder() / "CT" / "000.dcm");
  fs::create_symlink(d.root.parent_path() / "no disk" / "000.dcm", d.folder() / "CT" / "000.dcm");
}

void Encoded(AwkwardDraft& d, Encoding encoding) {
  d.study.pet.encoding = d.study.ct.encoding = encoding;
  d.WriteUsed();
}
void ImplicitVr(AwkwardDraft& d) { Encoded(d, Encoding::kImplicit); }
void RunLength(AwkwardDraft& d) { Encoded(d, Encoding::kRle); }
void JpegLossless(AwkwardDraft& d) { Encoded(d, Encoding::kJpegLossless); }
void JpegLs(AwkwardDraft& d) { Encoded(d, Encoding::kJpegLs); }

// The CT as programs of DCMTK and GDCM encode it.
void Converted(AwkwardDraft& d, const std::string& tool) {
  d.WriteUsed();
  std::vector<fs::path> files;
  for (const auto& entry : fs::directory_iterator(d.folder() / "CT")) files.push_back(entry.path());
  ConvertFiles(tool, files);
}
void Jpeg2000(AwkwardDraft& d) { Converted(d, "gdcmconv --j2k"); }
void BigEndian(AwkwardDraft& d) { Converted(d, "dcmconv +tb"); }
void Deflated(AwkwardDraft& d) { Converted(d, "dcmconv +td"); }

// The PET says the patient's number in Latin-1, the CT in UTF-8, the contour in UTF-8 without saying so.
void TwoCharacterSets(AwkwardDraft& d) {
  d.study.pet.patient = "M\xfcller 7";
  d.study.pet.edits = {{{0x00080005}, "ISO_IR 100"}};
  d.study.ct.patient = "M\xc3\xbcller 7";
  d.study.ct.edits = {{{0x00080005}, "ISO_IR 192"}};
  d.study.contour.source.patient_id = PatientText(d.study.ct.patient);
  d.WriteUsed();
  d.study.pet.patient = d.study.ct.patient;  // what a worklist shows
}

void EightBits(AwkwardDraft& d) {
  for (SeriesFiles* files : {&d.study.pet, &d.study.ct}) {
    files->bits_allocated = files->bits_stored = 8;
    files->is_signed = false;
  }
  d.WriteUsed();
}

// The data set alone, as old archives and some toolkits keep it: no preamble, no file header.
void NoPreamble(AwkwardDraft& d) {
  d.WriteRefused(QuarantineReason::kNoPair, "PET without a usable CT");
  for (const auto& entry : fs::directory_iterator(d.folder() / "CT")) {
    DcmFileFormat file;
    const bool read = file.loadFile(entry.path().c_str()).good();
    file.loadAllDataIntoMemory();
    Ensure(read && file.getDataset()->saveFile(entry.path().c_str(), EXS_LittleEndianImplicit).good(), "no data set");
  }
}

void Truncated(AwkwardDraft& d) {
  d.WriteRefused(QuarantineReason::kNotReadable, "not readable: the file ends inside");
  const fs::path slice = d.folder() / "CT" / "007.dcm";
  fs::resize_file(slice, fs::file_size(slice) - 50);
}

void DeeplyNested(AwkwardDraft& d) {
  d.WriteRefused(QuarantineReason::kNotReadable, "not readable: 003.dcm");
  TagEdit deep{std::vector<std::uint32_t>(80, 0x00081140), "1.2.3"};
  deep.path.push_back(0x00081155);
  EditDicomFile(d.folder() / "PET" / "003.dcm", {deep});
}

void UnknownSyntax(AwkwardDraft& d) {
  d.WriteRefused(QuarantineReason::kNotReadable, "not readable: 002.dcm");
  const fs::path slice = d.folder() / "CT" / "002.dcm";
  std::string bytes = ReadFileBytes(slice);
  const std::string uid = "1.2.840.10008.1.2.1";
  bytes.replace(bytes.find(uid), uid.size(), "1.2.840.10008.1.2.9");
  WriteFileBytes(slice, bytes);
}

void MultiFrame(AwkwardDraft& d) {
  WriteSeries(d.folder() / "PET", d.study.pet);
  const auto fill = [&](DcmItem& item) {
    const std::pair<std::uint32_t, const char*> texts[] = {
        {0x00080060, "CT"}, {0x00280002, "1"},  {0x00280004, "MONOCHROME2"}, {0x00280008, "12"}, {0x00280010, "14"},
        {0x00280011, "16"}, {0x00280100, "16"}, {0x00280101, "16"},          {0x00280102, "15"}, {0x00280103, "0"}};
    for (const auto& [tag, text] : texts) PutText(item, tag, text);
    PutPixelBytes(item, static_cast<std::size_t>(2 * d.study.ct.geometry.size.count()));
  };
  WriteObject(d.folder() / "CT.dcm", d, "1.2.840.10008.5.1.4.1.1.2.1", d.study.ct.series, fill);
  d.result.reason = QuarantineReason::kNotAVolume;
  d.result.words = "enhanced (multi-frame)";
}

// Parametric maps and some research PET: floating-point pixels in an element of their own.
void FloatingPointPixels(AwkwardDraft& d) {
  d.WriteRefused(QuarantineReason::kNotAVolume, "pixels that are not 8 or 16 bits");
  for (const auto& entry : fs::directory_iterator(d.folder() / "PET")) {
    ChangeFile(entry.path(), [](DcmItem& item) {
      const std::vector<Float32> pixels(120, 1.5F);
      Ensure(item.findAndDeleteElement(DCM_PixelData).good() &&
                 item.putAndInsertFloat32Array(DCM_FloatPixelData, pixels.data(), 120).good(),
             "no floating-point pixels");
      PutText(item, 0x00280100, "32");
      PutText(item, 0x00280101, "32");
      PutText(item, 0x00280102, "31");
    });
  }
}

// What a de-identified export leaves out, and no software may insist on.
void OptionalTagsMissing(AwkwardDraft& d) {
  d.study.pet.patient = d.study.ct.patient = "";
  d.study.contour.source.patient_id = PatientText("");
  for (SeriesFiles* files : {&d.study.pet, &d.study.ct})
    files->edits = {{{0x00100010}, {}}, {{0x00080050}, {}}, {{0x00080090}, {}}, {{0x00200010}, {}},
                    {{0x00080030}, {}}, {{0x0008103E}, {}}, {{0x00100040}, {}}, {{0x00200013}, {}}};
  d.WriteUsed();
}

void NoSlope(AwkwardDraft& d) {
  d.study.ct.edits = {{{0x00281053}, {}}};
  d.WriteRefused(QuarantineReason::kMissingTag, "missing tag RescaleSlope (0028,1053)");
}

void NoPosition(AwkwardDraft& d) {
  d.study.pet.edits = {{{0x00200032}, {}, 2}};
  d.WriteRefused(QuarantineReason::kMissingTag, "missing tag ImagePositionPatient (0020,0032)");
}

std::function<void(DcmItem&)> OfModality(const char* modality) {
  return [modality](DcmItem& item) { PutText(item, 0x00080060, modality); };
}

// A study that came over as an empty shell: a report and a presentation state, no image.
void EmptyShell(AwkwardDraft& d) {
  WriteObject(d.folder() / "SR", d, "1.2.840.10008.5.1.4.1.1.88.67", d.study.uid() + ".40", OfModality("SR"));
  WriteObject(d.folder() / "PR", d, "1.2.840.10008.5.1.4.1.1.11.1", d.study.uid() + ".41", OfModality("PR"));
  d.result.reason = QuarantineReason::kNoImages;
  d.result.words = "no PET, CT or MR images";
}

void ReportsBesideImages(AwkwardDraft& d) {
  WriteObject(d.folder() / "dose.dcm", d, "1.2.840.10008.5.1.4.1.1.88.67", d.study.uid() + ".40", OfModality("SR"));
  WriteObject(d.folder() / "CT" / "key.dcm", d, "1.2.840.10008.5.1.4.1.1.88.59", d.study.uid() + ".41",
              OfModality("KO"));
  d.WriteUsed();
}

}  // namespace

std::vector<AwkwardDefect> AwkwardFiles() {
  return {{"shuffled-names", "The order of names is not the order of slices.", ShuffledNames},
          {"no-extensions", "Files of a CD: IM0000, all in one folder.", NoExtensions},
          {"two-patients-a", "The files of two patients lie in one folder: the first.", FirstOfTwoPatients},
          {"two-patients-b", "The files of two patients lie in one folder: the second.", SecondOfTwoPatients},
          {"split", "A part of the study lies in another folder.", SplitOverFolders},
          {"linked", "The CT's folder and the PET's files are links to another disk.", Linked},
          {"link-nowhere", "The first CT slice is a link that leads nowhere.", LinkLeadsNowhere},
          {"implicit-vr", "Implicit VR Little Endian.", ImplicitVr},
          {"rle", "Compressed by run lengths.", RunLength},
          {"jpeg-lossless", "Compressed by JPEG lossless.", JpegLossless},
          {"jpeg-ls", "Compressed by JPEG-LS.", JpegLs},
          {"jpeg-2000", "The CT is compressed by JPEG 2000.", Jpeg2000},
          {"big-endian", "The CT is in Explicit VR Big Endian.", BigEndian},
          {"deflated", "The CT is deflated.", Deflated},
          {"character-sets", "PatientID in Latin-1 in the PET and in UTF-8 in the CT.", TwoCharacterSets},
          {"eight-bits", "Pixels of 8 bits.", EightBits},
          {"no-preamble", "The CT's files have no preamble: they are not DICOM Part 10.", NoPreamble},
          {"truncated", "A CT file was cut off in its pixels.", Truncated},
          {"nested", "Sequences nested 80 deep, which crash other readers.", DeeplyNested},
          {"unknown-syntax", "A CT file names a transfer syntax that does not exist.", UnknownSyntax},
          {"multi-frame", "The CT is one enhanced multi-frame file.", MultiFrame},
          {"floating-point", "The PET has floating-point pixels.", FloatingPointPixels},
          {"optional-missing", "No PatientID, PatientName, StudyDescription, AccessionNumber.", OptionalTagsMissing},
          {"no-slope", "The CT lacks RescaleSlope.", NoSlope},
          {"no-position", "A PET slice lacks its position.", NoPosition},
          {"empty-shell", "A study without images: a report and a presentation state.", EmptyShell},
          {"reports", "A dose report and a key object lie among the images.", ReportsBesideImages}};
}

}  // namespace consilium
