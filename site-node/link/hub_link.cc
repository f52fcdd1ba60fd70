// SPDX-FileCopyrightText: The Consilium authors
// SPDX-License-Identifier: Apache-2.0
#include "site-node/link/hub_link.h"

#include <fmt/format.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <condition_variable>
#include <deque>
#include <mutex>
#include <thread>
#include <utility>

#include "core/base/certificate.h"
#include "core/base/error.h"
#include "core/base/log.h"
#include "proto/codec.h"
#include "proto/site.grpc.pb.h"
#include "proto/tls.h"
#include "site-node/link/backoff.h"
#include "site-node/link/transfers.h"

namespace consilium {
namespace {

constexpr int kHeartbeatsToDeath = 4;  // the hub's own rule

v1::Progress::Stage ToMessage(Stage stage) {
  switch (stage) {
    case Stage::kDownloading: return v1::Progress::STAGE_DOWNLOADING;
    case Stage::kEvaluating: return v1::Progress::STAGE_EVALUATING;
    case Stage::kTraining: return v1::Progress::STAGE_TRAINING;
    case Stage::kUploading: return v1::Progress::STAGE_UPLOADING;
  }
  return v1::Progress::STAGE_UNKNOWN;
}

v1::DataSummary ToMessage(const PatientCounts& counts) {
  v1::DataSummary summary;
  summary.set_training_patients(counts.training);
  summary.set_validation_patients(counts.validation);
  *summary.mutable_studies() = consilium::ToMessage(counts.studies);
  return summary;
}

// A run's name comes from outside and becomes part of file names: the hub's own rule is checked here too.
RunId CheckedRun(const std::string& text) {
  const bool good =
      !text.empty() && text.size() <= 80 &&
      text.find_first_not_of("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-") == std::string::npos;
  Require(good, "the hub sent a run without a proper name");
  return RunId(text);
}

TrainOrder FromMessage(const v1::TrainOrder& message, const SiteId& site) {
  Require(message.round() >= 1 && message.attempt() >= 1, "the hub sent an order without round and attempt");
  return {{CheckedRun(message.run()), RoundNumber(message.round()), site, message.attempt()},
          DigestFromBytes(message.model(), "the order's model"),
          message.model_bytes(),
          message.plan_toml(),
          message.seconds_left()};
}

EvaluateOrder FromMessage(const v1::EvaluateOrder& message) {
  return {CheckedRun(message.run()), DigestFromBytes(message.model(), "the order's model"), message.model_bytes(),
          message.plan_toml()};
}

}  // namespace

// One connection at a time: this thread dials and reads, a second one writes.
class HubLink::Impl {
 public:
  Impl(HubLinkOptions options, const SiteCredentials& credentials, HubListener& listener,
       std::function<PatientCounts()> counts)
      : options_(std::move(options)), listener_(listener), counts_(std::move(counts)) {
    const TlsIdentity identity{credentials.certificate_pem, credentials.key_pem};
    channel_ =
        MakeChannel(options_.hub, std::string(kHubServerName), ClientCredentials(credentials.authority_pem, identity));
    stub_ = v1::Site::NewStub(channel_);
    thread_ = std::jthread([this](std::stop_token stop) { KeepConnected(stop); });
  }

  // Progress is worth nothing later.
  void Say(v1::SiteMessage message) {
    std::lock_guard lock(mutex_);
    if (message.has_progress() && !connected_) return;
    outgoing_.push_back(std::move(message));
    wake_.notify_all();
  }

  Transfers MakeTransfers() { return {*stub_, MakeBackoff()}; }

 private:
  Backoff MakeBackoff() const { return {options_.backoff_first_s, backoff_most_s_, options_.jitter_seed}; }

  void KeepConnected(std::stop_token stop) {
    Backoff backoff = MakeBackoff();
    std::string last;
    while (!stop.stop_requested()) {
      std::string why;
      try {
        const grpc::Status status = Converse(stop, backoff);
        why = "the hub ended the connection";
        if (status.error_code() != grpc::StatusCode::CANCELLED)  // which is all that a hub that stops says
          ThrowUnlessOk(status, fmt::format("no connection to the hub at {}", options_.hub));
      } catch (const Error& error) {
        why = error.Text();
      }
      SetConnected(false, why);
      if (stop.stop_requested()) return;
      if (why != last) LogWarning("no connection to the hub; dialling again", {{"reason", why}});
      last = why;
      if (WaitFor(backoff.Next(), stop)) return;
    }
  }

  // One control stream, from Hello to its end.
  grpc::Status Converse(std::stop_token stop, Backoff& backoff) {
    grpc::ClientContext context;
    const std::stop_callback cancel(stop, [&] { context.TryCancel(); });
    const auto stream = stub_->Control(&context);
    v1::SiteMessage hello;
    hello.mutable_hello()->set_protocol(kProtocolVersion);
    hello.mutable_hello()->set_version(options_.program_version);
    *hello.mutable_hello()->mutable_data() = ToMessage(counts_());
    v1::HubMessage answer;
    if (!stream->Write(hello) || !stream->Read(&answer)) return stream->Finish();
    if (!answer.has_welcome() || answer.welcome().protocol() == 0) {
      context.TryCancel();
      stream->Finish();
      return {grpc::StatusCode::FAILED_PRECONDITION, "the hub did not say welcome"};
    }
    site_ = ParseSiteId(answer.welcome().site());
    backoff.Reset();
    SetConnected(true, {});
    LogInfo("connected to the hub", {{"site", site_}});
    const double heartbeat_s = answer.welcome().heartbeat_s() > 0 ? answer.welcome().heartbeat_s() : 15;
    // A hub that comes back waits four heartbeats for its sites: none may sleep through that.
    backoff_most_s_ = std::min(options_.backoff_most_s, heartbeat_s);
    backoff.Limit(backoff_most_s_);
    {
      last_heard_ = std::chrono::steady_clock::now();
      std::jthread writer([&](std::stop_token ended) {
        KeepWriting(*stream, std::chrono::duration<double>(heartbeat_s), ended);
        context.TryCancel();  // the reader sees the same end
      });
      const std::stop_callback end(stop, [&] { writer.request_stop(); });
      while (stream->Read(&answer)) {
        last_heard_ = std::chrono::steady_clock::now();
        Hear(answer);
      }
    }
    return stream->Finish();
  }

