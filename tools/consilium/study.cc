// SPDX-FileCopyrightText: The Consilium authors
// SPDX-License-Identifier: Apache-2.0
#include <fmt/core.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <chrono>
#include <filesystem>
#include <functional>
#include <iostream>
#include <map>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>
#include <thread>

#include "core/base/error.h"
#include "core/base/file_store.h"
#include "core/base/log.h"
#include "core/base/random.h"
#include "core/base/stop_on_signal.h"
#include "core/base/terminal.h"
#include "core/model/network_spec.h"
#include "core/round/run_plan.h"
#include "imaging/phantom/phantom.h"
#include "imaging/phantom/style.h"
#include "learning/work_along.h"
#include "tools/consilium/commands.h"
#include "tools/demo/options.h"
#include "tools/study/baselines.h"
#include "tools/study/dirichlet.h"
#include "tools/study/federation.h"
#include "tools/study/local_model.h"
#include "tools/study/plan_from_cohorts.h"
#include "tools/study/report.h"
#include "tools/study/scores.h"
#include "tools/study/study_folder.h"

namespace consilium {
namespace {

namespace fs = std::filesystem;

struct StudyOptions {
  fs::path plan, data, test, out, json;
  std::vector<fs::path> summarise;  // folders of studies whose patients are put together
  std::string rule;                 // empty: the plan's
  std::string arms = "pooled,federated,local";
  std::int64_t seed = 0;                  // 0: the plan's
  std::int64_t patients = kDemoPatients;  // phantoms of a hospital for training and validation
  std::int64_t held_out = kDemoHeldOut;   // and besides
  std::int64_t validation = 1;            // patients of a hospital
  std::int64_t folds = 0, fold = 0;
  std::optional<double> dirichlet;  // alpha: deal the patients over artificial hospitals
  std::int64_t sites = 4;
  bool planned = false;  // by PlanRun, from the training patients
  PlannerOptions planner;
  int threads = 0;  // 0: one for each core

  bool Has(const std::string& arm) const { return ("," + arms + ",").find("," + arm + ",") != std::string::npos; }

  void Validate() const {
    Require(!plan.empty(), "a study needs a plan", "Give it: --plan PLAN.toml (consilium-hub run start --explain)");
    Require(!out.empty(), "a study needs a folder for what comes out", "Give it: --out DIR");
    Require(patients >= 3, "a study needs 3 or more phantom patients a hospital: 2 are for validation");
    Require(held_out >= 1, "a study needs at least one held-out patient a hospital");
    Require(validation >= 0, "a negative number of validation patients");
    Require(validation >= 1 || !Has("local"),
            "a hospital's own training is chosen by its validation patients: at least one",
            "Give --validation 1 or more, or --arms pooled,federated.");
    Require(validation >= 1 || folds > 0 || !test.empty(), "without validation patients nobody is scored",
            "Give --validation 1 or more, --folds, or --test.");
    Require(threads >= 0, "a negative number of threads");
    Require(folds == 0 || (folds >= 2 && fold >= 0 && fold < folds), "--fold takes 0 to --folds minus 1",
            "Give --folds 4 --fold 0, then 1, 2 and 3, each with another --out.");
    for (const fs::path& dir : {data, test}) {
      Require(dir.empty() || fs::is_directory(dir), "there is no folder " + dir.string(),
              "docs/real-data.md says where the patients are to be had.");
    }
    std::string rest = "," + arms + ",";
    for (const std::string_view arm : {",pooled,", ",federated,", ",local,"}) {
      if (const auto at = rest.find(arm); at != std::string::npos) rest.replace(at, arm.size(), ",");
    }
    Require(rest == ",", "--arms takes pooled, federated and local with commas between them, not " + arms);
  }

