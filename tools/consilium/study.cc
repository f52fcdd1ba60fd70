// SPDX-FileCopyrightText: The Consilium authors
// SPDX-License-Identifier: Apache-2.0
#include <fmt/core.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <chrono>
#include <filesystem>
#include <iostream>
#include <map>
#include <memory>
#include <nlohmann/json.hpp>
#include <numeric>
#include <optional>
#include <thread>

#include "core/base/error.h"
#include "core/base/random.h"
#include "core/base/terminal.h"
#include "core/model/network_spec.h"
#include "core/round/run_plan.h"
#include "imaging/phantom/phantom.h"
#include "imaging/phantom/style.h"
#include "tools/consilium/commands.h"
#include "tools/demo/options.h"
#include "tools/study/cohort.h"
#include "tools/study/federation.h"
#include "tools/study/local_model.h"

namespace consilium {
namespace {

namespace fs = std::filesystem;

struct StudyOptions {
  fs::path plan;
  fs::path data;                          // SITE/PATIENT/...; empty: phantoms
  fs::path keep;                          // where the phantoms are written; empty: a temporary folder
  std::int64_t seed = 0;                  // 0: the plan's
  std::int64_t patients = kDemoPatients;  // phantoms of a hospital for training and validation
  std::int64_t held_out = kDemoHeldOut;   // and besides
  int threads = 0;                        // 0: one for each core
  bool alone = true;                      // train the local models too
  bool json = false;

  void Validate() const {
    Require(patients >= 3, "a study needs 3 or more phantom patients a hospital: 2 are for validation");
    Require(held_out >= 1, "a study needs at least one held-out patient a hospital");
    Require(threads >= 0, "a negative number of threads");
    Require(data.empty() || fs::is_directory(data), "there is no folder " + data.string(),
            "docs/real-data.md says where the patients are to be had.");
  }
};

// Dice of one model on every hospital's held-out patients.
struct Row {
  std::string model;
  std::int64_t steps = 0;
  std::vector<double> by_site;   // means, in the order of the cohorts
  double pooled = 0;             // mean over all patients
  std::vector<double> patients;  // each patient's, site after site
};

Row Measure(std::string model, std::int64_t steps, std::span<const Cohort> cohorts,
            const std::function<std::vector<double>(const Cohort&)>& dice_of) {
  Row row{std::move(model), steps, {}, 0, {}};
  std::vector<double> all;
  for (const Cohort& cohort : cohorts) {
    const std::vector<double> dice = dice_of(cohort);
    row.by_site.push_back(Summary(dice).Mean());
    all.insert(all.end(), dice.begin(), dice.end());
  }
  row.pooled = Summary(all).Mean();
  row.patients = std::move(all);
  return row;
}

class Study {
 public:
  explicit Study(const StudyOptions& options) : options_(options), plan_(ReadRunPlan(options.plan)) {
    options_.Validate();
    if (options_.seed != 0) plan_.seed = options_.seed;
    if (options_.threads == 0) options_.threads = std::max(1, static_cast<int>(std::thread::hardware_concurrency()));
  }

  void Run() {
    Timed("patients", [&] { LoadPatientsOfAll(); });
    const Parameters first = InitialParameters(plan_.network, static_cast<std::uint64_t>(plan_.seed));
    Thresholds();
    Timed("federation", [&] { Federation(first); });
    if (options_.alone) Timed("alone", [&] { Alone(first); });
    options_.json ? PrintJson() : PrintTable();
  }

 private:
  template <class Work>
  void Timed(const char* phase, const Work& work) {
    const auto start = std::chrono::steady_clock::now();
    work();
    seconds_[phase] = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  }

  void LoadPatientsOfAll() {
    CohortOptions cohort_options;
    cohort_options.prep = plan_.prep;
    if (options_.data.empty()) {
      const bool temporary = options_.keep.empty();
      const fs::path dir =
          temporary ? fs::temp_directory_path() / fmt::format("consilium-study-{}", getpid()) : options_.keep;
      const auto styles = AllPhantomStyles();
      for (std::size_t i = 0; i < styles.size(); ++i) {
        const std::string& site = styles[i].name;
        const std::uint64_t seed = DeriveSeed(static_cast<std::uint64_t>(plan_.seed), i);
        WritePhantoms({dir / "phantoms" / site, options_.patients, site, seed, 1});
        WritePhantoms({dir / "held-out" / site, options_.held_out, site, seed, options_.patients + 1});
        cohorts_.push_back(LoadCohort(site, dir / "phantoms" / site, dir / "held-out" / site, cohort_options));
      }
      if (temporary) fs::remove_all(dir);
      return;
    }
    cohorts_ = LoadHospitals(options_.data, cohort_options);
  }

