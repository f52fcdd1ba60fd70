// SPDX-FileCopyrightText: The Consilium authors
// SPDX-License-Identifier: Apache-2.0
#include "learning/process_group.h"

#include <c10/util/Logging.h>

#include <algorithm>
#include <charconv>
#include <cstdlib>
#include <cstring>
#include <thread>
#include <torch/csrc/distributed/c10d/PrefixStore.hpp>
#include <torch/csrc/distributed/c10d/ProcessGroupGloo.hpp>
#include <torch/csrc/distributed/c10d/TCPStore.hpp>
#include <utility>

#include "core/base/error.h"
#include "learning/gpu_module.h"
#include "learning/rendezvous.h"
#include "learning/torch.h"

namespace consilium {
namespace {

using std::chrono::milliseconds;

constexpr milliseconds kFirstLook{10}, kLaterLook{200};  // between two looks for an order
constexpr milliseconds kGoodbye{10000};

std::string Variable(const char* name) {
  const char* value = std::getenv(name);  // NOLINT(concurrency-mt-unsafe): nothing of ours changes the environment
  return value == nullptr ? "" : value;
}

int NumberOf(const char* name) {
  const std::string text = Variable(name);
  int number = 0;
  const auto [end, failed] = std::from_chars(text.data(), text.data() + text.size(), number);
  Require(!text.empty() && failed == std::errc() && end == text.data() + text.size(),
          std::string(name) + (text.empty() ? " is not set" : " is no number"),
          "Set RANK and WORLD_SIZE for every process, as torchrun does, or neither.");
  return number;
}

std::string Words(const ProcessPlace& place) {
  return "process " + std::to_string(place.rank) + " of " + std::to_string(place.size);
}

std::string FirstLine(const std::string& text) { return text.substr(0, text.find('\n')); }

// Runs f and says in words what c10d throws. `doing` is what the process did with the others.
template <class F>
auto WithOthers(const ProcessPlace& place, const std::string& doing, const F& f) {
  std::string words;
  try {
    return f();
  } catch (const Error&) {
    throw;
  } catch (const c10::Error& error) {
    words = FirstLine(error.what_without_backtrace());
  } catch (const std::exception& error) {  // Gloo's own
    words = FirstLine(error.what());
  }
  const bool late = words.find("imed out") != std::string::npos || words.find("timeout") != std::string::npos;
  if (late) {
    throw Error(ErrorCode::kDeadlineExceeded,
                Words(place) + ", " + doing + ": another process did not answer within " +
                    std::to_string(place.patience.count() / 1000) + " s (" + words + ")",
                "See whether all processes were started, with the same WORLD_SIZE, MASTER_ADDR and MASTER_PORT, and "
                "what they say.");
  }
  throw Error(ErrorCode::kUnavailable, Words(place) + ", " + doing + ": another process has gone (" + words + ")",
              "See what the other processes say, then start all of them again.");
}

// torchrun's agent keeps a store of its own; without it rank 0 does.
c10::intrusive_ptr<c10d::Store> OpenStore(const ProcessPlace& place, const std::string& address) {
  c10d::TCPStoreOptions options;
  options.port = static_cast<std::uint16_t>(place.port);
  options.timeout = place.patience;
  options.isServer = place.rank == 0 && !place.agent;
  if (!place.agent) options.numWorkers = static_cast<std::size_t>(place.size);
  options.waitWorkers = !place.agent;
  if (options.isServer) options.masterListenFd = ListenAt(address, place.port);  // the store closes it
  auto store = c10::make_intrusive<c10d::TCPStore>(address, options);
  return c10::make_intrusive<c10d::PrefixStore>("consilium/" + place.attempt, store);
}

std::vector<std::uint8_t> Bytes(const std::string& text) { return {text.begin(), text.end()}; }

constexpr const char* kEnd = "end";  // an order is "do" and its words

}  // namespace

void ProcessPlace::Validate() const {
  Require(size >= 1 && size <= 1024, "WORLD_SIZE must be between 1 and 1024, not " + std::to_string(size));
  Require(rank >= 0 && rank < size,
          "RANK must be between 0 and WORLD_SIZE - 1 = " + std::to_string(size - 1) + ", not " + std::to_string(rank));
  Require(local_rank >= 0, "LOCAL_RANK must not be negative");
  Require(local_size >= 1, "LOCAL_WORLD_SIZE must be 1 or more");
  Require(port >= 1 && port <= 65535, "MASTER_PORT must be between 1 and 65535, not " + std::to_string(port));
  Require(patience > milliseconds::zero(), "the patience with other processes must be positive");
}

std::optional<ProcessPlace> ProcessPlaceFromEnvironment() {
  if (Variable("RANK").empty() && Variable("WORLD_SIZE").empty()) return std::nullopt;
  ProcessPlace place;
  place.rank = NumberOf("RANK");
  place.size = NumberOf("WORLD_SIZE");
  if (!Variable("LOCAL_RANK").empty()) place.local_rank = NumberOf("LOCAL_RANK");
  if (!Variable("MASTER_PORT").empty()) place.port = NumberOf("MASTER_PORT");
  if (const std::string address = Variable("MASTER_ADDR"); !address.empty()) place.address = address;
  const bool one_machine = place.address == ProcessPlace().address || place.address == "localhost";
  place.local_size = one_machine ? place.size : 1;
  if (!Variable("LOCAL_WORLD_SIZE").empty()) place.local_size = NumberOf("LOCAL_WORLD_SIZE");
  place.agent = Variable("TORCHELASTIC_USE_AGENT_STORE") == "True";
  if (const std::string attempt = Variable("TORCHELASTIC_RESTART_COUNT"); !attempt.empty()) place.attempt = attempt;
  place.Validate();
  if (place.size == 1) return std::nullopt;
  return place;
}

int ThreadsOf(const ProcessPlace& place, int asked) {
  if (asked > 0) return asked;
  return std::max(1, static_cast<int>(std::thread::hardware_concurrency()) / place.local_size);
}

Device DeviceOf(const ProcessPlace& place, const std::string& asked) {
  const Device device = ParseDevice(asked);
  if (asked != "auto" || device.kind != DeviceKind::kCuda) return device;
  return ParseDevice("cuda:" + std::to_string(place.local_rank));
}

struct ProcessGroup::Impl {
  // Gloo for the processor's tensors, NCCL for a GPU's.
  c10d::Backend& BackendOf(const at::Tensor& tensor, const ProcessPlace& place) {
    if (!tensor.is_cuda()) return *gloo;
    if (!nccl) {
      const auto nccl_store = c10::make_intrusive<c10d::PrefixStore>("nccl", store);
      nccl = c10::intrusive_ptr<c10d::Backend>::reclaim(
          TheGpuModule()->NewNccl(*nccl_store, place.rank, place.size, place.patience));
      if (!nccl) {
        throw Error(ErrorCode::kFailedPrecondition, "this build cannot train on GPUs in several processes: no NCCL",
                    "Build it where the CUDA toolkit has nccl.h, or train on the processor (device = cpu).");
      }
    }
    return *nccl;
  }