  // RANK and WORLD_SIZE are set. The others have the same options, and write nothing.
  void ValidateForProcesses() const {
    Require(arms == "pooled", "in several processes a study trains the pooled arm only", "Give --arms pooled.");
    Require(!data.empty(), "in several processes a study takes patients that are there, no phantoms to be made",
            "Make them first with `consilium phantom`, and give --data DIR.");
  }
};

class Study {
 public:
  Study(const StudyOptions& options, ProcessGroup* processes, std::stop_token stop)
      : options_(options), processes_(processes), stop_(std::move(stop)), plan_(ReadRunPlan(options.plan)) {
    if (options_.seed != 0) plan_.seed = options_.seed;
    if (!options_.rule.empty()) plan_.aggregation.rule = options_.rule;
    RequireKnownRule(plan_);
    Require(options_.validation > 0 || (plan_.target_dice == 0 && plan_.patience == 0 &&
                                        plan_.predict.components != "validation" && plan_.personal.steps == 0),
            "target_dice, patience, predict.components and personal.steps of the plan are decided by validation "
            "patients, and there are none",
            "Give --validation 1 or more, or set the first two and the last to 0 and components to \"all\".");
    options_.threads = ThreadsOf(processes_ == nullptr ? ProcessPlace() : processes_->place(), options_.threads);
  }

  void Run() {
    const auto begun = std::chrono::steady_clock::now();
    LoadAll();
    if (processes_ != nullptr && !processes_->leads()) return WorksAlong();
    folder_ = std::make_unique<StudyFolder>(options_.out, StudyIdentity(plan_, cohorts_));
    WriteFileDurably(options_.out / "plan.toml", ToToml(plan_));
    Baselines();
    const Parameters first = InitialParameters(plan_.network, static_cast<std::uint64_t>(plan_.seed));
    if (options_.Has("pooled")) Pooled(first);
    DismissProcesses(processes_);
    if (options_.Has("federated")) Federated();
    if (options_.Has("local")) Local(first);
    seconds_ = std::chrono::duration<double>(std::chrono::steady_clock::now() - begun).count();
    Write();
  }

 private:
  void WorksAlong() {
    const std::vector<Sample> samples = PooledSamples(cohorts_);
    WorkAlong(
        *processes_, {Device{}, options_.threads, plan_.train.precision}, [&](const RunPlan&) { return samples; },
        stop_);
  }

  void LoadAll() {
    CohortOptions of;
    of.prep = plan_.prep;
    of.validation = options_.validation;
    of.folds = options_.folds;
    of.fold = options_.fold;
    of.measure = options_.planned;
    Load(of);
    if (!options_.planned) return;
    const CohortsPlan made = PlanFrom(cohorts_, plan_, options_.planner);
    std::cerr << Words(made.planned, made.fingerprint);
    plan_ = made.planned.plan;
    cohorts_.clear();
    scored_.clear();
    of.prep = plan_.prep;
    of.measure = false;
    Load(of);
  }

  void Load(const CohortOptions& of) {
    if (options_.data.empty()) {
      LoadPhantoms(of);
    } else {
      cohorts_ = LoadHospitals(options_.data, of);
    }
    if (options_.dirichlet) DealPatients();
    if (!options_.test.empty()) scored_ = LoadTestPatients(options_.test, of.prep);
    if (scored_.empty()) scored_ = cohorts_;
    RequireApart();
  }

  // Held-out patients stay with their own hospitals; without any, the new validation patients are scored.
  void DealPatients() {
    std::vector<Cohort> held_out;
    for (const Cohort& cohort : cohorts_) held_out.push_back({cohort.site, {}, {}, cohort.held_out});
    const bool own = options_.data.empty() || options_.folds > 0;
    cohorts_ = DealAnew(std::move(cohorts_), {.alpha = *options_.dirichlet,
                                              .sites = options_.sites,
                                              .validation = options_.validation,
                                              .fewest = plan_.eligibility.min_patients,
                                              .seed = static_cast<std::uint64_t>(plan_.seed)});
    for (Cohort& cohort : cohorts_) cohort.held_out = cohort.validation;
    if (own) scored_ = std::move(held_out);
  }

  void LoadPhantoms(CohortOptions of) {
    of.validation = std::max<std::int64_t>(of.validation, 2);
    const fs::path dir = options_.out / "patients";
    const auto styles = AllPhantomStyles();
    for (std::size_t i = 0; i < styles.size(); ++i) {
      const std::string& site = styles[i].name;
      const std::uint64_t seed = DeriveSeed(static_cast<std::uint64_t>(plan_.seed), i);
      const fs::path mine = dir / "phantoms" / site, held_out = dir / "held-out" / site;
      if (!fs::exists(mine)) WritePhantoms({mine, options_.patients, site, seed, 1});
      if (!fs::exists(held_out)) WritePhantoms({held_out, options_.held_out, site, seed, options_.patients + 1});
      cohorts_.push_back(LoadCohort(site, mine, held_out, of));
    }
  }

