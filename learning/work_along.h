// SPDX-FileCopyrightText: The Consilium authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <stop_token>
#include <vector>

#include "core/data/sample.h"
#include "core/round/run_plan.h"
#include "learning/compute.h"
#include "learning/process_group.h"
#include "learning/trainer.h"

namespace consilium {

// How the processes of one hospital share the trainings of one program: rank 0 is the program, and tells the others of
// each training; they bring the same patients and take part.

// The group that this program leads, or null where it was started alone. Throws Error(kFailedPrecondition) in another
// rank: `program` begins the sentence, `others` is what to start there instead.
std::unique_ptr<ProcessGroup> LeadProcesses(const std::string& program, const std::string& others);

// Rank 0, before Trainer::Train with this plan's `network`, `prep` and `train` at this position.
void AnnounceTraining(ProcessGroup& group, const RunPlan& plan, const TrainPosition& position);

// Rank 0, at the end: lets the others go. A failure is logged: the work is done.
void DismissProcesses(ProcessGroup* group);

// The patients to train a plan with: those of rank 0, in its order.
using PatientsOf = std::function<std::vector<Sample>(const RunPlan& plan)>;

// The other ranks: take part until rank 0 lets them go, and return in how many trainings. A training that all gave up
// together (a stop of rank 0, a loss that is not finite) ends nothing. After `stop` the group is left within a step,
// rank 0 goes on alone, and kCancelled is thrown.
std::int64_t WorkAlong(ProcessGroup& group, const ComputeOptions& compute, const PatientsOf& patients,
                       const std::stop_token& stop);

}  // namespace consilium
