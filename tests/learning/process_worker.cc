// SPDX-FileCopyrightText: The Consilium authors
// SPDX-License-Identifier: Apache-2.0
// One of several processes that train together: process_group_test.cc starts it, with torchrun's variables.
// MODE OUT.safetensors PATIENCE_MS. What goes wrong is printed, and the exit status is 1.
#include <netinet/in.h>
#include <sys/socket.h>

#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <functional>
#include <map>
#include <thread>

#include "core/base/error.h"
#include "core/base/file_store.h"
#include "core/model/safetensors.h"
#include "learning/process_group.h"
#include "learning/trainer.h"
#include "tests/learning/process_trainings.h"

namespace consilium {
namespace {

using std::chrono::milliseconds;

struct Worker {
  ProcessGroup& group;
  std::string mode, out;

  bool leads() const { return group.leads(); }

  void Write(const TrainOutcome& outcome) const {
    Parameters all = outcome.parameters;
    for (NamedArray array : ToParameters(outcome.optimizer).arrays) all.arrays.push_back(std::move(array));
    WriteFileDurably(out, SerializeParameters(all, {{"loss", std::to_string(outcome.mean_loss)}}));
  }

  // Two calls, as two rounds. Rank 1 comes with other numbers and remembers nothing: those of rank 0 count.
  void Train() const {
    const test::Training training = test::TrainingNamed(mode);
    Trainer trainer(test::kTogether, {}, {.threads = 1}, &group);
    Parameters start = InitialParameters(test::kTogether, leads() ? 1 : 77);
    OptimizerState optimizer;
    TrainOutcome outcome;
    for (int call = 0; call < 2; ++call) {
      TrainPosition position = training.Position(call);
      const ControlVariates control = test::SomeControl(leads() ? 0.01F : 0.5F);
      if (training.scaffold) position.control = &control;
      outcome = trainer.Train(leads() ? start : InitialParameters(test::kTogether, 78),
                              leads() ? optimizer : OptimizerState{}, training.samples, training.plan, position);
      start = outcome.parameters;
      optimizer = outcome.optimizer;
    }
    Write(outcome);
  }

  void TrainUntil(const std::vector<Sample>& samples, const std::function<void(std::int64_t)>& at) const {
    test::Training training = test::TrainingNamed("sgd");
    training.plan.steps = 100000;
    std::stop_source stop;
    stop_ = &stop;
    Trainer trainer(test::kTogether, {}, {.threads = 1}, &group);
    trainer.Train(InitialParameters(test::kTogether, 1), {}, samples, training.plan, {0, 100000, 5}, stop.get_token(),
                  [&](const TrainProgress& progress) { at(progress.step); });
  }

  void Run() const {
    const auto samples = test::TrainingNamed("sgd").samples;
    const std::map<std::string, std::function<void()>> modes = {
        {"dies", [&] { TrainUntil(samples, [&](std::int64_t) { leads() ? 0 : std::raise(SIGKILL); }); }},
        {"stops", [&] { TrainUntil(samples, [&](std::int64_t) { leads() || stop_->request_stop(); }); }},
        {"differs", [&] { TrainUntil(test::ToySamples(2, leads() ? 40 : 41), [](std::int64_t) {}); }},
        {"fails", [&] { Fails(samples); }},
        {"listens", [&] { PrintListeners(); }},
        {"orders", [&] { Orders(); }},
        {"leader dies", [&] { LeaderDies(); }},
    };
    const auto found = modes.find(mode);
    found == modes.end() ? Train() : found->second();
  }

  // Rank 1 cannot train, and lives on: rank 0 must not wait for it.
  void Fails(std::vector<Sample> samples) const {
    if (!leads()) samples[0].label = {};
    try {
      TrainUntil(samples, [](std::int64_t) {});
    } catch (const Error& error) {
      if (leads()) throw;
      std::printf("%s\n", error.what());
      std::this_thread::sleep_for(milliseconds(20000));
    }
  }

  void Orders() const {
    if (leads()) {
      for (const char* order : {"one", "", "end"}) group.Announce(order);
      return group.Dismiss();
    }
    while (const auto order = group.Await()) std::printf("[%s]", order->c_str());
    std::printf("[done]\n");
  }

  void LeaderDies() const {
    group.Any(false);  // all are connected
    if (!leads()) {
      group.Await();
      return;
    }
    std::this_thread::sleep_for(milliseconds(500));  // the other waits by now
    std::raise(SIGKILL);
  }

  static void PrintListeners() {
    for (int fd = 0; fd < 1024; ++fd) {
      int listens = 0;
      socklen_t size = sizeof listens;
      if (getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &listens, &size) != 0 || listens == 0) continue;
      sockaddr_in own{};
      size = sizeof own;
      getsockname(fd, reinterpret_cast<sockaddr*>(&own), &size);
      std::printf("listener %s\n", own.sin_family == AF_INET && ntohl(own.sin_addr.s_addr) == INADDR_LOOPBACK
                                       ? "loopback"
                                       : "elsewhere");
    }
  }

  mutable std::stop_source* stop_ = nullptr;
};

int Main(const std::string& mode, const std::string& out, int patience_ms) {
  try {
    auto place = ProcessPlaceFromEnvironment();
    Require(place.has_value(), "not one of several processes");
    place->patience = milliseconds(patience_ms);
    ProcessGroup group(*place);
    Worker{group, mode, out}.Run();
    return 0;
  } catch (const Error& error) {
    std::printf("%s: %s\n", std::string(Name(error.code())).c_str(), error.Text().c_str());
    return 1;
  }
}

}  // namespace
}  // namespace consilium

int main(int argc, char** argv) { return argc == 4 ? consilium::Main(argv[1], argv[2], std::atoi(argv[3])) : 2; }