  // A patient that is trained with says nothing as a test.
  void RequireApart() const {
    if (options_.test.empty()) return;
    for (const Cohort& cohort : cohorts_) {
      for (const auto* group : {&cohort.training, &cohort.validation}) {
        for (const StudyPatient& patient : *group) {
          for (const Cohort& test : scored_) {
            for (const StudyPatient& other : test.held_out) {
              Require(patient.pet_series.info.series_uid.Reveal() != other.pet_series.info.series_uid.Reveal(),
                      "patient " + patient.name + " is in both --data and --test",
                      "Give test patients that are never trained with.");
            }
          }
        }
      }
    }
  }

  void Baselines() {
    std::vector<StudyPatient> training;
    for (const Cohort& cohort : cohorts_)
      training.insert(training.end(), cohort.training.begin(), cohort.training.end());
    const double best = BestThreshold(training);
    const LocationPrior prior(training);
    for (const double suv : {2.5, best}) {
      models_.push_back(Score(fmt::format("SUV >= {}{}", suv, suv == best ? " (best on training)" : ""), scored_,
                              [&](const StudyPatient& p) { return ThresholdMask(p.pet, suv); }));
    }
    models_.push_back(
        Score("SUV >= 41 % of maximum", scored_, [](const StudyPatient& p) { return FortyOnePercentMask(p.pet); }));
    models_.push_back(
        Score("location prior (no image)", scored_, [&](const StudyPatient& p) { return prior.Mask(p.pet.geometry); }));
  }

  Predictor PredictorOf(const TrainedArm& arm) const {
    return {plan_.network, plan_.prep, arm.parameters, {Device{}, options_.threads, plan_.train.precision}};
  }

  // A model on all patients that are scored.
  void Add(const TrainedArm& arm) {
    Predictor predictor = PredictorOf(arm);
    AddScores(arm, [&](const StudyPatient& patient) {
      return PredictedLesions(predictor, patient, plan_, arm.largest_only, stop_);
    });
  }

  // Each hospital's own version of the federation's model, on its own patients.
  void AddOwn(const TrainedArm& federated) {
    std::map<std::string, Predictor> predictors;
    for (const Cohort& cohort : cohorts_)
      predictors.emplace(cohort.site, PredictorOf(*folder_->Find("own:" + cohort.site)));
    std::map<const StudyPatient*, Predictor*> of;
    for (const Cohort& cohort : scored_) {
      const auto found = predictors.find(cohort.site);
      if (found == predictors.end()) {
        std::cerr << "own: left out, since the patients of " << cohort.site << " belong to no hospital of the study\n";
        return;
      }
      for (const StudyPatient& patient : cohort.held_out) of[&patient] = &found->second;
    }
    TrainedArm own{"own", {}, federated.steps, federated.seconds, {}, federated.largest_only};
    own.steps += plan_.personal.steps * std::ssize(cohorts_);
    AddScores(own, [&](const StudyPatient& patient) {
      return PredictedLesions(*of.at(&patient), patient, plan_, own.largest_only, stop_);
    });
  }

  void AddScores(const TrainedArm& arm, const std::function<LabelMap(const StudyPatient&)>& mask_of) {
    ProgressLine line(std::cerr, StyleOf(stderr), "scoring " + arm.name);
    std::size_t all = 0, done = 0;
    for (const Cohort& cohort : scored_) all += cohort.held_out.size();
    std::vector<std::pair<const StudyPatient*, LabelMap>> masks;
    ModelScores scores = Score(arm.name, scored_, [&](const StudyPatient& patient) {
      LabelMap mask = mask_of(patient);
      line.Update(static_cast<double>(++done) / static_cast<double>(all), patient.name);
      masks.emplace_back(&patient, mask);
      return mask;
    });
    line.Finish(fmt::format("Dice {:.3f} of {} patients", BootstrapMean(scores.Dice(), {.resamples = 1}).mean, all));
    scores.steps = arm.steps;
    scores.seconds = arm.seconds;
    if (!arm.loss.empty()) curves_.push_back({arm.name, arm.steps / std::ssize(arm.loss), arm.loss});
    if (arm.name == Pictured()) Pictures(scores, masks);
    models_.push_back(std::move(scores));
  }

