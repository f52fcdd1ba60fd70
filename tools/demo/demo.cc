// SPDX-FileCopyrightText: The Consilium authors
// SPDX-License-Identifier: Apache-2.0
// The whole of Consilium on one machine, in the order of a hospital's day: patients, enrolment, import, rounds,
// predictions; then what each hospital would have reached alone, and the comparison.
#include <fmt/format.h>
#include <stdlib.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <iostream>
#include <map>
#include <optional>
#include <thread>
#include <utility>

#include "core/base/error.h"
#include "core/base/file_store.h"
#include "core/base/random.h"
#include "core/base/terminal.h"
#include "core/model/model_card.h"
#include "imaging/dicom/seg_reader.h"
#include "imaging/findings/segmentation_metrics.h"
#include "learning/predictor.h"
#include "proto/codec.h"
#include "tools/demo/federation.h"
#include "tools/demo/hospitals.h"
#include "tools/demo/options.h"
#include "tools/demo/plans.h"
#include "tools/demo/result.h"
#include "tools/demo/round_table.h"
#include "tools/study/baselines.h"
#include "tools/study/local_model.h"

namespace consilium {
namespace fs = std::filesystem;
namespace {

constexpr char kMarker[] = ".consilium-demo";  // only a folder with this file is ever removed

using std::chrono::steady_clock;
double SecondsSince(steady_clock::time_point start) {
  return std::chrono::duration<double>(steady_clock::now() - start).count();
}

class Demo {
 public:
  explicit Demo(const DemoOptions& options) : options_(options), plan_(PlanOf(options)), dir_(options.keep) {}

  void Run() {
    PrepareFolder();
    const auto start = steady_clock::now();
    Patients();
    Federate();
    Predict();
    Alone();
    result_.seconds["setup"] = options_.setup_seconds;
    result_.seconds["total"] = SecondsSince(start) + options_.setup_seconds;
    std::cout << "\n" << ToText(result_) << std::flush;
    Pictures();
    Close();
  }

 private:
  void PrepareFolder();
  void Patients();
  void Federate();
  void ImportAndServe();
  void OpenDesktop();
  void Predict();
  void MeasureSite(const Cohort& cohort, const fs::path& folder);
  void RequireAsPredicted(const fs::path& seg, const LabelMap& segmented, const LabelMap& here) const;
  void CheckSeg(const fs::path& file);
  void Alone();
  void Pictures();
  void Close();

  fs::path RolesFile(const std::string& site) const { return dir_ / (site + "-roles.csv"); }

  // Its steps are numbered: 1 the federation, 2 the predictions.
  std::string Label(int step, const std::string& title) const {
    return fmt::format("[{}/{}] {:<13} ", options_.steps_before + step, options_.steps_before + 2, title);
  }
  ProgressLine Progress(int step, const std::string& title) {
    return ProgressLine(std::cout, style_, Label(step, title));
  }

