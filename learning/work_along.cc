// SPDX-FileCopyrightText: The Consilium authors
// SPDX-License-Identifier: Apache-2.0
#include "learning/work_along.h"

#include <sstream>
#include <string>

#include "core/base/error.h"
#include "core/base/log.h"
#include "core/model/network_spec.h"

namespace consilium {

std::unique_ptr<ProcessGroup> LeadProcesses(const std::string& program, const std::string& others) {
  const auto place = ProcessPlaceFromEnvironment();
  if (!place) return nullptr;
  if (place->rank != 0) {
    throw Error(ErrorCode::kFailedPrecondition, program + " leads the others: it runs with RANK=0 only",
                "With RANK=" + std::to_string(place->rank) + " start " + others + ".");
  }
  return std::make_unique<ProcessGroup>(*place);
}

void AnnounceTraining(ProcessGroup& group, const RunPlan& plan, const TrainPosition& position) {
  Ensure(position.control == nullptr, "control variates are not announced");
  std::ostringstream order;
  order << position.first_step << ' ' << position.total_steps << ' ' << position.seed << '\n' << ToToml(plan);
  group.Announce(order.str());
}

void DismissProcesses(ProcessGroup* group) {
  if (group == nullptr || group->left()) return;
  try {
    group->Dismiss();
  } catch (const Error& error) {
    LogWarning("the other processes did not hear of the end", {{"reason", error.what()}});
  }
}

std::int64_t WorkAlong(ProcessGroup& group, const ComputeOptions& compute, const PatientsOf& patients,
                       const std::stop_token& stop) {
  std::int64_t trainings = 0;
  while (const auto order = group.Await(stop)) {
    std::istringstream words(*order);
    TrainPosition position;
    words >> position.first_step >> position.total_steps >> position.seed >> std::ws;
    const RunPlan plan =
        ParseRunPlan(std::string(std::istreambuf_iterator<char>(words), {}), "the plan that process 0 trains");
    bool joined = false;
    try {
      const std::vector<Sample> samples = patients(plan);
      Trainer trainer(plan.network, plan.prep, compute, &group);
      joined = true;
      trainer.Train(InitialParameters(plan.network, 0), {}, samples, plan.train, position, {},
                    [&](const TrainProgress&) {
                      if (stop.stop_requested()) throw Error(ErrorCode::kCancelled, "this process was stopped");
                    });
      ++trainings;
    } catch (const Error& error) {
      if (!joined || group.left()) {
        group.Leave();
        throw;
      }
      LogWarning("a training was given up by all", {{"reason", error.what()}});
    }
  }
  return trainings;
}

}  // namespace consilium
