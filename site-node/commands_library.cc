// SPDX-FileCopyrightText: The Consilium authors
// SPDX-License-Identifier: Apache-2.0
// The commands about the hospital's patients: `import`, `cases`, `label`.
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <chrono>
#include <iostream>
#include <map>
#include <nlohmann/json.hpp>

#include "core/base/error.h"
#include "core/base/readable.h"
#include "core/base/stop_on_signal.h"
#include "core/base/terminal.h"
#include "site-node/commands.h"
#include "site-node/library/import_text.h"
#include "site-node/node.h"

namespace consilium {
namespace {

CaseLibrary OpenLibrary(const SiteDirectory& place, const SiteSettings& settings) {
  return {place.root(), LibraryOptionsOf(settings), ParseDevice(settings.device), SystemClock()};
}

void TellService(const SiteDirectory& place) {
  if (!DirectoryLock::Held(place)) return;
  try {
    TellLibraryChanged(place.socket());
  } catch (const Error& error) {  // the import itself is done and safe
    std::cerr << "The running service was not told: " << error.what() << ". It sees the new cases after a restart.\n";
  }
}

ImportReport ImportWithProgress(CaseLibrary& library, const std::filesystem::path& folder, ImportHooks hooks) {
  ProgressLine line(std::cerr, StyleOf(stderr), "Importing");
  const StopOnSignal signal;
  std::string_view phase;
  MonotonicTime begun;
  hooks.stop = signal.token();
  hooks.progress = [&](const ImportProgress& progress) {
    const MonotonicTime now = SystemClock().Monotonic();
    if (progress.what != phase) begun = now;
    phase = progress.what;
    const double seconds = std::chrono::duration<double>(now - begun).count();
    line.Update(ProgressFraction(progress), ProgressText(progress, seconds));
  };
  return library.Import(folder, hooks);
}

nlohmann::json ToJson(const std::map<QuarantineReason, std::int64_t>& reasons) {
  nlohmann::json out = nlohmann::json::object();
  for (const auto& [reason, count] : reasons) out[std::string(Name(reason))] = count;
  return out;
}

nlohmann::json ToJson(const std::vector<UnmatchedRole>& unmatched) {
  nlohmann::json out = nlohmann::json::array();
  for (const UnmatchedRole& one : unmatched)
    out.push_back({{"line", one.line}, {"patient", Readable(one.patient.Reveal())}});
  return out;
}

nlohmann::json ToJson(const StudyRecord& study) {
  nlohmann::json findings = nlohmann::json::array();
  for (const Finding& finding : study.findings) {
    findings.push_back({{"kind", Name(finding.kind)},
                        {"place", Readable(finding.place.string())},
                        {"words", Readable(finding.fault.words)}});
    if (finding.kind != FindingKind::kNote) findings.back()["reason"] = Name(finding.fault.reason);
  }
  nlohmann::json out = {{"study", study.id.text()},
                        {"patient", Readable(study.patient.Reveal())},
                        {"study_date", Readable(study.study_date.Reveal())},
                        {"place", Readable(study.place.string())},
                        {"verdict", study.used ? "used" : "quarantined"},
                        {"findings", std::move(findings)}};
  if (!study.used) {
    out["reason"] = Name(study.fault.reason);
    out["words"] = Readable(study.fault.words);
  }
  return out;
}

nlohmann::json ToJson(const LabelVersion& label) {
  nlohmann::json out = {{"version", label.version},           {"source", Name(label.kind)},
                        {"by", Readable(label.author)},       {"model", label.model},
                        {"training", label.training},         {"in_use", label.in_use},
                        {"trouble", Readable(label.trouble)}, {"place", Readable(label.place.string())},
                        {"digest", label.digest.Hex()},       {"added", ToIso8601(label.added)}};
  return out;
}

std::string FoundNothing(const std::filesystem::path& folder, const SiteSettings& settings) {
  return fmt::format(
      "Nothing was found in {}.\n  Looked for: DICOM files of a PET and a CT series of one patient in one frame of "
      "reference, and an RT structure\n  set with a contour named like {}. Folders and names of files do not "
      "matter.\n",
      folder.string(), fmt::join(settings.contours, ", "));
}

std::string NobodyToTrainWith(const CaseCounts& counts) {
  if (counts.training > 0 || counts.validation == 0) return {};
  return "No patient with a label is for training: this hospital can only measure until more patients are imported.\n";
}

// A list that cannot be read any more stops no look at the cases.
std::vector<UnmatchedRole> UnmatchedRoles(CaseLibrary& library) {
  try {
    return library.UnmatchedRoles();
  } catch (const Error& error) {
    std::cerr << "The list of roles cannot be read: " << error.what() << ".\n";
    return {};
  }
}

// One case as a row and as JSON.
void Describe(const CaseRecord& record, const PredictionSummary* prediction, Table& table, nlohmann::json& out) {
  nlohmann::json row = {{"case", record.id.text()},
                        {"study", record.study.text()},
                        {"role", Name(record.role)},
                        {"labelled", record.labelled},
                        {"present", record.present},
                        {"patient", Readable(record.patient.Reveal())},
                        {"study_date", Readable(record.study_date.Reveal())},
                        {"note", Readable(record.Note())}};
  std::vector<std::string> cells = {record.id.text(),
                                    std::string(Name(record.role)),
                                    record.labelled ? "yes" : "no",
                                    Readable(record.patient.Reveal()),
                                    Readable(record.study_date.Reveal()),
                                    "-",
                                    "-",
                                    "-",
                                    "-",
                                    record.Note()};
  if (prediction != nullptr) {
    row["prediction"] = {{"model", prediction->model.Hex()},
                         {"lesions", prediction->lesions},
                         {"volume_ml", prediction->volume_ml},
                         {"entropy", prediction->entropy},
                         {"dice", prediction->dice}};
    cells[5] = prediction->model.Short();
    cells[6] = std::to_string(prediction->lesions);
    cells[7] = fmt::format("{:.1f}", prediction->volume_ml);
    if (prediction->dice >= 0) cells[8] = fmt::format("{:.2f}", prediction->dice);
  }
  out.push_back(std::move(row));
  table.Row(std::move(cells));
}

// After a label changed: what was measured against the old one is forgotten, and the service learns of it.
void LabelChanged(const SiteDirectory& place, const SiteSettings& settings, const CaseId& id) {
  PredictionStore(place.root(), PredictionQuotaOf(settings)).Forget(id);
  TellService(place);
}

}  // namespace

void RunImport(const SiteDirectory& place, const SiteSettings& settings, const std::filesystem::path& folder,
               const ImportOptions& options) {
  CaseLibrary library = OpenLibrary(place, settings);
  PredictionStore predictions(place.root(), PredictionQuotaOf(settings));
  ImportHooks hooks;
  hooks.changed = [&](const CaseId& id) { predictions.Forget(id); };
  hooks.accept_gone = options.gone;
  hooks.accept_unmatched = options.allow_unmatched;
  const std::int64_t before = library.Generation();
  ImportReport report;
  try {
    report = ImportWithProgress(library, folder, hooks);
  } catch (const Error& error) {
    if (error.code() == ErrorCode::kCancelled && library.Generation() != before) TellService(place);
    throw;
  }
  TellService(place);
  const CaseCounts counts = library.Counts();
  if (options.json) {
    const StudyQuality quality = report.Quality();
    const nlohmann::json out = {{"studies", quality.studies},
                                {"used", quality.studies - quality.quarantined},
                                {"added", report.added},
                                {"known", report.known},
                                {"changed", report.changed.size()},
                                {"gone", report.gone.size()},
                                {"quarantined", quality.quarantined},
                                {"reasons", ToJson(quality.reasons)},
                                {"without_label", report.no_label},
                                {"training", counts.training},
                                {"validation", counts.validation},
                                {"test", counts.test},
                                {"review", counts.review},
                                {"unlabelled", counts.unlabelled},
                                {"unmatched_roles", ToJson(report.unmatched)}};
    std::cout << out.dump() << "\n";
    return;
  }
  if (report.studies.empty() && report.gone.empty()) {
    std::cout << FoundNothing(folder, settings);
    return;
  }
  std::cout << SummaryText(report)
            << fmt::format(
                   "The library holds {}: {} for training, {} for validation, {} for test, {} for review, {} without a "
                   "label.\n",
                   Counted(counts.all(), "case"), counts.training, counts.validation, counts.test, counts.review,
                   counts.unlabelled)
            << NobodyToTrainWith(counts) << "The images stay where they are; do not move them.\n";
}

void RunCases(const SiteDirectory& place, bool quarantined, bool json) {
  const SiteSettings settings = ReadSettings(place);
  CaseLibrary library = OpenLibrary(place, settings);
  nlohmann::json studies = nlohmann::json::array();
  for (const StudyRecord& study : library.Studies())
    if (!quarantined || !study.used) studies.push_back(ToJson(study));
  if (quarantined) {
    const std::string text = QuarantineText(library.Studies());
    std::cout << (json ? studies.dump() + "\n" : text.empty() ? "Nothing is quarantined.\n" : text);
    return;
  }
  std::map<CaseId, PredictionSummary> predicted;
  PredictionStore predictions(place.root(), PredictionQuotaOf(settings));
  for (PredictionSummary& summary : predictions.NewestOfEach()) predicted.emplace(summary.id, summary);
  nlohmann::json cases = nlohmann::json::array();
  Table table({"case", "role", "label", "patient", "study", "model", "lesions", "ml", "Dice", "note"});
  for (const CaseRecord& record : library.Cases()) {
    const auto found = predicted.find(record.id);
    Describe(record, found == predicted.end() ? nullptr : &found->second, table, cases);
    nlohmann::json& labels = cases.back()["labels"] = nlohmann::json::array();
    for (const LabelVersion& label : library.Labels(record.id)) labels.push_back(ToJson(label));
  }
  const std::vector<UnmatchedRole> unmatched = UnmatchedRoles(library);
  if (json) {
    const StudyQuality quality = library.Quality();
    std::cout << nlohmann::json{{"cases", std::move(cases)},
                                {"studies", std::move(studies)},
                                {"unmatched_roles", ToJson(unmatched)},
                                {"quarantined", quality.quarantined},
                                {"reasons", ToJson(quality.reasons)}}
                     .dump()
              << "\n";
    return;
  }
  const StudyQuality quality = library.Quality();
  std::cout << table.Text()
            << fmt::format("{}, {} quarantined{}\n", Counted(quality.studies, "study"), Thousands(quality.quarantined),
                           quality.quarantined > 0 ? " (consilium-site cases --quarantined)" : "")
            << UnmatchedText(unmatched);
}

void RunLabelList(const SiteDirectory& place, const std::string& case_id, bool json) {
  CaseLibrary library = OpenLibrary(place, ReadSettings(place));
  nlohmann::json out = nlohmann::json::array();
  Table table({"version", "in use", "source", "by", "added", "training", "digest", "trouble"});
  for (const LabelVersion& label : library.Labels(CaseId(case_id))) {
    out.push_back(ToJson(label));
    table.Row({std::to_string(label.version), label.in_use ? "yes" : "-", std::string(Name(label.kind)),
               label.author.empty() ? "import" : label.author, ToIso8601(label.added).substr(0, 10),
               label.training ? "yes" : "no", label.digest.Short(), label.trouble});
  }
  std::cout << (json ? out.dump() + "\n" : table.Text());
}

void RunLabelAdd(const SiteDirectory& place, const std::string& case_id, const LabelGiven& given) {
  const SiteSettings settings = ReadSettings(place);
  CaseLibrary library = OpenLibrary(place, settings);
  const std::int64_t version = library.AddLabel(CaseId(case_id), given);
  LabelChanged(place, settings, CaseId(case_id));
  std::cout << fmt::format("Version {} of the label of {}. {}\n", version, case_id,
                           given.training ? "It is trained or measured with from now on, as the patient's role says."
                                          : "It is kept, and not trained or measured with.");
}

void RunLabelUse(const SiteDirectory& place, const std::string& case_id, std::int64_t version) {
  const SiteSettings settings = ReadSettings(place);
  OpenLibrary(place, settings).UseLabel(CaseId(case_id), version);
  LabelChanged(place, settings, CaseId(case_id));
  std::cout << fmt::format("Version {} of the label of {} is in use.\n", version, case_id);
}

void RunLabelWithdraw(const SiteDirectory& place, const std::string& case_id, std::int64_t version) {
  const SiteSettings settings = ReadSettings(place);
  CaseLibrary library = OpenLibrary(place, settings);
  library.WithdrawLabel(CaseId(case_id), version);
  LabelChanged(place, settings, CaseId(case_id));
  std::string now = "The case has no label now and is only predicted.";
  for (const LabelVersion& label : library.Labels(CaseId(case_id)))
    if (label.in_use) now = fmt::format("Version {} is in use now.", label.version);
  std::cout << fmt::format("Version {} of the label of {} is no longer trained or measured with. {}\n", version,
                           case_id, now);
}

}  // namespace consilium