  // Returns when the stream has ended, or the hub gave no sign for four heartbeats. A message that could not be
  // written goes out on the next stream.
  template <class Stream>
  void KeepWriting(Stream& stream, std::chrono::duration<double> heartbeat, std::stop_token ended) {
    std::unique_lock lock(mutex_);
    while (!ended.stop_requested()) {
      const bool some = wake_.wait_for(lock, ended, heartbeat, [&] { return !outgoing_.empty(); });
      if (ended.stop_requested()) return;
      v1::SiteMessage message;
      message.mutable_heartbeat();
      if (some) message = outgoing_.front();
      lock.unlock();
      const bool written = stream.Write(message);
      lock.lock();
      if (!written || std::chrono::steady_clock::now() - last_heard_.load() > kHeartbeatsToDeath * heartbeat) return;
      if (some) outgoing_.pop_front();
    }
  }

  void Hear(const v1::HubMessage& message) {
    try {
      if (message.has_train()) {
        listener_.OnTrain(FromMessage(message.train(), site_));
      } else if (message.has_evaluate()) {
        listener_.OnEvaluate(FromMessage(message.evaluate()));
      } else if (message.has_cancel()) {
        listener_.OnCancel(
            {CheckedRun(message.cancel().run()), RoundNumber(message.cancel().round()), message.cancel().reason()});
      } else if (message.has_verdict()) {
        const v1::Verdict& verdict = message.verdict();
        listener_.OnVerdict({{CheckedRun(verdict.run()), RoundNumber(verdict.round()), site_, verdict.attempt()},
                             verdict.accepted(),
                             verdict.reason()});
      } else if (message.has_state()) {
        listener_.OnState(message.state().SerializeAsString());
      }  // heartbeats, and messages of later versions: nothing to do
    } catch (const Error& error) {
      LogError("a message of the hub cannot be used", {{"reason", error.what()}});
    }
  }

  void SetConnected(bool connected, const std::string& why_not) {
    {
      std::lock_guard lock(mutex_);
      connected_ = connected;
      if (!connected) std::erase_if(outgoing_, [](const v1::SiteMessage& message) { return message.has_progress(); });
    }
    listener_.OnConnection(connected, why_not);
  }

  const HubLinkOptions options_;
  HubListener& listener_;
  const std::function<PatientCounts()> counts_;
  std::shared_ptr<grpc::Channel> channel_;
  std::unique_ptr<v1::Site::Stub> stub_;
  SiteId site_;  // the dialling thread's
  std::atomic<double> backoff_most_s_{options_.backoff_most_s};
  std::atomic<std::chrono::steady_clock::time_point> last_heard_;
  std::mutex mutex_;
  std::condition_variable_any wake_;
  std::deque<v1::SiteMessage> outgoing_;  // guarded by mutex_
  bool connected_ = false;                // guarded by mutex_
  std::jthread thread_;                   // last: stops and joins before the rest goes
};

HubLink::HubLink(HubLinkOptions options, const SiteCredentials& credentials, HubListener& listener,
                 std::function<PatientCounts()> counts)
    : impl_(std::make_unique<Impl>(std::move(options), credentials, listener, std::move(counts))) {}
HubLink::~HubLink() = default;

void HubLink::Report(const RunId& run, RoundNumber round, std::int64_t attempt, Stage stage, double fraction) {
  v1::SiteMessage message;
  v1::Progress& progress = *message.mutable_progress();
  progress.set_run(run.text());
  progress.set_round(round.value());
  progress.set_attempt(attempt);
  progress.set_stage(ToMessage(stage));
  progress.set_fraction(fraction);
  impl_->Say(std::move(message));
}

void HubLink::Refuse(const RunId& run, RoundNumber round, std::int64_t attempt, const std::string& reason) {
  v1::SiteMessage message;
  v1::Refusal& refusal = *message.mutable_refusal();
  refusal.set_run(run.text());
  refusal.set_round(round.value());
  refusal.set_attempt(attempt);
  refusal.set_reason(reason);
  impl_->Say(std::move(message));
}

void HubLink::Evaluated(const RunId& run, const Digest& model, const DiceSummary& dice) {
  v1::SiteMessage message;
  v1::Evaluation& evaluation = *message.mutable_evaluation();
  evaluation.set_run(run.text());
  evaluation.set_model(ToBytes(model));
  evaluation.set_dice_sum(dice.sum);
  evaluation.set_cases(dice.cases);
  impl_->Say(std::move(message));
}

void HubLink::PatientsChanged(const PatientCounts& counts) {
  v1::SiteMessage message;
  *message.mutable_data() = ToMessage(counts);
  impl_->Say(std::move(message));
}

void HubLink::Download(const Digest& model, std::uint64_t bytes, const std::filesystem::path& to, std::stop_token stop,
                       const TransferProgress& progress) {
  impl_->MakeTransfers().Download(model, bytes, to, stop, progress);
}

void HubLink::Send(const SealedUpdate& update, std::stop_token stop, const TransferProgress& progress) {
  impl_->MakeTransfers().Upload(update, stop, progress);
}

}  // namespace consilium
