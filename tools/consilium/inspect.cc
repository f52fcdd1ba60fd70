// SPDX-FileCopyrightText: The Consilium authors
// SPDX-License-Identifier: Apache-2.0
#include <fmt/core.h>
#include <fmt/ranges.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cmath>
#include <filesystem>
#include <iostream>
#include <limits>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>

#include "core/base/digest.h"
#include "core/base/error.h"
#include "core/base/file_store.h"
#include "core/base/terminal.h"
#include "core/model/model_card.h"
#include "core/model/model_update.h"
#include "core/model/safetensors.h"
#include "tools/consilium/commands.h"
#include "tools/consilium/inspect_seg.h"
#include "tools/consilium/machine.h"

namespace consilium {
namespace {

using nlohmann::ordered_json;
namespace fs = std::filesystem;

// The numbers of one array at a glance.
struct ArrayFacts {
  std::string name;
  std::vector<std::int64_t> shape;
  std::int64_t numbers = 0;
  std::int64_t not_finite = 0;
  double norm = 0, low = 0, high = 0;  // of the finite ones
};

ArrayFacts FactsOf(const NamedArray& array) {
  ArrayFacts facts{.name = array.name, .shape = array.shape, .numbers = std::ssize(array.values)};
  double squares = 0;
  facts.low = std::numeric_limits<double>::infinity();
  facts.high = -facts.low;
  for (const float value : array.values) {
    const auto v = static_cast<double>(value);
    if (!std::isfinite(v)) {
      ++facts.not_finite;
      continue;
    }
    squares += v * v;
    facts.low = std::min(facts.low, v);
    facts.high = std::max(facts.high, v);
  }
  if (facts.not_finite == facts.numbers) facts.low = facts.high = 0;
  facts.norm = std::sqrt(squares);
  return facts;
}

struct Inspection {
  std::string kind;  // "model", "update" or "arrays"
  std::string file;
  std::uint64_t bytes = 0;
  Digest digest;
  std::vector<ArrayFacts> arrays{};
  std::optional<ModelCard> card{};
  std::optional<UpdateHeader> update{};
  std::optional<Error> problem{};  // why the program would refuse it
};

std::int64_t Numbers(const Inspection& i) {
  std::int64_t sum = 0;
  for (const ArrayFacts& a : i.arrays) sum += a.numbers;
  return sum;
}
std::int64_t NotFinite(const Inspection& i) {
  std::int64_t sum = 0;
  for (const ArrayFacts& a : i.arrays) sum += a.not_finite;
  return sum;
}
double NormOf(const Inspection& i) {
  double squares = 0;
  for (const ArrayFacts& a : i.arrays) squares += a.norm * a.norm;
  return std::sqrt(squares);
}

// Reads what is there even where the program would refuse the file, and keeps the refusal.
Inspection InspectArrays(const fs::path& file, std::span<const std::byte> bytes) {
  const std::string name = file.filename().string();
  Inspection result{.kind = "arrays", .file = file.string(), .bytes = bytes.size(), .digest = DigestOf(bytes)};
  const ParametersFile content = ParseParameters(bytes, name, FiniteCheck::kSkip);
  for (const NamedArray& array : content.parameters.arrays) result.arrays.push_back(FactsOf(array));
  try {
    if (const auto card = content.metadata.find("consilium.card"); card != content.metadata.end()) {
      result.kind = "model";
      result.card = ModelCardFromJson(card->second, name);
      ParseModel(bytes, name);
    } else if (content.metadata.contains("consilium.update")) {
      result.kind = "update";
      result.update = ParseUpdateHeader(bytes, bytes.size(), name);
      ParseUpdate(bytes, name);
    }
  } catch (const Error& error) {
    result.problem = error;
  }
  return result;
}

std::string Shape(const std::vector<std::int64_t>& shape) {
  return shape.empty() ? "one number" : fmt::format("{}", fmt::join(shape, " x "));
}

// 1234567 -> "1,234,567".
std::string Thousands(std::int64_t value) {
  std::string text = std::to_string(value);
  for (auto at = std::ssize(text) - 3; at > 0; at -= 3) text.insert(static_cast<std::size_t>(at), ",");
  return text;
}

std::string DigestOrNone(const Digest& digest) { return digest == Digest{} ? "none" : digest.Hex(); }

void PrintCard(const ModelCard& card) {
  fmt::print("\nCard\n");
  fmt::print("  federation  {}, run {}, version {}\n", card.federation.text(), card.run.text(), card.version.value());
  fmt::print("  parent      {}\n", DigestOrNone(card.parent));
  fmt::print("  learnt from {} patients of {} hospitals, seed {}\n", card.samples, card.sites, card.seed);
  const NetworkSpec& network = card.network;
  const std::vector<std::int64_t> blocks = network.Blocks();
  fmt::print("  network     {}, features {}{}, {} convolution{} {}, {} channels in, {} classes{}\n",
             network.architecture, fmt::join(network.features, " "),
             blocks.empty() ? "" : fmt::format(", residual blocks {}", fmt::join(blocks, " ")), network.convs_per_stage,
             network.convs_per_stage == 1 ? "" : "s",
             network.architecture == "seg_res_net"    ? "a block"
             : network.architecture == "res_enc_unet" ? "a decoder stage"
                                                      : "a stage",
             network.input_channels, network.classes, network.deep_supervision ? ", deep supervision" : "");
  fmt::print("  prepared    {:g} mm; SUV {:g} to {:g}; HU {:g} to {:g}; plan {}\n", card.prep.spacing_mm,
             card.prep.pet_low, card.prep.pet_high, card.prep.ct_low, card.prep.ct_high, card.prep.digest().Short());
  fmt::print("  predicts    {} in tiles of {} voxels an edge{}{}\n", card.Label().Text(), card.patch,
             card.mirror ? ", flipped along every set of axes" : "",
             card.largest_only ? "; the largest connected part alone counts" : "");
}

void PrintUpdate(const UpdateHeader& update) {
  const TrainMetrics& m = update.metrics;
  fmt::print("\nUpdate\n");
  fmt::print("  submission  run {}, round {}, site {}, attempt {}\n", update.id.run.text(), update.id.round.value(),
             update.id.site.text(), update.id.attempt);
  fmt::print("  trained from {}\n", DigestOrNone(update.base));
  fmt::print("  training    {} patients, {} steps, loss {:.4f}, {:.1f} s\n", m.samples, m.steps, m.loss, m.seconds);
  fmt::print("  validation  Dice {:.4f} over {} patients, of the model it started from\n", m.validation.Mean(),
             m.validation.cases);
}

void Print(const Inspection& i) {
  constexpr auto kWords = [](const std::string& kind) {
    if (kind == "model") return "a model";
    return kind == "update" ? "an update" : "arrays of another program";
  };
  fmt::print("{}: {}\n", i.file, kWords(i.kind));
  fmt::print("  digest      {} (SHA-256 of the file)\n", i.digest.Hex());
  fmt::print("  size        {}, {} numbers in {} arrays\n", Bytes(i.bytes), Thousands(Numbers(i)), i.arrays.size());
  const std::int64_t bad = NotFinite(i);
  fmt::print("  norm        {:.6g}, {}\n", NormOf(i), bad == 0 ? "all finite" : Thousands(bad) + " NOT FINITE");
  if (i.card) PrintCard(*i.card);
  if (i.update) PrintUpdate(*i.update);
  Table table({"array", "shape", "numbers", "norm", "lowest", "highest"});
  for (const ArrayFacts& a : i.arrays) {
    const std::string mark = a.not_finite == 0 ? "" : fmt::format(" ({} not finite)", a.not_finite);
    table.Row({OneLine(a.name) + mark, Shape(a.shape), Thousands(a.numbers), fmt::format("{:.4g}", a.norm),
               fmt::format("{:.4g}", a.low), fmt::format("{:.4g}", a.high)});
  }
  fmt::print("\n{}", table.Text());
}

ordered_json UpdateJson(const UpdateHeader& u) {
  const TrainMetrics& m = u.metrics;
  return {{"run", u.id.run.text()},
          {"round", u.id.round.value()},
          {"site", u.id.site.text()},
          {"attempt", u.id.attempt},
          {"base", u.base.Hex()},
          {"samples", m.samples},
          {"steps", m.steps},
          {"loss", m.loss},
          {"seconds", m.seconds},
          {"dice", m.validation.Mean()},
          {"validation_cases", m.validation.cases}};
}

ordered_json ToJson(const Inspection& i) {
  ordered_json out = {
      {"file", i.file},        {"kind", i.kind},    {"bytes", i.bytes},          {"digest", i.digest.Hex()},
      {"numbers", Numbers(i)}, {"norm", NormOf(i)}, {"not_finite", NotFinite(i)}};
  if (i.card) out["card"] = ordered_json::parse(ToJson(*i.card));
  if (i.update) out["update"] = UpdateJson(*i.update);
  out["arrays"] = ordered_json::array();
  for (const ArrayFacts& a : i.arrays) {
    out["arrays"].push_back({{"name", a.name},
                             {"shape", a.shape},
                             {"norm", a.norm},
                             {"lowest", a.low},
                             {"highest", a.high},
                             {"not_finite", a.not_finite}});
  }
  out["problem"] = i.problem ? i.problem->what() : "";
  return out;
}

bool IsDicom(std::span<const std::byte> bytes) {
  constexpr std::string_view kMagic = "DICM";
  constexpr std::size_t kPreamble = 128;
  return bytes.size() >= kPreamble + kMagic.size() &&
         std::equal(kMagic.begin(), kMagic.end(), bytes.begin() + kPreamble,
                    [](char a, std::byte b) { return static_cast<std::byte>(a) == b; });
}

// A safetensors file begins with the length of its header, and the header is a JSON object.
bool IsSafetensors(std::span<const std::byte> bytes) { return bytes.size() > 8 && bytes[8] == std::byte{'{'}; }

bool BeginsWith(std::span<const std::byte> bytes, std::initializer_list<unsigned> magic) {
  return bytes.size() >= magic.size() && std::equal(magic.begin(), magic.end(), bytes.begin(),
                                                    [](unsigned a, std::byte b) { return std::byte(a) == b; });
}

// torch.save writes a ZIP archive, and before version 1.6 a bare pickle, protocol 2 or later.
bool IsPyTorchCheckpoint(std::span<const std::byte> bytes) {
  return BeginsWith(bytes, {'P', 'K', 3, 4}) ||
         (BeginsWith(bytes, {0x80}) && bytes.size() > 1 && bytes[1] >= std::byte{2} && bytes[1] <= std::byte{5});
}

void Run(const fs::path& file, bool json) {
  const std::vector<std::byte> bytes = ReadFile(file);
  if (IsDicom(bytes)) {
    std::cout << DescribeSeg(file, DigestOf(bytes), bytes.size(), json) << std::flush;
    return;
  }
  Require(!IsPyTorchCheckpoint(bytes),
          file.string() +
              " looks like a PyTorch checkpoint. It would have to be unpickled, which can run any program, and "
              "Consilium never does.",
          "Convert it where you trust it, with Python and PyTorch: tools/convert_weights.py.");
  Require(IsSafetensors(bytes), file.string() + " is neither a model, nor an update, nor a SEG.",
          "Give a .safetensors file (a model of the hub, an update of a site) or a DICOM SEG.");
  const Inspection result = InspectArrays(file, bytes);
  if (json) {
    // A file's name need not be UTF-8: it is shown with replacement characters.
    std::cout << ToJson(result).dump(2, ' ', false, ordered_json::error_handler_t::replace) << std::endl;
  } else {
    Print(result);
    std::fflush(stdout);
  }
  if (result.problem) throw *result.problem;
}

}  // namespace

void AddInspect(CLI::App& app) {
  auto file = std::make_shared<fs::path>();
  auto json = std::make_shared<bool>(false);
  CLI::App* command =
      app.add_subcommand("inspect", "Show a model, an update or a DICOM SEG: names, shapes, norms, digest, card");
  command->add_option("file", *file, "the file to look at")->required();
  command->add_flag("--json", *json, "print everything as JSON");
  command->callback([file, json] { Run(*file, *json); });
}

}  // namespace consilium