  c10::intrusive_ptr<c10d::Store> store;
  c10::intrusive_ptr<c10d::Backend> gloo, nccl;
  std::int64_t orders = 0;
};

ProcessGroup::ProcessGroup(ProcessPlace place) : place_(std::move(place)), impl_(std::make_unique<Impl>()) {
  place_.Validate();
  // What goes wrong comes as an Error; c10d would print its own frames besides.
  if (Variable("TORCH_CPP_LOG_LEVEL").empty()) FLAGS_caffe2_log_level = 3;  // fatal
  const std::string address = NumericAddress(place_.address);
  WithOthers(place_, "waiting for the others at " + address + " port " + std::to_string(place_.port), [&] {
    impl_->store = OpenStore(place_, address);
    auto options = c10d::ProcessGroupGloo::Options::create(place_.patience);
    options->devices = {
        c10d::ProcessGroupGloo::createDeviceForHostname(OwnAddressTowards(address, place_.port), /*lazyInit=*/false)};
    impl_->gloo = c10::make_intrusive<c10d::ProcessGroupGloo>(
        c10::make_intrusive<c10d::PrefixStore>("gloo", impl_->store), place_.rank, place_.size, options);
  });
}

ProcessGroup::~ProcessGroup() = default;

void ProcessGroup::Leave() { impl_.reset(); }

template <class F>
auto ProcessGroup::Do(const std::string& doing, const F& f) {
  if (!impl_) {
    throw Error(ErrorCode::kFailedPrecondition, Words(place_) + " has left the others after a failure",
                "Start all processes again.");
  }
  try {
    return WithOthers(place_, doing, f);
  } catch (const Error&) {
    Leave();
    throw;
  }
}

void ProcessGroup::Average(const std::vector<at::Tensor>& tensors) {
  const at::NoGradGuard no_gradients;
  Do("averaging", [&] {
    std::vector<at::Tensor> flat;
    for (const at::Tensor& tensor : tensors) flat.push_back(tensor.reshape(-1));
    std::vector<at::Tensor> bucket{at::cat(flat)};
    impl_->BackendOf(bucket[0], place_).allreduce(bucket)->wait();
    bucket[0].div_(place_.size);
    std::int64_t at = 0;
    for (const at::Tensor& tensor : tensors) {
      tensor.copy_(bucket[0].narrow(0, at, tensor.numel()).view(tensor.sizes()));
      at += tensor.numel();
    }
  });
}

void ProcessGroup::Share(const std::vector<at::Tensor>& tensors) {
  const at::NoGradGuard no_gradients;
  Do("taking over the numbers of process 0", [&] {
    for (const at::Tensor& tensor : tensors) {
      std::vector<at::Tensor> flat{tensor.contiguous()};
      impl_->BackendOf(tensor, place_).broadcast(flat)->wait();
      tensor.copy_(flat[0]);
    }
  });
}

bool ProcessGroup::Any(bool mine) {
  std::int64_t sum = mine ? 1 : 0;
  Do("beginning a step", [&] {
    std::vector<at::Tensor> said{at::from_blob(&sum, {1}, at::kLong)};
    impl_->gloo->allreduce(said)->wait();
  });
  return sum > 0;
}

void ProcessGroup::RequireSame(const Digest& mine, const std::string& what) {
  std::vector<Digest> all(static_cast<std::size_t>(place_.size));
  all[static_cast<std::size_t>(place_.rank)] = mine;
  Do("comparing", [&] {
    std::vector<at::Tensor> bytes{at::from_blob(all.data(), {place_.size, 32}, at::kByte)};
    impl_->gloo->allreduce(bytes)->wait();  // everybody's row is zero elsewhere
  });
  for (std::size_t other = 1; other < all.size(); ++other) {
    if (all[other] == all[0]) continue;
    throw Error(ErrorCode::kFailedPrecondition,
                "process " + std::to_string(other) + " of " + std::to_string(place_.size) + " has other " + what +
                    " than process 0",
                "Start all processes with the same command on the same files.");
  }
}

void ProcessGroup::Announce(const std::string& order) {
  Do("giving an order", [&] { impl_->store->set("order/" + std::to_string(impl_->orders++), Bytes("do" + order)); });
}

std::optional<std::string> ProcessGroup::Await(const std::stop_token& stop) {
  return Do("waiting for process 0", [&]() -> std::optional<std::string> {
    const std::string key = "order/" + std::to_string(impl_->orders++);
    for (milliseconds look = kFirstLook; !impl_->store->check({key}); look = std::min(2 * look, kLaterLook)) {
      if (stop.stop_requested()) throw Error(ErrorCode::kCancelled, Words(place_) + " was stopped");
      std::this_thread::sleep_for(look);
    }
    const std::vector<std::uint8_t> order = impl_->store->get(key);
    if (order == Bytes(kEnd)) {
      impl_->store->set("gone/" + std::to_string(place_.rank), Bytes(kEnd));
      return std::nullopt;
    }
    return std::string(order.begin() + 2, order.end());
  });
}

void ProcessGroup::Dismiss() {
  Do("ending", [&] {
    impl_->store->set("order/" + std::to_string(impl_->orders++), Bytes(kEnd));
    std::vector<std::string> answers;
    for (int other = 1; other < place_.size; ++other) answers.push_back("gone/" + std::to_string(other));
    impl_->store->wait(answers, std::min(kGoodbye, place_.patience));
  });
}

}  // namespace consilium