  // The arm whose patients are drawn.
  std::string Pictured() const {
    if (!options_.Has("federated")) return "pooled";
    return plan_.aggregation.keep_local == "none" ? "federated" : "own";
  }

  void Pictures(const ModelScores& scores, const std::vector<std::pair<const StudyPatient*, LabelMap>>& masks) {
    std::vector<std::size_t> order(masks.size());
    for (std::size_t i = 0; i < order.size(); ++i) order[i] = i;
    std::stable_sort(order.begin(), order.end(), [&](std::size_t a, std::size_t b) {
      return scores.cases[a].metrics.dice > scores.cases[b].metrics.dice;
    });
    for (const std::size_t at : {order.front(), order[order.size() / 2], order.back()}) {
      const CaseScore& score = scores.cases[at];
      pictures_.push_back(CasePicture(*masks[at].first, masks[at].second,
                                      fmt::format("{} {}, Dice {:.2f}", score.site, score.name, score.metrics.dice)));
    }
  }

  template <class Train>
  TrainedArm TrainOrFind(const std::string& name, const Train& train) {
    std::optional<TrainedArm> arm = folder_->Find(name);
    if (arm) {
      std::cerr << name << ": already trained, " << arm->steps << " steps\n";
    } else {
      arm = train();
      folder_->Keep(plan_, *arm);
      fs::remove_all(UnderWay());
    }
    return *arm;
  }

  // Trainings that are not done yet.
  fs::path UnderWay() const {
    const fs::path dir = options_.out / "under-way";
    fs::create_directories(dir);
    return dir;
  }

  void Pooled(const Parameters& first) {
    Add(TrainOrFind("pooled", [&] {
      ProgressLine line(std::cerr, StyleOf(stderr), "pooled");
      const auto begun = std::chrono::steady_clock::now();
      double before = -1;  // share of a call that was stopped
      TrainOptions options;
      options.compute = {Device{}, options_.threads, plan_.train.precision};
      options.keep = UnderWay() / "pooled.safetensors";
      options.processes = processes_;
      const LocalModel model = TrainPooled(
          plan_, first, cohorts_, options,
          [&](double share, double loss) {
            if (before < 0) before = share;
            const double seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - begun).count();
            const double left = share > before ? seconds * (1 - share) / (share - before) : 0;
            line.Update(share, fmt::format("loss {:.3f}, {:.0f} s left", loss, left));
          },
          stop_);
      line.Finish(fmt::format("{} steps, {:.0f} s", model.steps, model.seconds));
      return TrainedArm{"pooled", model.parameters, model.steps, model.seconds, model.loss, model.largest_only};
    }));
  }

  void Federated() {
    const TrainedArm arm = TrainOrFind("federated", [&] {
      ProgressLine line(std::cerr, StyleOf(stderr), "federated");
      FederationOptions of;
      of.dir = options_.out / "federation";
      of.go_on = true;  // StudyFolder has seen that it is the same study
      of.threads = options_.threads;
      const auto begun = std::chrono::steady_clock::now();
      std::int64_t before = -1;  // rounds of a call that was stopped
      SimulatedFederation done = SimulateFederation(
          plan_, cohorts_, of,
          [&](std::int64_t rounds, double loss) {
            if (before < 0) before = rounds - 1;
            const double share = static_cast<double>(rounds) / static_cast<double>(plan_.rounds);
            const double seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - begun).count() /
                                   static_cast<double>(rounds - before);
            line.Update(share, fmt::format("round {} of {}, loss {:.3f}, {:.0f} s left", rounds, plan_.rounds, loss,
                                           seconds * static_cast<double>(plan_.rounds - rounds)));
          },
          stop_);
      line.Finish(fmt::format("{} rounds, {:.0f} s, {:.2f} MB an update", done.loss.size(), done.seconds,
                              static_cast<double>(done.update_bytes) / 1e6));
      for (std::size_t i = 0; i < done.own.size(); ++i)
        folder_->Keep(plan_, {"own:" + cohorts_[i].site, std::move(done.own[i]), plan_.personal.steps, 0, {}, false});
      fs::remove_all(of.dir);
      const std::int64_t steps = std::ssize(done.loss) * plan_.train.steps * std::ssize(cohorts_);
      return TrainedArm{"federated",          std::move(done.model.parameters), steps, done.seconds,
                        std::move(done.loss), done.model.card.largest_only};
    });
    // Without the hospitals' own arrays the global model is nobody's.
    if (plan_.aggregation.keep_local == "none") Add(arm);
    if (HasOwnVersions(plan_)) AddOwn(arm);
  }