  void Thresholds() {
    std::vector<StudyPatient> training;
    for (const Cohort& cohort : cohorts_) {
      training.insert(training.end(), cohort.training.begin(), cohort.training.end());
    }
    for (const double suv : {2.5, BestThreshold(training)}) {
      rows_.push_back(Measure(fmt::format("SUV >= {}", suv), 0, cohorts_,
                              [&](const Cohort& cohort) { return DiceOfThreshold(suv, cohort.held_out); }));
    }
  }

  void AddModel(std::string name, std::int64_t steps, const Parameters& parameters) {
    rows_.push_back(Measure(std::move(name), steps, cohorts_, [&](const Cohort& cohort) {
      return DiceOnPetGrid(plan_, parameters, cohort.held_out, {Device{}, options_.threads, plan_.train.precision});
    }));
  }

  void Federation(const Parameters& first) {
    ProgressLine line(std::cerr, StyleOf(stderr), "federation");
    const auto federation =
        SimulateFederation(plan_, first, cohorts_, options_.threads, [&](std::int64_t rounds, double loss) {
          line.Update(static_cast<double>(rounds) / static_cast<double>(plan_.rounds),
                      fmt::format("round {} of {}, loss {:.3f}", rounds, plan_.rounds, loss));
        });
    line.Finish(fmt::format("{} rounds, {:.2f} MB an update", plan_.rounds,
                            static_cast<double>(federation.update_bytes) / 1e6));
    AddModel("federated", plan_.TotalSteps() * static_cast<std::int64_t>(cohorts_.size()), federation.parameters);
  }

  void Alone(const Parameters& first) {
    ProgressLine line(std::cerr, StyleOf(stderr), "alone");
    const auto models =
        BestLocalModels(plan_, first, cohorts_, options_.threads, [&](std::int64_t done, std::int64_t all) {
          line.Update(static_cast<double>(done) / static_cast<double>(all),
                      fmt::format("{} of {} trainings", done, all));
        });
    line.Finish("each hospital's better training counts");
    for (const LocalModel& model : models) AddModel(model.site + " alone", model.steps, model.parameters);
  }

  void PrintTable() const {
    std::vector<std::string> head{"model", "steps", "pooled"};
    for (const Cohort& cohort : cohorts_) head.push_back(cohort.site);
    Table table(head);
    for (const Row& row : rows_) {
      std::vector<std::string> cells{row.model, std::to_string(row.steps), fmt::format("{:.3f}", row.pooled)};
      for (const double dice : row.by_site) cells.push_back(fmt::format("{:.3f}", dice));
      table.Row(cells);
    }
    std::cout << "Dice on held-out patients, PET grid\n" << table.Text();
    for (const auto& [phase, seconds] : seconds_) std::cout << fmt::format("{} {:.1f} s  ", phase, seconds);
    std::cout << "\n";
  }

  void PrintJson() const {
    nlohmann::ordered_json out{
        {"seed", plan_.seed}, {"models", nlohmann::ordered_json::array()}, {"seconds", seconds_}};
    for (const Row& row : rows_) {
      nlohmann::ordered_json by_site;
      for (std::size_t i = 0; i < cohorts_.size(); ++i) by_site[cohorts_[i].site] = row.by_site[i];
      out["models"].push_back({{"model", row.model},
                               {"steps", row.steps},
                               {"pooled", row.pooled},
                               {"by_site", by_site},
                               {"patients", row.patients}});
    }
    std::cout << out.dump(2) << "\n";
  }

  StudyOptions options_;
  RunPlan plan_;
  std::vector<Cohort> cohorts_;
  std::vector<Row> rows_;
  std::map<std::string, double> seconds_;
};

}  // namespace

void AddStudy(CLI::App& app) {
  auto options = std::make_shared<StudyOptions>();
  CLI::App* command = app.add_subcommand(
      "study", "Run a plan in one process on phantoms or on folders of patients, and compare with hospitals alone");
  command->add_option("plan", options->plan, "run plan in TOML")->required();
  command->add_option("--data", options->data, "SITE/PATIENT/... with DICOM files; phantoms if it is not given");
  command->add_option("--keep", options->keep, "write the phantoms here and leave them");
  command->add_option("--seed", options->seed, "instead of the plan's: of phantoms and training");
  command->add_option("--patients", options->patients, "phantoms a hospital, 2 of them for validation")
      ->capture_default_str();
  command->add_option("--held-out", options->held_out, "phantoms a hospital besides")->capture_default_str();
  command->add_option("--threads", options->threads, "trainings side by side; 0: one for each core")
      ->capture_default_str();
  command->add_flag("!--no-alone", options->alone, "do not train the hospitals alone");
  command->add_flag("--json", options->json, "print the table as JSON");
  command->callback([options] { Study(*options).Run(); });
}

}  // namespace consilium
