// SPDX-FileCopyrightText: The Consilium authors
// SPDX-License-Identifier: Apache-2.0
#include "core/data/fingerprint.h"

#include <cmath>
#include <limits>
#include <map>

#include "core/base/error.h"
#include "core/data/fingerprint_parts.h"

namespace consilium {
namespace {

constexpr double kRatio = 1.04;

// By multiplication, so that every machine has the same edges to the last bit.
std::vector<double> Growing(double from, double to) {
  std::vector<double> edges;
  for (double edge = from; edge < to; edge *= kRatio) edges.push_back(edge);
  return edges;
}

std::vector<double> Even(double from, double to, double width) {
  std::vector<double> edges;
  for (double edge = from; edge <= to; edge += width) edges.push_back(edge);
  return edges;
}

double Axis(Vec3 of, std::size_t d) { return d == 0 ? of.x : d == 1 ? of.y : of.z; }
std::int64_t Axis(const Size3& of, std::size_t d) { return d == 0 ? of.x : d == 1 ? of.y : of.z; }

// One patient's things by bin: a patient counts once in a bin, however many things lie there.
class Tally {
 public:
  void Count(double value, std::span<const double> edges) { ++bins_[BinOf(value, edges)]; }
  void AddTo(Histogram& histogram) const {
    for (const auto& [bin, count] : bins_) {
      histogram.bins[bin].count += count;
      histogram.bins[bin].patients += 1;
    }
  }