  void Local(const Parameters& first) {
    std::vector<std::string> names;
    bool all_there = true;
    for (const Cohort& cohort : cohorts_) {
      names.push_back("local:" + cohort.site);
      all_there = all_there && folder_->Find(names.back()).has_value();
    }
    if (!all_there) {
      ProgressLine line(std::cerr, StyleOf(stderr), "local");
      const auto models = BestLocalModels(
          plan_, first, cohorts_, {options_.threads, UnderWay()},
          [&](std::int64_t done, std::int64_t all) {
            line.Update(static_cast<double>(done) / static_cast<double>(all),
                        fmt::format("{} of {} trainings", done, all));
          },
          stop_);
      line.Finish("each hospital's better training on its own validation patients counts");
      for (const LocalModel& model : models) {
        folder_->Keep(plan_, {"local:" + model.site, model.parameters, model.steps, model.seconds, model.loss,
                              model.largest_only});
      }
      fs::remove_all(UnderWay());
    }
    for (const std::string& name : names) Add(*folder_->Find(name));
  }

  void Write() const {
    WriteFileDurably(options_.out / "cases.csv", CasesCsv(models_));
    WriteFileDurably(options_.out / "summary.csv", SummaryCsv(models_));
    WriteFileDurably(options_.out / "curves.csv", CurvesCsv(curves_));
    WriteFileDurably(options_.out / "report.html", ReportPage("Study " + plan_.name, models_, curves_, pictures_));
    if (!options_.json.empty()) WriteFileDurably(options_.json, Json().dump(2) + "\n");
    std::cout << "Dice on " << ScoredWords() << ", PET grid\n"
              << ResultTable(models_) << "Patients: " << (options_.out / "cases.csv").string()
              << "   pictures: " << (options_.out / "report.html").string() << "\n";
  }

  std::string ScoredWords() const {
    if (!options_.test.empty()) return "the test patients";
    return options_.data.empty() || options_.folds > 0 ? "held-out patients" : "the validation patients";
  }

  nlohmann::ordered_json Json() const {
    nlohmann::ordered_json test, baselines, out;
    double steps = 0;
    for (const ModelScores& model : models_) {
      nlohmann::ordered_json& scores = model.steps > 0 ? test : baselines;
      for (const CaseScore& score : model.cases) {
        const bool alone = std::ranges::count(model.cases, score.name, &CaseScore::name) == 1;
        scores[model.model][alone ? score.name : score.site + "/" + score.name] = score.metrics.dice;
      }
      if (model.model == "federated" || model.model == "pooled") steps = static_cast<double>(model.steps);
    }
    out["steps"] = static_cast<std::int64_t>(steps);
    out["seconds"] = seconds_;
    out["test"] = std::move(test);
    out["baselines"] = std::move(baselines);
    out["scored"] = ScoredWords();
    out["seed"] = plan_.seed;
    out["plan"] = DigestOf(plan_).Hex();
    for (const ModelScores& model : models_) {
      if (model.seconds > 0) out["training_seconds"][model.model] = model.seconds;
    }
    return out;
  }