  const DemoOptions options_;
  const RunPlan plan_;
  const fs::path dir_;
  const Device device_ = ParseDevice("auto");
  const TerminalStyle style_ = StyleOf(stdout);
  DemoResult result_;
  std::vector<DemoHospital> hospitals_;
  std::vector<Cohort> cohorts_;
  std::optional<DemoFederation> federation_;
  std::optional<ChildProcess> desktop_;
  std::map<std::string, fs::path> seg_of_;  // by site and patient
};

void Demo::PrepareFolder() {
  if (fs::exists(dir_) && !fs::is_empty(dir_)) {
    Require(fs::exists(dir_ / kMarker), dir_.string() + " is not empty and holds no earlier demo",
            "Name another folder with --keep.");
    fs::remove_all(dir_);
  }
  fs::create_directories(dir_);
  WriteFileDurably(dir_ / kMarker, std::string_view("made by consilium demo; removed by the next one\n"));
  WriteFileDurably(dir_ / "plan.toml", ToToml(plan_));
}

void Demo::Patients() {
  const auto start = steady_clock::now();
  {
    ProgressLine line = Progress(1, "Patients");
    hospitals_ = MakeHospitals(options_, dir_, [&](double fraction) { line.Update(fraction); });
    for (const DemoHospital& hospital : hospitals_) {
      result_.image_bytes += BytesBelow(hospital.patients) + BytesBelow(hospital.held_out);
    }
    cohorts_ = LoadCohorts(hospitals_, plan_);
    std::size_t patients = 0;
    for (const Cohort& cohort : cohorts_) {
      patients += cohort.training.size() + cohort.validation.size() + (cohort.held_out.size());
      if (options_.data.empty()) continue;
      patients -= cohort.held_out.size();  // they are the validation patients
    }
    result_.seconds["phantom"] = SecondsSince(start);
    line.Finish(fmt::format("{} in {} hospitals, {} of DICOM   {:.0f} s", patients, hospitals_.size(),
                            fmt::format("{:.0f} MB", static_cast<double>(result_.image_bytes) / 1e6),
                            result_.seconds["phantom"]));
  }
  HideContours(hospitals_, dir_, true);
}

void Demo::Federate() {
  federation_.emplace(dir_, ProgramFolder());
  for (const DemoHospital& hospital : hospitals_) federation_->Enrol(hospital.site);
  std::cout << Label(1, "Federation")
            << fmt::format("hub {}   {} hospitals enrolled over TLS 1.3\n", federation_->address(), hospitals_.size())
            << std::flush;
  ImportAndServe();
  OpenDesktop();

  const auto start = steady_clock::now();
  std::vector<std::string> sites;
  for (const DemoHospital& hospital : hospitals_) sites.push_back(hospital.site);
  RoundTable table(std::cout, style_, sites);
  const v1::FederationState state =
      federation_->Run(dir_ / "plan.toml", [&](const v1::FederationState& now) { table.Show(now); });
  table.Finish(state);
  result_.seed = plan_.seed;
  result_.rounds = RoundsOf(state);
  result_.model_digest = DigestFromBytes(state.run().model(), "the run's model").Hex();
  result_.bytes_up = state.run().bytes_up();
  result_.bytes_down = state.run().bytes_down();
  federation_->ExportModel(state.run().run(), dir_ / "model.safetensors");
  result_.seconds["train"] = SecondsSince(start);
}

void Demo::ImportAndServe() {
  const auto start = steady_clock::now();
  // One processor thread a site: the sites share the machine, and the result does not depend on how many cores it has.
  for (std::size_t i = 0; i < hospitals_.size(); ++i) {
    const DemoHospital& hospital = hospitals_[i];
    WriteRoles(cohorts_[i], RolesFile(hospital.site));
    federation_->Import(hospital.site, hospital.patients, RolesFile(hospital.site));
    federation_->Serve(hospital.site, 1);
  }
  result_.seconds["import"] = SecondsSince(start);
}

void Demo::OpenDesktop() {
  const bool display = getenv("DISPLAY") != nullptr || getenv("WAYLAND_DISPLAY") != nullptr;
  if (options_.headless || !display) return;
  desktop_.emplace(std::vector<std::string>{(ProgramFolder() / "consilium-desktop").string(), "--connect",
                                            federation_->AddReader(hospitals_.front().site).string()},
                   dir_ / "logs" / "desktop.log");
}

void Demo::Predict() {
  const auto start = steady_clock::now();
  {
    ProgressLine line = Progress(2, "Prediction");
    for (std::size_t i = 0; i < hospitals_.size(); ++i) {
      const DemoHospital& hospital = hospitals_[i];
      const fs::path out = dir_ / "seg" / hospital.site;
      if (!hospital.held_out.empty()) federation_->Import(hospital.site, hospital.held_out, RolesFile(hospital.site));
      federation_->Predict(hospital.site, hospital.held_out.empty() ? "validation" : "new", out);
      MeasureSite(cohorts_[i], out);
      line.Update(static_cast<double>(i + 1) / static_cast<double>(hospitals_.size()));
    }
    result_.seconds["predict"] = SecondsSince(start);
    line.Finish(fmt::format(
        "{} patients -> DICOM SEG{}   {:.0f} s", result_.seg.size(),
        result_.dciodvfy ? " (dciodvfy: no error; reads back equal)" : " (reads back equal; dciodvfy is not installed)",
        result_.seconds["predict"]));
  }
  Require(result_.federated.cases == static_cast<std::int64_t>(result_.seg.size()),
          "a held-out patient has no prediction", "Logs: " + (dir_ / "logs").string());
}

// Reads every SEG back from its file and compares it with the contour and with the model run here.
void Demo::MeasureSite(const Cohort& cohort, const fs::path& folder) {
  std::vector<std::pair<fs::path, ObjectSource>> files;
  for (const auto& entry : fs::directory_iterator(folder)) {
    if (entry.path().extension() == ".dcm") files.emplace_back(entry.path(), ReadSegInfo(entry.path()).source);
  }
  const GlobalModel model = ReadModelFile(dir_ / "model.safetensors");
  Predictor predictor(plan_.network, plan_.prep, model.parameters, {device_, 1, "auto"});  // as the sites do
  DiceSummary& site = result_.by_site[cohort.site];
  // In the patients' order, not the files': their names hold new UIDs, and a sum's last bit depends on its order.
  for (const StudyPatient& patient : cohort.held_out) {
    const auto made_for = std::find_if(files.begin(), files.end(),
                                       [&](const auto& file) { return RefersTo(file.second, patient.pet_series); });
    if (made_for == files.end()) continue;
    const fs::path& file = made_for->first;
    CheckSeg(file);
    const LabelMap segmented = ReadSeg(file, patient.pet_series);
    RequireAsPredicted(file, segmented, PredictedLesions(predictor, patient, plan_, model.card.largest_only));
    const double dice = Dice(segmented, patient.reference);
    site = {site.sum + dice, site.cases + 1};
    result_.federated = {result_.federated.sum + dice, result_.federated.cases + 1};
    result_.seg.push_back(file);
    seg_of_[cohort.site + "/" + patient.name] = file;
  }
  Require(site.cases == static_cast<std::int64_t>(cohort.held_out.size()),
          fmt::format("{} predicted {} of {} held-out patients", cohort.site, site.cases, cohort.held_out.size()),
          "Logs: " + (dir_ / "logs").string());
}

// The site's file against the model run in this program. Two runs on a processor give the same voxels; on a GPU the
// last bits may differ, and with them voxels whose probability is one half.
void Demo::RequireAsPredicted(const fs::path& seg, const LabelMap& segmented, const LabelMap& here) const {
  const bool same = device_.kind == DeviceKind::kCpu ? segmented.voxels == here.voxels : Dice(segmented, here) >= 0.999;
  Require(same, seg.string() + " does not read back as the model predicts here",
          "The model: " + (dir_ / "model.safetensors").string());
}

void Demo::CheckSeg(const fs::path& file) {
  const fs::path dciodvfy = "/usr/bin/dciodvfy";
  result_.dciodvfy = fs::exists(dciodvfy);
  if (!result_.dciodvfy) return;
  const fs::path log = dir_ / "logs" / ("dciodvfy-" + file.stem().string() + ".log");
  ChildProcess(std::vector<std::string>{dciodvfy.string(), file.string()}, log).Wait();
  Require(ReadTextFile(log).find("Error") == std::string::npos, "dciodvfy finds an error in " + file.string(),
          "Its words: " + log.string());
}

void Demo::Alone() {
  const auto start = steady_clock::now();
  const ComputeOptions compute{Device{}, 1, plan_.train.precision};
  std::vector<StudyPatient> training;
  std::vector<const StudyPatient*> everybody;
  {
    ProgressLine line = Progress(2, "Alone");
    line.Update(0, "each hospital trains on its own patients only");
    const int threads = std::max(1, static_cast<int>(std::thread::hardware_concurrency()));
    const Parameters first = InitialParameters(plan_.network, static_cast<std::uint64_t>(plan_.seed));
    const std::vector<LocalModel> models =
        BestLocalModels(plan_, first, cohorts_, {.threads = threads}, [&](std::int64_t done, std::int64_t all) {
          line.Update(static_cast<double>(done) / static_cast<double>(all));
        });
    for (const LocalModel& model : models) {
      DemoResult::Local local{0, 0, model.steps};
      DiceSummary pooled;
      for (const Cohort& cohort : cohorts_) {
        const DiceSummary dice =
            Summary(DiceOnPetGrid(plan_, model.parameters, cohort.held_out, compute).That(model.largest_only));
        pooled = {pooled.sum + dice.sum, pooled.cases + dice.cases};
        if (cohort.site == model.site) local.own = dice.Mean();
      }
      local.pooled = pooled.Mean();
      result_.local[model.site] = local;
    }
    result_.seconds["local"] = SecondsSince(start);
    line.Finish(
        fmt::format("{} models, each the better of two trainings   {:.0f} s", models.size(), result_.seconds["local"]));
  }
  std::vector<StudyPatient> held_out;
  for (const Cohort& cohort : cohorts_) {
    training.insert(training.end(), cohort.training.begin(), cohort.training.end());
    held_out.insert(held_out.end(), cohort.held_out.begin(), cohort.held_out.end());
  }
  result_.threshold_suv = BestThreshold(training);
  result_.threshold_dice = Summary(DiceOfThreshold(result_.threshold_suv, held_out)).Mean();
  result_.suv25_dice = Summary(DiceOfThreshold(2.5, held_out)).Mean();
}

void Demo::Pictures() {
  const fs::path desktop = ProgramFolder() / "consilium-desktop", log = dir_ / "logs" / "pictures.log";
  const fs::path folder = dir_ / "pictures";
  fs::create_directories(folder);
  const fs::path rounds = folder / "rounds.png";
  RunCommand({desktop.string(), "--connect", federation_->AddReader(hospitals_.front().site).string(), "--page",
              "rounds", "--screenshot", rounds.string()},
             log);
  result_.pictures.push_back(rounds);
  HideContours(hospitals_, dir_, false);  // so that the pictures show them beside the prediction
  for (std::size_t i = 0; i < hospitals_.size(); ++i) {
    const DemoHospital& hospital = hospitals_[i];
    const auto& held_out = cohorts_[i].held_out;
    const auto patient = std::find_if(held_out.begin(), held_out.end(),
                                      [](const StudyPatient& p) { return p.reference.CountNonZero() > 0; });
    if (patient == held_out.end()) continue;
    const fs::path picture = folder / (hospital.site + "-" + patient->name + ".png");
    const fs::path& patients = hospital.held_out.empty() ? hospital.patients : hospital.held_out;
    const fs::path seg = seg_of_.at(hospital.site + "/" + patient->name);
    std::vector<std::string> words{desktop.string(), "--open",       (patients / patient->name).string(),
                                   "--seg",          seg.string(),   "--page",
                                   "case",           "--screenshot", picture.string()};
    // A model that has hardly begun predicts nothing: the case opens in its middle.
    if (ReadSeg(seg, patient->pet_series).CountNonZero() > 0) words.insert(words.end(), {"--lesion", "1"});
    RunCommand(words, log);
    result_.pictures.push_back(picture);
  }
}

void Demo::Close() {
  WriteReport(result_, dir_ / "report.html");
  std::cout << fmt::format("{:<19} {}   {}   {}\n", "Look at", (dir_ / "report.html").string(),
                           (dir_ / "pictures").string(), (dir_ / "seg").string());
  if (!options_.json.empty()) WriteFileDurably(options_.json, ToJson(result_));
}

}  // namespace

void DemoOptions::Validate() const {
  Require(sites >= 2 && sites <= 9, "--sites takes 2 to 9, not " + std::to_string(sites));
  Require(rounds >= 0 && rounds <= 1000, "--rounds takes 1 to 1000, not " + std::to_string(rounds));
  Require(seed >= 0, "--seed takes a number from 0");
  Require(data.empty() || fs::is_directory(data), "there is no folder " + data.string(),
          "docs/real-data.md says where the patients are to be had.");
}

RunPlan PlanOf(const DemoOptions& options) {
  RunPlan plan = !options.plan.empty()
                     ? ReadRunPlan(options.plan)
                     : ParseRunPlan(options.data.empty() ? kDemoPlan : kDemoPlanData, "the demo's own plan");
  plan.seed = options.seed;
  if (options.rounds > 0) plan.rounds = options.rounds;
  plan.Validate();
  return plan;
}

void RunDemo(const DemoOptions& options) {
  options.Validate();
  Demo(options).Run();
}

}  // namespace consilium
