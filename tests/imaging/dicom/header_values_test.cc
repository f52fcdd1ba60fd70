// SPDX-FileCopyrightText: The Consilium authors
// SPDX-License-Identifier: Apache-2.0
#include "imaging/dicom/header_values.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <stdexcept>
#include <string>

#include "imaging/dicom/dicom_file.h"
#include "imaging/dicom/pre_scan.h"
#include "tests/support/dicom_files.h"
#include "tests/support/dicom_tools.h"
#include "tests/support/temporary_folder.h"

namespace consilium {
namespace {

namespace fs = std::filesystem;
using testing::Test;
using Doubles = std::vector<double>;

template <class T>
std::string Bytes(T value, bool big_endian = false) {
  std::string out(reinterpret_cast<const char*>(&value), sizeof value);
  return big_endian ? std::string(out.rbegin(), out.rend()) : out;
}

TEST(HeaderValues, TextLosesItsPaddingAndTheFirstOfATagIsKept) {
  HeaderValues values;
  values.Add(tag::kImageType, "CS", false, "ORIGINAL\\PRIMARY ");
  values.Add(tag::kImageType, "CS", false, "DERIVED");
  values.Add(tag::kSopClassUid, "UI", false, std::string("1.2.3\0", 6));
  values.Add(tag::kPatientName, "", false, " A^B  ");
  EXPECT_EQ(values.Text(tag::kImageType), "ORIGINAL\\PRIMARY");
  EXPECT_EQ(values.Text(tag::kSopClassUid), "1.2.3");
  EXPECT_EQ(values.Text(tag::kPatientName), " A^B");
  EXPECT_EQ(values.Text(tag::kModality), "");
}

TEST(HeaderValues, NamesAreDecodedAndNothingElse) {
  HeaderValues values;
  values.Add(tag::kCharacterSet, "CS", false, "ISO_IR 100");
  values.Add(tag::kPatientName, "PN", false, "M\xfcller^J\xf6rg ");
  values.Add(tag::kPatientId, "LO", false, "\xe4 1");
  values.Add(tag::kStudyUid, "UI", false, "1.2.\xe4");
  EXPECT_EQ(values.Text(tag::kPatientName), "Müller^Jörg");
  EXPECT_EQ(values.Text(tag::kPatientId), "ä 1");
  EXPECT_EQ(values.Text(tag::kStudyUid), "1.2.\xe4");
}

TEST(HeaderValues, NumbersOfEveryKindInBothOrders) {
  for (const bool big : {false, true}) {
    HeaderValues values;
    values.Add(tag::kRows, "US", big, Bytes<std::uint16_t>(0xFEDC, big));
    values.Add(tag::kColumns, "SS", big, Bytes<std::int16_t>(-2, big));
    values.Add(tag::kFrames, "UL", big, Bytes<std::uint32_t>(0xFEDCBA98, big));
    values.Add(tag::kKvp, "SL", big, Bytes<std::int32_t>(-70000, big));
    values.Add(tag::kEchoTime, "FL", big, Bytes<float>(1.5, big));
    values.Add(tag::kPixelSpacing, "FD", big, Bytes<double>(0.1, big) + Bytes<double>(-3, big));
    EXPECT_EQ(values.Numbers(tag::kRows), Doubles{0xFEDC});
    EXPECT_EQ(values.Numbers(tag::kColumns), Doubles{-2});
    EXPECT_EQ(values.Numbers(tag::kFrames), Doubles{0xFEDCBA98});
    EXPECT_EQ(values.Numbers(tag::kKvp), Doubles{-70000});
    EXPECT_EQ(values.Numbers(tag::kEchoTime), Doubles{1.5});
    EXPECT_EQ(values.Numbers(tag::kPixelSpacing), (Doubles{0.1, -3}));
    EXPECT_EQ(values.Text(tag::kRows), "") << "a number is no text";
  }
}

TEST(HeaderValues, WithoutAKindTheTagSaysWhichItIs) {
  for (const char* vr : {"", "UN"}) {
    HeaderValues values;
    values.Add(tag::kRows, vr, false, Bytes<std::uint16_t>(512));
    values.Add(tag::kDiffusionBValue, vr, false, Bytes<double>(800));
    values.Add(tag::kPosition, vr, false, "1.5\\-2\\+3e1");
    EXPECT_EQ(values.Numbers(tag::kRows), Doubles{512});
    EXPECT_EQ(values.Numbers(tag::kDiffusionBValue), Doubles{800});
    EXPECT_EQ(values.Numbers(tag::kPosition), (Doubles{1.5, -2, 30}));
  }
}

TEST(HeaderValues, WhatIsNoNumberCountsAsMissing) {
  HeaderValues values;
  values.Add(tag::kPosition, "DS", false, "1\\two\\3");
  values.Add(tag::kSlope, "DS", false, "nan");
  values.Add(tag::kDiffusionBValue, "FD", false, Bytes(std::numeric_limits<double>::infinity()));
  values.Add(tag::kRows, "US", false, "x");
  values.Add(tag::kUnits, "SQ", false, "BQML");
  values.Add(tag::kSeriesDescription, "LO", false, std::string(HeaderValues::kLongest + 1, 'x'));
  for (const TagNumber tag : {tag::kPosition, tag::kSlope, tag::kDiffusionBValue, tag::kRows, tag::kIntercept}) {
    EXPECT_EQ(values.Numbers(tag), Doubles{}) << TagWords(tag);
    EXPECT_EQ(values.Number(tag), std::nullopt) << TagWords(tag);
  }
  EXPECT_EQ(values.Text(tag::kUnits), "");
  EXPECT_EQ(values.Text(tag::kSeriesDescription), "");
}

TEST(HeaderValues, TagsThatNobodyWantsAreNotKept) {
  HeaderValues values;
  values.Add(tag::kPixelData, "OW", false, "1234");
  EXPECT_FALSE(HeaderValues::Wants(tag::kPixelData));
  EXPECT_THROW(values.Text(tag::kPixelData), std::logic_error);
  EXPECT_THROW(values.Number(tag::kPixelData), std::logic_error);
}

TEST(HeaderValues, APrivateTagBelongsToItsCreatorsBlock) {
  constexpr PrivateTag kFactor{0x7053, "Philips PET Private Group", 0x00};
  HeaderValues values;
  values.Add(0x70530010, "LO", false, "Somebody else ");
  values.Add(0x70530011, "LO", false, "Philips PET Private Group ");
  values.Add(0x70531000, "DS", false, "7");
  EXPECT_EQ(values.Number(kFactor), std::nullopt) << "another creator's block";
  values.Add(0x70531100, "DS", false, " 0.25 ");
  values.Add(0x70531109, "FD", false, Bytes<double>(2.5));
  EXPECT_EQ(values.Number(kFactor), 0.25);
  EXPECT_EQ(values.Text(PrivateTag{0x7053, "Philips PET Private Group", 0x09}), "2.5") << "a number is written out";
  EXPECT_EQ(values.Text(PrivateTag{0x7053, "nobody", 0x09}), "");
  // Implicit VR and UN: bytes are text.
  HeaderValues raw;
  raw.Add(0x00090010, "UN", false, "GEMS_PETD_01");
  raw.Add(0x0009100D, "", false, std::string("20200301110000.00\0", 18));
  EXPECT_EQ(raw.Text(PrivateTag{0x0009, "GEMS_PETD_01", 0x0D}), "20200301110000.00");
  // However many a file holds, only some are kept.
  for (std::uint32_t element = 0x1100; element < 0xFFFF; ++element) raw.Add(0x00090000 | element, "LO", false, "1");
  EXPECT_EQ(raw.Text(PrivateTag{0x0009, "GEMS_PETD_01", 0x0D}), "20200301110000.00");
}

// DCMTK is the oracle: every wanted tag of a file, in each way of writing it.
void ExpectAsDcmtk(const fs::path& file) {
  SCOPED_TRACE(file.string());
  FileValues values;
  ASSERT_EQ(PreScanFile(OpenFile(file), {}, &values).fault, "");
  const DicomFile parsed = OpenDicom(file, ReadPart::kHeader);
  int present = 0;
  const auto compare = [&](const HeaderValues& ours, DcmItem& item, TagNumber tag) {
    EXPECT_EQ(ours.Text(tag), TextOf(item, tag)) << TagWords(tag);
    EXPECT_EQ(ours.Numbers(tag), NumbersOf(item, tag)) << TagWords(tag);
    present += !ours.Text(tag).empty() || ours.Number(tag).has_value();
  };
  const std::vector<DcmItem*> drugs = ItemsOf(DataSet(*parsed), tag::kRadiopharmaceuticals);
  EXPECT_EQ(values.drugs, std::ssize(drugs));
  for (const std::uint32_t group : {0x0008U, 0x0010U, 0x0018U, 0x0020U, 0x0028U, 0x0054U}) {
    for (std::uint32_t element = 0; element <= 0x9FFF; ++element) {
      const TagNumber tag = group << 16 | element;
      if (!HeaderValues::Wants(tag)) continue;
      compare(values.top, DataSet(*parsed), tag);
      if (!drugs.empty()) compare(values.drug, *drugs.front(), tag);
    }
  }
  EXPECT_GE(present, 25);
}

TEST(HeaderValues, AreWhatDcmtkReads) {
  const TemporaryFolder folder;
  SeriesFiles files;
  files.geometry.size.z = 2;
  files.edits = {{{tag::kNumberOfSlices}, "2"},
                 {{tag::kDiffusionBValue}, "750.5"},
                 {{tag::kFrames}, "1"},
                 {{tag::kPatientWeight}, " 71.5 "},
                 {{tag::kCorrectedImage}, "DECY\\ATTN\\SCAT"},
                 {{tag::kRadiopharmaceuticals, tag::kTotalDose}, "3.5e8"},
                 {{tag::kRadiopharmaceuticals, tag::kHalfLife}, "6586.2"},
                 {{tag::kRadiopharmaceuticals, tag::kStartTime}, "093000.00"}};
  for (const Encoding encoding : {Encoding::kExplicit, Encoding::kImplicit, Encoding::kRle, Encoding::kJpegLs}) {
    files.encoding = encoding;
    ExpectAsDcmtk(WriteSeries(folder / std::to_string(static_cast<int>(encoding)), files).front());
  }
  for (const char* option : {"+tb", "+td", "+te -e", "+te +e"}) {  // big endian, deflated, lengths given and not
    const fs::path other = folder / ("other" + std::string(option) + ".dcm");
    ConvertFile("dcmconv " + std::string(option), folder / "0/000.dcm", other);
    ExpectAsDcmtk(other);
  }
}

TEST(HeaderValues, OfACutFileAreThoseBeforeTheCut) {
  const TemporaryFolder folder;
  const fs::path file = WriteSeries(folder / "s", {}).front();
  const std::string bytes = ReadFileBytes(file);
  WriteFileBytes(file, bytes.substr(0, bytes.size() - 10));
  FileValues values;
  EXPECT_NE(PreScanFile(OpenFile(file), {}, &values).fault, "");
  EXPECT_EQ(values.top.Text(tag::kSeriesUid), "1.2.3.1.1");
  EXPECT_EQ(values.top.Text(tag::kPatientId), "P1");
}

}  // namespace
}  // namespace consilium