  StudyOptions options_;
  ProcessGroup* processes_;  // of one training, or null
  std::stop_token stop_;
  RunPlan plan_;
  std::vector<Cohort> cohorts_, scored_;
  std::unique_ptr<StudyFolder> folder_;
  std::vector<ModelScores> models_;
  std::vector<LossCurve> curves_;
  std::vector<std::string> pictures_;
  double seconds_ = 0;
};

// The patients of several studies (folds, seeds) together: a patient's Dice is the mean over the studies it is in.
void Summarise(const StudyOptions& options) {
  std::vector<std::vector<ModelScores>> studies;
  for (const fs::path& folder : options.summarise) {
    const fs::path file = folder / "cases.csv";
    const std::vector<std::byte> bytes = ReadFile(file);
    const std::string text(reinterpret_cast<const char*>(bytes.data()), bytes.size());
    studies.push_back(ScoresFromCsv(text, file.string()));
    for (ModelScores& model : studies.back()) {
      if (model.model.ends_with("(best on training)")) model.model = "best SUV threshold";  // another in each study
    }
  }
  const std::vector<ModelScores> all = PutTogether(studies);
  std::cout << "Dice over " << options.summarise.size() << " studies, PET grid\n" << ResultTable(all);
  std::cout << SummaryCsv(all);
}

}  // namespace

void AddStudy(CLI::App& app) {
  auto options = std::make_shared<StudyOptions>();
  CLI::App* command = app.add_subcommand(
      "study", "Train one plan pooled, federated and in each hospital alone, in one process, and score all models");
  command->add_option("--plan", options->plan, "run plan in TOML");
  command->add_option("--data", options->data, "SITE/PATIENT/... with DICOM files; phantoms if it is not given");
  command->add_option("--out", options->out, "folder for models, tables and pictures; the same command goes on there");
  command->add_option("--test", options->test, "patients that are only scored; without, the validation patients are");
  command->add_option("--json", options->json, "write every patient's Dice into this file");
  command->add_option("--arms", options->arms, "what is trained: pooled,federated,local")->capture_default_str();
  command->add_option("--rule", options->rule, "how the hub makes the next model, instead of the plan's");
  command->add_option("--seed", options->seed, "instead of the plan's: of phantoms and training");
  command->add_option("--validation", options->validation, "validation patients a hospital, the last by name")
      ->capture_default_str();
  CLI::Option* folds =
      command->add_option("--folds", options->folds, "hold out every so many-th patient of each hospital, for scoring");
  command->add_option("--fold", options->fold, "which of them, from 0")->needs(folds);
  CLI::Option* dirichlet = command->add_option(
      "--dirichlet", options->dirichlet,
      "deal all patients anew over artificial hospitals, by Dirichlet shares of tumour volumes: alpha");
  command->add_option("--sites", options->sites, "how many of them")->capture_default_str()->needs(dirichlet);
  CLI::Option* planned = command->add_flag("--planned", options->planned,
                                           "spacing, network, patch, batch and normalisation as nnU-Net plans them, "
                                           "from the hospitals' fingerprints; the rest is the plan's");
  AddPlannerOptions(*command, options->planner, planned);
  command->add_option("--patients", options->patients, "phantoms a hospital, 2 of them for validation")
      ->capture_default_str();
  command->add_option("--held-out", options->held_out, "phantoms a hospital besides")->capture_default_str();
  command->add_option("--threads", options->threads, "processor threads; 0: one for each core")->capture_default_str();
  command->add_option("--summarise", options->summarise,
                      "only put the patients of these studies' folders together (folds, seeds)");
  command->callback([options] {
    if (!options->summarise.empty()) return Summarise(*options);
    options->Validate();
    SetLogLevel(LogLevel::kWarning);  // the progress line tells what the site's log would
    const StopOnSignal signal;
    const auto place = ProcessPlaceFromEnvironment();
    if (place) options->ValidateForProcesses();
    const auto processes = place ? std::make_unique<ProcessGroup>(*place) : nullptr;
    try {
      Study(*options, processes.get(), signal.token()).Run();
    } catch (const Error& error) {
      if (error.code() != ErrorCode::kCancelled) throw;
      throw Error(ErrorCode::kCancelled, "the study was stopped",
                  "What is trained is kept. The same command goes on where it stopped.");
    }
  });
}

}  // namespace consilium
