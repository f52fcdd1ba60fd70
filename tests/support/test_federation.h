// SPDX-FileCopyrightText: The Consilium authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <filesystem>
#include <functional>
#include <memory>
#include <string>

#include "core/model/model_card.h"
#include "core/round/run_plan.h"
#include "hub/hub.h"
#include "proto/admin.grpc.pb.h"
#include "tests/support/site_emulator.h"
#include "tests/support/temporary_folder.h"

namespace consilium {

// A real hub in this process on free ports of the loopback, with its administrator's client.
class TestFederation {
 public:
  explicit TestFederation(const std::function<void(HubOptions&)>& adjust = {}, const Clock& clock = SystemClock());
  ~TestFederation();
  TestFederation(const TestFederation&) = delete;
  TestFederation& operator=(const TestFederation&) = delete;

  Hub& hub() { return *hub_; }
  const HubOptions& options() const { return options_; }
  std::filesystem::path dir() const { return folder_.path(); }
  v1::Admin::Stub& admin() { return *admin_; }

  void StopHub();     // nothing is said to anybody
  void RestartHub();  // on the same folder and the same ports
  SiteKit Join(const std::string& name);
  EmulatorOptions At(std::int64_t patients, float change) const;  // options for a site of this hub

  v1::InviteReply Invite(const std::string& name);
  v1::SiteView Approve(const std::string& site);
  v1::SiteView Suspend(const std::string& site);
  v1::SiteView Revoke(const std::string& site);
  v1::FederationState State(const std::string& run = {});
  std::string Start(const RunPlan& plan, const std::vector<std::byte>& first_model = {}, bool wait = false);
  v1::RunView Abort(const std::string& reason);
  v1::AuditReply Audit();
  GlobalModel Model(const std::string& run = {});  // the newest of a run
  // Waits until the run is in one of the end phases; returns its view.
  v1::RunView WaitForEnd(std::chrono::milliseconds timeout = std::chrono::seconds(30));
  v1::FederationState WaitFor(const std::function<bool(const v1::FederationState&)>& true_now,
                              std::chrono::milliseconds timeout = std::chrono::seconds(20));

 private:
  TemporaryFolder folder_;
  HubOptions options_;
  const Clock& clock_;
  std::unique_ptr<Hub> hub_;
  std::unique_ptr<v1::Admin::Stub> admin_;
};

// A plan whose model has a few hundred numbers.
RunPlan TinyPlan(std::int64_t rounds, std::int64_t sites);

}  // namespace consilium