 private:
  std::map<std::size_t, std::int64_t> bins_;
};

// kValuesOfCase of them, by rank.
std::vector<double> Spread(std::vector<float> values) {
  std::sort(values.begin(), values.end());
  std::vector<double> out;
  const auto count = std::ssize(values);
  for (std::int64_t n = 0; n < kValuesOfCase; ++n)
    out.push_back(static_cast<double>(values[static_cast<std::size_t>((2 * n + 1) * count / (2 * kValuesOfCase))]));
  return out;
}

void Measure(const std::vector<float>& values, const IntensityPart& part, Tally& tally, Fingerprint::Intensities& to) {
  for (const double value : Spread(values)) {
    Require(std::isfinite(value), "a voxel of a tumour has a value that is no number");
    tally.Count(value, part.edges);
    const auto steps = std::clamp<std::int64_t>(std::llround(std::clamp(value / part.step, -1e9, 1e9)),
                                                -part.most_steps, part.most_steps);
    to.sum += steps;
    to.squares += steps * steps;
  }
}

std::int64_t Total(const Histogram& histogram) {
  std::int64_t total = 0;
  for (const StatisticsBin& bin : histogram.bins) total += bin.count;
  return total;
}

// The bin of the thing in the middle.
std::size_t MedianBin(const Histogram& histogram) {
  std::int64_t before = 0;
  const std::int64_t middle = (Total(histogram) + 1) / 2;
  for (std::size_t n = 0; n < histogram.bins.size(); ++n) {
    before += histogram.bins[n].count;
    if (before >= middle) return n;
  }
  return 0;
}

std::size_t Nearest(const std::vector<std::size_t>& to, std::size_t bin) {
  const auto distance = [&](std::size_t n) { return n > bin ? n - bin : bin - n; };
  return *std::min_element(to.begin(), to.end(), [&](auto a, auto b) { return distance(a) < distance(b); });
}

// `patients` stand behind the histogram, at least k.
void Pool(Histogram& histogram, std::int64_t k, std::int64_t patients) {
  std::vector<std::size_t> large, small;
  for (std::size_t n = 0; n < histogram.bins.size(); ++n) {
    const std::int64_t here = histogram.bins[n].patients;
    if (here > 0) (here >= k ? large : small).push_back(n);
  }
  if (small.empty()) return;
  histogram.hidden = true;
  if (large.empty()) {
    const std::size_t middle = MedianBin(histogram);
    const StatisticsBin all{Total(histogram), patients};
    histogram.bins.assign(histogram.bins.size(), {});
    histogram.bins[middle] = all;
    return;
  }
  for (const std::size_t n : small) {
    histogram.bins[Nearest(large, n)].count += histogram.bins[n].count;
    histogram.bins[n] = {};
  }
}

double Centre(std::size_t bin, std::span<const double> edges) {
  if (bin == 0) return edges.front() / std::sqrt(kRatio);
  return edges[bin - 1] * std::sqrt(kRatio);
}

}  // namespace

std::span<const double> FingerprintSpacingEdgesMm() {
  static const std::vector<double> edges = Growing(0.2, 25);
  return edges;
}
std::span<const double> FingerprintSizeEdges() {
  static const std::vector<double> edges = Growing(1, 2048);
  return edges;
}
std::span<const double> FingerprintExtentEdgesMm() {
  static const std::vector<double> edges = Growing(10, 2500);
  return edges;
}
std::span<const double> FingerprintSuvEdges() {
  static const std::vector<double> edges = Growing(0.05, 100);
  return edges;
}
std::span<const double> FingerprintHuEdges() {
  static const std::vector<double> edges = Even(-1024, 3072, 8);
  return edges;
}

std::span<const GeometryPart> GeometryParts() {
  static const std::array<GeometryPart, 3> parts{{{"spacing", FingerprintSpacingEdgesMm(), &Fingerprint::spacing},
                                                  {"size", FingerprintSizeEdges(), &Fingerprint::size},
                                                  {"extent", FingerprintExtentEdgesMm(), &Fingerprint::extent}}};
  return parts;
}

std::span<const IntensityPart> IntensityParts() {
  static const std::array<IntensityPart, 2> parts{
      {{"pet", FingerprintSuvEdges(), kPetStepSuv, 50'000, &Fingerprint::pet},
       {"ct", FingerprintHuEdges(), kCtStepHu, 32'768, &Fingerprint::ct}}};
  return parts;
}

Fingerprint::Fingerprint() {
  for (const GeometryPart& part : GeometryParts())
    for (Histogram& axis : this->*part.axes) axis.bins.resize(part.edges.size() + 1);
  for (const IntensityPart& part : IntensityParts()) (this->*part.of).values.bins.resize(part.edges.size() + 1);
}

void Fingerprint::AddPatient(std::span<const CaseMeasure> all) {
  if (all.empty()) return;
  std::array<Tally, 3> spacings, sizes, extents;
  Tally suv, hu;
  ++patients;
  for (const CaseMeasure& one : all) {
    Require(one.pet_suv.size() == one.ct_hu.size(), "PET and CT of a case are measured at the same voxels");
    Require(std::ssize(one.pet_suv) <= one.voxels, "a case has more voxels in tumours than it has voxels");
    ++cases;
    voxels += one.voxels;
    tumour_voxels += std::ssize(one.pet_suv);
    for (std::size_t d = 0; d < 3; ++d) {
      const double mm = Axis(one.spacing_mm, d), count = static_cast<double>(Axis(one.size, d));
      Require(mm > 0 && std::isfinite(mm) && count >= 1, "a case has a grid of at least one voxel of more than 0 mm");
      spacings[d].Count(mm, FingerprintSpacingEdgesMm());
      sizes[d].Count(count, FingerprintSizeEdges());
      extents[d].Count(mm * count, FingerprintExtentEdgesMm());
    }
    if (one.pet_suv.empty()) continue;
    Measure(one.pet_suv, IntensityParts()[0], suv, pet);
    Measure(one.ct_hu, IntensityParts()[1], hu, ct);
  }
  for (std::size_t d = 0; d < 3; ++d) {
    spacings[d].AddTo(spacing[d]);
    sizes[d].AddTo(size[d]);
    extents[d].AddTo(extent[d]);
  }
  suv.AddTo(pet.values);
  hu.AddTo(ct.values);
}

Fingerprint Merge(const Fingerprint& a, const Fingerprint& b) {
  Require(a.cases + b.cases <= kMostFingerprintCases, "a fingerprint is of at most a million cases");
  Fingerprint out = a;
  out.patients += b.patients;
  out.cases += b.cases;
  out.voxels += b.voxels;
  out.tumour_voxels += b.tumour_voxels;
  for (const GeometryPart& part : GeometryParts())
    for (std::size_t d = 0; d < 3; ++d) Add((b.*part.axes)[d], (out.*part.axes)[d]);
  for (const IntensityPart& part : IntensityParts()) {
    Add((b.*part.of).values, (out.*part.of).values);
    (out.*part.of).sum += (b.*part.of).sum;
    (out.*part.of).squares += (b.*part.of).squares;
  }
  return out;
}

Fingerprint Shareable(const Fingerprint& fingerprint, std::int64_t k) {
  Require(k >= 1, "a fingerprint is shared of at least one patient");
  if (fingerprint.patients < k) {
    throw Error(ErrorCode::kFailedPrecondition,
                "a fingerprint of " + std::to_string(fingerprint.patients) + " patients does not leave: it takes " +
                    std::to_string(k),
                "Import and outline more training patients, or lower min_patients in site.toml.");
  }
  Fingerprint out = fingerprint;
  for (const GeometryPart& part : GeometryParts())
    for (Histogram& axis : out.*part.axes) Pool(axis, k, out.patients);
  for (const IntensityPart& part : IntensityParts()) {
    Fingerprint::Intensities& of = out.*part.of;
    // Nobody counts twice in a bin, so the fullest bin tells how many patients there are at least.
    std::int64_t most = 0;
    for (const StatisticsBin& bin : of.values.bins) most = std::max(most, bin.patients);
    if (most >= k) {
      Pool(of.values, k, most);
    } else if (most > 0) {
      of = Fingerprint().*part.of;
      of.values.hidden = true;
    }
  }
  if (Total(out.pet.values) == 0 && out.pet.values.hidden) out.tumour_voxels = 0;
  return out;
}

std::vector<CentredCases> CentresOf(const Histogram& cases, std::span<const double> edges) {
  std::vector<CentredCases> out;
  for (std::size_t n = 0; n < cases.bins.size(); ++n)
    if (cases.bins[n].count > 0) out.push_back({Centre(n, edges), cases.bins[n].count});
  return out;
}

double CasePercentile(const Histogram& cases, std::span<const double> edges, double percent) {
  return Percentile(CentresOf(cases, edges), percent);
}

double ValuePercentile(const Histogram& values, std::span<const double> edges, double percent) {
  const double wanted = percent / 100 * static_cast<double>(Total(values));
  double before = 0;
  for (std::size_t n = 0; n < values.bins.size(); ++n) {
    const auto here = static_cast<double>(values.bins[n].count);
    if (here == 0 || before + here < wanted) {
      before += here;
      continue;
    }
    if (n == 0) return edges.front();
    if (n == edges.size()) return edges.back();
    return edges[n - 1] + (edges[n] - edges[n - 1]) * (wanted - before) / here;
  }
  return std::numeric_limits<double>::quiet_NaN();
}

double Percentile(std::vector<CentredCases> of, double percent) {
  std::sort(of.begin(), of.end(), [](const auto& a, const auto& b) { return a.centre < b.centre; });
  std::int64_t total = 0;
  for (const CentredCases& one : of) total += one.count;
  if (total == 0) return std::numeric_limits<double>::quiet_NaN();
  const auto ranked = [&](std::int64_t rank) {
    for (const CentredCases& one : of) {
      if (rank < one.count) return one.centre;
      rank -= one.count;
    }
    return of.back().centre;
  };
  const double at = percent / 100 * static_cast<double>(total - 1), low = std::floor(at);
  const double below = ranked(static_cast<std::int64_t>(low)), above = ranked(static_cast<std::int64_t>(low) + 1);
  return below + (at - low) * (above - below);
}

double Mean(const Fingerprint::Intensities& of, double step) {
  return step * static_cast<double>(of.sum) / static_cast<double>(Total(of.values));
}

double StandardDeviation(const Fingerprint::Intensities& of, double step) {
  const auto count = static_cast<double>(Total(of.values));
  const double mean = static_cast<double>(of.sum) / count;
  return step * std::sqrt(std::max(0.0, static_cast<double>(of.squares) / count - mean * mean));
}

}  // namespace consilium
