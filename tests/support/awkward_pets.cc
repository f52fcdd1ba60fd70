// SPDX-FileCopyrightText: The Consilium authors
// SPDX-License-Identifier: Apache-2.0
// Defects of what a PET's numbers mean, and of what belongs together.
#include <dcmtk/config/osconfig.h>
#include <dcmtk/dcmdata/dctk.h>

#include <cmath>

#include "core/base/error.h"
#include "tests/support/awkward_draft.h"

namespace consilium {
namespace fs = std::filesystem;
namespace {

constexpr std::uint32_t kUnits = 0x00541001, kSuvType = 0x00541006, kDecay = 0x00541102, kWeight = 0x00101030,
                        kDrugs = 0x00540016, kDose = 0x00181074, kStart = 0x00181072;
constexpr double kWeightG = 70000, kDoseBq = 3.5e8;  // as dicom_files.cc writes them; one half-life before the scan

void Becquerel(AwkwardDraft& d, std::vector<TagEdit> edits, double factor) {
  d.study.pet.edits = std::move(edits);
  d.study.pet.edits.push_back({{kUnits}, "BQML"});
  d.WriteUsed(factor);
}
void DecayToTheScan(AwkwardDraft& d) { Becquerel(d, {}, kWeightG / (kDoseBq / 2)); }
void DecayToTheInjection(AwkwardDraft& d) { Becquerel(d, {{{kDecay}, "ADMIN"}}, kWeightG / kDoseBq); }

// Injected at 23:30, scanned at 00:30: the injection has a time of day and no date. The half-life is an hour.
void AcrossMidnight(AwkwardDraft& d) {
  Becquerel(d,
            {{{0x00080021}, "20200302"},
             {{0x00080022}, "20200302"},
             {{0x00080031}, "003000"},
             {{0x00080032}, "003000"},
             {{kDrugs, kStart}, "233000"}},
            kWeightG / (kDoseBq / 2));
}

void Refused(AwkwardDraft& d, std::vector<TagEdit> edits, std::string words) {
  d.study.pet.edits = {{{kUnits}, "BQML"}};
  d.study.pet.edits.insert(d.study.pet.edits.end(), edits.begin(), edits.end());
  d.WriteRefused(QuarantineReason::kNoSuv, std::move(words));
}
void NoDose(AwkwardDraft& d) { Refused(d, {{{kDrugs, kDose}, {}}}, "RadionuclideTotalDose (0018,1074)"); }
void NoWeight(AwkwardDraft& d) { Refused(d, {{{kWeight}, {}}}, "missing tag PatientWeight (0010,1030)"); }
void NoDecayCorrection(AwkwardDraft& d) {
  Refused(d, {{{kDecay}, "NONE"}}, "PET without decay correction (0054,1102)");
}
void Counts(AwkwardDraft& d) { Refused(d, {{{kUnits}, "CNTS"}}, "counts"); }
void LeanBodyMass(AwkwardDraft& d) {
  Refused(d, {{{kUnits}, "GML"}, {{kSuvType}, "LBM"}}, "SUVType (0054,1006) is not body weight");
}
void PartsOfCounts(AwkwardDraft& d) { Refused(d, {{{kUnits}, "PROPCNTS"}}, "counts"); }

// Philips: counts, and a private factor to SUV in a block that the private creator reserves.
void PhilipsCounts(AwkwardDraft& d) {
  constexpr double kFactor = 0.00125;
  d.study.pet.edits = {{{kUnits}, "CNTS"}};
  d.WriteUsed(kFactor);
  for (const auto& entry : fs::directory_iterator(d.folder() / "PET")) {
    ChangeFile(entry.path(), [](DcmItem& item) {
      const auto put = [&](DcmElement* made, const char* text) {
        Ensure(made->putString(text).good() && item.insert(made, true).good(), "no private factor");
      };
      put(new DcmLongString(DcmTag(0x7053, 0x0010, EVR_LO)), "Another Private Group");
      put(new DcmDecimalString(DcmTag(0x7053, 0x1000, EVR_DS)), "77");
      put(new DcmLongString(DcmTag(0x7053, 0x0011, EVR_LO)), "Philips PET Private Group");
      put(new DcmDecimalString(DcmTag(0x7053, 0x1100, EVR_DS)), "0.00125");
    });
  }
}

void CtCoversLittle(AwkwardDraft& d) {
  d.study.ct.geometry.size.z = 4;
  d.WriteRefused(QuarantineReason::kNoPair, "%");
}

void OtherFrame(AwkwardDraft& d) {
  d.study.ct.frame += "9";
  d.WriteRefused(QuarantineReason::kNoPair, "frame of reference");
}

// Of two CTs the one that covers the PET is taken, here the second by name.
void TwoCts(AwkwardDraft& d) {
  SeriesFiles part = d.study.ct;
  part.series += "0";
  part.phase = 1;
  part.geometry.size.z = 8;
  WriteSeries(d.folder() / "A CT", part);
  d.WriteUsed();
}

void PetOnly(AwkwardDraft& d) {
  WriteSeries(d.folder() / "PET", d.study.pet);
  d.result.reason = QuarantineReason::kNoPair;
  d.result.words = "PET without a usable CT";
}

void CtOnly(AwkwardDraft& d) {
  WriteSeries(d.folder(), d.study.ct);
  d.result.reason = QuarantineReason::kNoPair;
  d.result.words = "CT without a PET";
}

void MrAlone(AwkwardDraft& d) {
  d.study.ct.modality = Modality::kMr;
  WriteSeries(d.folder(), d.study.ct);
  d.result.reason = QuarantineReason::kNoPair;
  d.result.words = "MR alone";
}

}  // namespace

std::vector<AwkwardDefect> AwkwardPets() {
  return {{"becquerel", "Bq/ml, decay corrected to the start of the scan.", DecayToTheScan},
          {"becquerel-admin", "Bq/ml, decay corrected to the injection.", DecayToTheInjection},
          {"midnight", "Injected before midnight, scanned after it.", AcrossMidnight},
          {"no-dose", "Bq/ml without the injected dose.", NoDose},
          {"no-weight", "Bq/ml without the patient's weight.", NoWeight},
          {"no-decay-correction", "Bq/ml without decay correction.", NoDecayCorrection},
          {"counts", "Counts without a factor.", Counts},
          {"lean-body-mass", "SUV by lean body mass.", LeanBodyMass},
          {"parts-of-counts", "Proportional to counts.", PartsOfCounts},
          {"other-frame", "The CT has another frame of reference.", OtherFrame},
          {"two-cts", "Of two CTs one covers the whole PET.", TwoCts},
          {"philips-counts", "Counts with the factor of Philips, beside another private block.", PhilipsCounts},
          {"little-covered", "The CT covers a third of the PET.", CtCoversLittle},
          {"ct-only", "A CT alone.", CtOnly},
          {"mr-alone", "An MR alone.", MrAlone},
          {"pet-only", "A PET alone.", PetOnly}};
}

}  // namespace consilium
