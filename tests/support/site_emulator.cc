// SPDX-FileCopyrightText: The Consilium authors
// SPDX-License-Identifier: Apache-2.0
#include "tests/support/site_emulator.h"

#include <utility>

#include "core/base/certificate.h"
#include "core/base/error.h"
#include "proto/chunks.h"
#include "proto/codec.h"

namespace consilium {
namespace {

std::string TextOf(const std::vector<std::byte>& bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

std::span<const std::byte> BytesOf(const std::string& text) {
  return std::as_bytes(std::span(text.data(), text.size()));
}

void Deadline(grpc::ClientContext& context, int seconds) {
  context.set_deadline(std::chrono::system_clock::now() + std::chrono::seconds(seconds));
}

}  // namespace

v1::EnrolReply EnrolWith(const std::string& enrol_address, const std::string& token,
                         const std::vector<std::byte>& request, const std::function<void()>& waiting) {
  const std::string authority = PresentedCertificates(enrol_address).chain.back();
  const auto stub =
      v1::Enrolment::NewStub(MakeChannel(enrol_address, kHubServerName, ClientCredentials(authority, std::nullopt)));
  grpc::ClientContext context;
  Deadline(context, 20);
  v1::EnrolRequest message;
  message.set_token(token);
  message.set_certificate_request_der(TextOf(request));
  message.set_protocol(kProtocolVersion);
  const auto stream = stub->Enrol(&context, message);
  v1::EnrolReply reply, last;
  while (stream->Read(&reply)) {
    last = reply;
    if (reply.has_waiting() && waiting) waiting();
  }
  ThrowUnlessOk(stream->Finish(), "cannot enrol");
  return last;
}

SiteKit EnrolSite(const std::string& enrol_address, const std::string& token, const std::function<void()>& waiting) {
  const PrivateKey key = PrivateKey::Generate();
  const v1::EnrolReply reply = EnrolWith(enrol_address, token, MakeCertificateRequest(key, "any"), waiting);
  Require(reply.has_approved(), "not approved: " + reply.refused());
  const Certificate certificate = Certificate::FromDer(BytesOf(reply.approved().certificate_der()));
  const Certificate authority = Certificate::FromDer(BytesOf(reply.approved().authority_der()));
  return {reply.approved().site(), {certificate.ToPem() + authority.ToPem(), key.ToPem()}, authority.ToPem()};
}

SiteEmulator::SiteEmulator(SiteKit kit, EmulatorOptions options) : kit_(std::move(kit)), options_(std::move(options)) {
  stub_ = v1::Site::NewStub(
      MakeChannel(options_.hub, kHubServerName, ClientCredentials(kit_.authority_pem, kit_.identity)));
  thread_ = std::jthread([this](std::stop_token stop) { Work(stop); });
}

SiteEmulator::~SiteEmulator() { Kill(); }

void SiteEmulator::Kill() {
  thread_.request_stop();
  {
    const std::lock_guard lock(mutex_);
    if (context_) context_->TryCancel();
  }
  if (thread_.joinable() && thread_.get_id() != std::this_thread::get_id()) thread_.join();
}

bool SiteEmulator::WaitFor(const std::function<bool(const SiteEmulator&)>& true_now,
                           std::chrono::milliseconds timeout) {
  std::unique_lock lock(mutex_);
  return noted_.wait_for(lock, timeout, [&] { return true_now(*this); });
}

void SiteEmulator::Note(const std::function<void()>& change) {
  const std::lock_guard lock(mutex_);
  change();
  noted_.notify_all();
}

void SiteEmulator::Work(std::stop_token stop) {
  while (!stop.stop_requested()) {
    Session(stop);
    for (int i = 0; i < 5 && !stop.stop_requested(); ++i) std::this_thread::sleep_for(std::chrono::milliseconds(20));
  }
}

void SiteEmulator::Session(std::stop_token stop) {
  const auto context = std::make_shared<grpc::ClientContext>();
  context->set_wait_for_ready(false);
  {
    const std::lock_guard lock(mutex_);
    if (stop.stop_requested()) return;
    context_ = context;
  }
  const auto stream = stub_->Control(context.get());
  v1::SiteMessage hello;
  hello.mutable_hello()->set_protocol(options_.protocol);
  hello.mutable_hello()->set_version("emulator");
  hello.mutable_hello()->mutable_data()->set_training_patients(options_.training_patients);
  hello.mutable_hello()->mutable_data()->set_validation_patients(options_.validation_patients);
  stream->Write(hello);
  {
    const std::lock_guard lock(write_mutex_);
    stream_ = stream.get();
  }
  const std::jthread heart([this](std::stop_token done) {
    v1::SiteMessage beat;
    beat.mutable_heartbeat();
    std::mutex mutex;
    std::condition_variable_any ended;
    const auto pause = std::chrono::duration<double>(options_.heartbeat_s);
    for (std::unique_lock lock(mutex); !done.stop_requested();) {
      ended.wait_for(lock, done, pause, [] { return false; });
      if (!done.stop_requested()) Say(beat);
    }
  });
  v1::HubMessage message;
  while (stream->Read(&message)) {
    try {
      Take(message, stop);
    } catch (const Error& error) {
      Note([&] { refusals.push_back(error.Text()); });
    }
  }
  {
    const std::lock_guard lock(write_mutex_);
    stream_ = nullptr;
  }
  const grpc::Status status = stream->Finish();
  if (!status.ok()) Note([&] { refusals.push_back(ToError(status, "the stream ended").Text()); });
}

void SiteEmulator::Take(const v1::HubMessage& message, std::stop_token stop) {
  Note([&] {
    if (message.has_welcome()) {
      welcome = message.welcome();
      ++sessions;
    }
    if (message.has_state()) state = message.state();
    if (message.has_verdict()) verdicts.push_back(message.verdict());
    if (message.has_cancel()) cancels.push_back(message.cancel());
    if (message.has_train()) orders.push_back(message.train());
    if (message.has_evaluate()) evaluations.push_back(message.evaluate());
    if (message.has_heartbeat()) ++heartbeats;
  });
  if (message.has_train()) Train(message.train(), stop);
  if (message.has_evaluate()) Evaluate(message.evaluate());
}

void SiteEmulator::Train(const v1::TrainOrder& order, std::stop_token stop) {
  if (options_.dies && options_.dies(order)) return Kill();
  const std::vector<std::byte> file = Download(order.model());
  const GlobalModel model = ParseModel(file, "the global model");
  const auto end = std::chrono::steady_clock::now() + options_.work;
  while (std::chrono::steady_clock::now() < end && !stop.stop_requested()) {
    std::this_thread::sleep_for(std::chrono::milliseconds(5));
  }
  if (stop.stop_requested()) return;
  v1::SiteMessage progress;
  progress.mutable_progress()->set_run(order.run());
  progress.mutable_progress()->set_round(order.round());
  progress.mutable_progress()->set_stage(v1::Progress::STAGE_TRAINING);
  progress.mutable_progress()->set_fraction(1);
  Say(progress);
  ModelUpdate update;
  update.id = {RunId(order.run()), RoundNumber(order.round()), SiteId(kit_.site), order.attempt()};
  update.base = DigestFromBytes(order.model(), "the order");
  update.metrics.loss = 1.0 / static_cast<double>(order.round());
  update.metrics.steps = 1;
  update.metrics.samples = options_.training_patients;
  update.metrics.validation = {options_.dice * static_cast<double>(options_.validation_patients),
                               options_.validation_patients};
  update.delta = model.parameters;
  for (NamedArray& array : update.delta.arrays) {
    for (float& value : array.values) value = options_.change;
  }
  if (options_.tamper) options_.tamper(update);
  std::vector<std::byte> bytes = SerializeUpdate(update);
  if (options_.tamper_file) options_.tamper_file(bytes);
  Upload(order, std::move(bytes));
}

void SiteEmulator::Upload(const v1::TrainOrder& order, std::vector<std::byte> file) {
  const SubmissionId id{RunId(order.run()), RoundNumber(order.round()), SiteId(kit_.site), order.attempt()};
  const v1::UploadHeader header = ToMessage(id, DigestOf(file), file.size());
  grpc::ClientContext offer_context;
  Deadline(offer_context, 10);
  v1::UploadState held;
  ThrowUnlessOk(stub_->Offer(&offer_context, header, &held), "cannot offer the update");
  if (held.complete()) return;
  grpc::ClientContext context;
  Deadline(context, 20);
  const auto stream = stub_->Upload(&context, &held);
  v1::UploadMessage message;
  *message.mutable_header() = header;
  bool open = stream->Write(message);
  for (std::uint64_t offset = held.offset(); open && offset < file.size();) {
    const std::uint64_t size = std::min<std::uint64_t>(kChunkBytes, file.size() - offset);
    message.mutable_chunk()->set_offset(offset);
    message.mutable_chunk()->set_data(file.data() + offset, size);
    open = stream->Write(message);
    offset += size;
  }
  stream->WritesDone();
  ThrowUnlessOk(stream->Finish(), "cannot send the update");
}

std::vector<std::byte> SiteEmulator::Download(const std::string& digest) {
  grpc::ClientContext context;
  Deadline(context, 20);
  v1::DownloadRequest request;
  request.set_digest(digest);
  const auto stream = stub_->Download(&context, request);
  v1::Chunk chunk;
  std::vector<std::byte> file;
  while (stream->Read(&chunk)) {
    const auto bytes = BytesOf(chunk.data());
    file.insert(file.end(), bytes.begin(), bytes.end());
  }
  ThrowUnlessOk(stream->Finish(), "cannot get the model");
  Require(DigestOf(file) == DigestFromBytes(digest, "the order"), "the model has another digest than its name");
  return file;
}

void SiteEmulator::Evaluate(const v1::EvaluateOrder& order) {
  v1::SiteMessage message;
  v1::Evaluation& evaluation = *message.mutable_evaluation();
  evaluation.set_run(order.run());
  evaluation.set_model(order.model());
  evaluation.set_dice_sum(options_.dice * static_cast<double>(options_.validation_patients));
  evaluation.set_cases(options_.validation_patients);
  Say(message);
}

void SiteEmulator::Say(const v1::SiteMessage& message) {
  const std::lock_guard lock(write_mutex_);
  if (stream_ != nullptr) stream_->Write(message);
}

}  // namespace consilium
