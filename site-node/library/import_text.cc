// SPDX-FileCopyrightText: The Consilium authors
// SPDX-License-Identifier: Apache-2.0
#include "site-node/library/import_text.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <map>

#include "core/base/readable.h"

namespace consilium {
namespace {

constexpr double kHeadersPart = 0.3;      // of the import's time, roughly
constexpr std::size_t kMostReasons = 12;  // lines of the summary
constexpr double kSayAfterSeconds = 1;    // a rate before that is noise

// Of a reason whose studies all have words of their own.
std::string_view InGeneral(QuarantineReason reason) {
  switch (reason) {
    case QuarantineReason::kNotReadable: return "not readable";
    case QuarantineReason::kMissingTag: return "a tag is missing or out of bounds";
    case QuarantineReason::kNotAVolume: return "no volume";
    case QuarantineReason::kMissingSlices: return "missing slices";
    case QuarantineReason::kDuplicateSlices: return "several slices at one place";
    case QuarantineReason::kUnevenSlices: return "slices that do not fit together";
    case QuarantineReason::kNoSuv: return "PET of which SUV cannot be computed";
    case QuarantineReason::kNoPair: return "no PET and CT that belong together";
    case QuarantineReason::kLabel: return "a contour or label that cannot be used";
    case QuarantineReason::kNoImages: return "no images";
  }
  return "cannot be used";
}

std::string TimeText(double seconds) {
  if (seconds < 90) return fmt::format("{:.0f} s", std::ceil(seconds));
  if (seconds < 5400) return fmt::format("{:.0f} min", std::ceil(seconds / 60));
  return fmt::format("{:.1f} h", seconds / 3600);
}

std::string Lines(const std::vector<std::pair<std::int64_t, std::string>>& groups) {
  std::string text;
  for (std::size_t i = 0; i < std::min(groups.size(), kMostReasons); ++i)
    text += fmt::format("  {:>5}  {}\n", Thousands(groups[i].first), groups[i].second);
  if (groups.size() > kMostReasons) text += fmt::format("         and {} more reasons\n", groups.size() - kMostReasons);
  return text;
}

void MostFirst(std::vector<std::pair<std::int64_t, std::string>>& groups) {
  std::stable_sort(groups.begin(), groups.end(), [](const auto& a, const auto& b) { return a.first > b.first; });
}

}  // namespace

std::string Thousands(std::int64_t number) {
  std::string text = std::to_string(number);
  for (auto at = static_cast<std::int64_t>(text.size()) - 3; at > (number < 0 ? 1 : 0); at -= 3)
    text.insert(static_cast<std::size_t>(at), ",");
  return text;
}

std::string Counted(std::int64_t number, const std::string& thing) {
  if (number == 1) return "1 " + thing;
  const bool y = thing.ends_with('y');
  return Thousands(number) + " " + (y ? thing.substr(0, thing.size() - 1) + "ies" : thing + "s");
}

std::string ProgressText(const ImportProgress& progress, double seconds) {
  const bool files = progress.what == kLookingAtFiles;
  std::string text =
      fmt::format("{} of {} {}", Thousands(progress.done), Thousands(progress.all), files ? "files" : "studies");
  if (!files)
    text += fmt::format(", used {}, quarantined {}", Thousands(progress.used), Thousands(progress.quarantined));
  if (seconds < kSayAfterSeconds || progress.done == 0 || progress.done >= progress.all) return text;
  const double rate = static_cast<double>(progress.done) / seconds;
  text +=
      rate >= 10 ? fmt::format(", {} a second", Thousands(std::llround(rate))) : fmt::format(", {:.1f} a second", rate);
  return text + ", " + TimeText(static_cast<double>(progress.all - progress.done) / rate) + " left";
}

double ProgressFraction(const ImportProgress& progress) {
  const double part = static_cast<double>(progress.done) / static_cast<double>(std::max<std::int64_t>(progress.all, 1));
  return progress.what == kLookingAtFiles ? kHeadersPart * part : kHeadersPart + (1 - kHeadersPart) * part;
}

std::vector<std::pair<std::int64_t, std::string>> GroupedReasons(const std::vector<StudyRecord>& studies) {
  std::map<std::pair<QuarantineReason, std::string>, std::int64_t> by_words;
  for (const StudyRecord& study : studies)
    if (!study.used) ++by_words[{study.fault.reason, study.fault.words}];
  std::vector<std::pair<std::int64_t, std::string>> groups;
  std::map<QuarantineReason, std::pair<std::int64_t, std::string>> single;
  for (const auto& [key, count] : by_words) {
    if (count > 1) {
      groups.emplace_back(count, key.second);
      continue;
    }
    auto& [number, words] = single[key.first];
    words = ++number == 1 ? key.second : std::string(InGeneral(key.first));
  }
  for (auto& [reason, group] : single) groups.push_back(std::move(group));
  MostFirst(groups);
  return groups;
}

std::string UnmatchedText(const std::vector<UnmatchedRole>& unmatched) {
  if (unmatched.empty()) return {};
  std::string text =
      fmt::format("The list of roles names {} whom no import has found:\n", Counted(std::ssize(unmatched), "patient"));
  for (std::size_t n = 0; n < std::min(unmatched.size(), kMostReasons); ++n)
    text += fmt::format("  line {}: {}\n", unmatched[n].line, Readable(unmatched[n].patient.Reveal()));
  if (unmatched.size() > kMostReasons) text += fmt::format("  and {} more\n", unmatched.size() - kMostReasons);
  return text;
}

std::string SummaryText(const ImportReport& report) {
  const StudyQuality quality = report.Quality();
  std::string text = fmt::format("{}   used {}   quarantined {}{}\n", Counted(quality.studies, "study"),
                                 Thousands(quality.studies - quality.quarantined), Thousands(quality.quarantined),
                                 quality.quarantined > 0 ? " (consilium-site cases --quarantined)" : "");
  text += Lines(GroupedReasons(report.studies));
  std::int64_t unlabelled = 0;
  std::vector<std::pair<std::int64_t, std::string>> why;
  for (const auto& [words, count] : report.no_label) {
    unlabelled += count;
    why.emplace_back(count, words);
  }
  MostFirst(why);
  if (unlabelled > 0) text += fmt::format("without a label: {}, only predicted\n{}", Thousands(unlabelled), Lines(why));
  text +=
      fmt::format("{} added, {} known, {} changed, {} gone.\n", Counted(report.added, "case"), Thousands(report.known),
                  Thousands(std::ssize(report.changed)), Thousands(std::ssize(report.gone)));
  if (!report.gone.empty()) {
    text +=
        "Cases that are gone (files no longer there, or no longer usable) are not used until an import finds them "
        "again; roles and labels are kept.\n";
  }
  return text + UnmatchedText(report.unmatched);
}

std::string QuarantineText(const std::vector<StudyRecord>& studies) {
  std::string quarantined, left_out;
  for (const StudyRecord& study : studies) {
    std::string& text = study.used ? left_out : quarantined;
    for (const Finding& finding : study.findings) {
      if (finding.kind == FindingKind::kRejected || (study.used && finding.kind == FindingKind::kLeftOut))
        text += fmt::format("  {}\n    {}: {}\n", Readable(finding.place.string()), Name(finding.fault.reason),
                            Readable(finding.fault.words));
    }
  }
  if (!left_out.empty()) left_out = "Of studies that are used, these were left out:\n" + left_out;
  return quarantined + left_out;
}

}  // namespace consilium
