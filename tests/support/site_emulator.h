// SPDX-FileCopyrightText: The Consilium authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <grpcpp/client_context.h>

#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "core/model/model_card.h"
#include "core/model/model_update.h"
#include "proto/site.grpc.pb.h"
#include "proto/tls.h"

namespace consilium {

// What a hospital holds after it has joined.
struct SiteKit {
  std::string site;
  TlsIdentity identity;
  std::string authority_pem;
};

// Joins as a hospital does: makes its key, takes the authority that the door presents, shows the token, waits.
// `waiting` is called when the hub has the request. Throws Error.
SiteKit EnrolSite(const std::string& enrol_address, const std::string& token, const std::function<void()>& waiting);

// The same call with a given request, for tests of the door. Returns the last reply.
v1::EnrolReply EnrolWith(const std::string& enrol_address, const std::string& token,
                         const std::vector<std::byte>& request, const std::function<void()>& waiting);

struct EmulatorOptions {
  std::string hub;  // H:P
  std::int64_t training_patients = 10, validation_patients = 2;
  float change = 1;                   // every number of the model moves by this much a round
  double dice = 0.5;                  // of each validation patient
  std::chrono::milliseconds work{0};  // time that a round's training takes
  double heartbeat_s = 0.2;
  std::uint32_t protocol = 1;
  // Called with the update before it is sent, to spoil it. May be empty.
  std::function<void(ModelUpdate&)> tamper;
  // Takes the bytes of the update file, to spoil those. May be empty.
  std::function<void(std::vector<std::byte>&)> tamper_file;
  // True: the site dies when it gets this order, without a word. May be empty.
  std::function<bool(const v1::TrainOrder&)> dies;
};

// A site node without images and without learning, but true to the protocol: control stream, heartbeats, download,
// offer, chunked upload, evaluation, reconnection after a cut. One thread for the stream, one for heartbeats.
class SiteEmulator {
 public:
  SiteEmulator(SiteKit kit, EmulatorOptions options);
  ~SiteEmulator();  // as Kill()
  SiteEmulator(const SiteEmulator&) = delete;
  SiteEmulator& operator=(const SiteEmulator&) = delete;

  void Kill();  // drops the line at once and stays away

  // Waits until `true_now` holds (it is called under the lock, after each message); false: the time is over.
  bool WaitFor(const std::function<bool(const SiteEmulator&)>& true_now,
               std::chrono::milliseconds timeout = std::chrono::seconds(20));

  // What was seen. Read them in WaitFor, or after Kill().
  std::vector<v1::TrainOrder> orders;
  std::vector<v1::EvaluateOrder> evaluations;
  std::vector<v1::Verdict> verdicts;
  std::vector<v1::CancelOrder> cancels;
  std::vector<std::string> refusals;  // words of calls that failed
  v1::Welcome welcome;
  v1::FederationState state;
  std::int64_t sessions = 0;    // welcomes so far
  std::int64_t heartbeats = 0;  // of the hub

 private:
  using Stream = grpc::ClientReaderWriter<v1::SiteMessage, v1::HubMessage>;
  void Work(std::stop_token stop);
  void Session(std::stop_token stop);
  void Take(const v1::HubMessage& message, std::stop_token stop);
  void Train(const v1::TrainOrder& order, std::stop_token stop);
  void Evaluate(const v1::EvaluateOrder& order);
  void Upload(const v1::TrainOrder& order, std::vector<std::byte> file);
  std::vector<std::byte> Download(const std::string& digest);
  void Say(const v1::SiteMessage& message);
  void Note(const std::function<void()>& change);

  const SiteKit kit_;
  const EmulatorOptions options_;
  std::unique_ptr<v1::Site::Stub> stub_;
  std::mutex mutex_;
  std::condition_variable noted_;
  std::mutex write_mutex_;
  std::shared_ptr<grpc::ClientContext> context_;  // guarded by mutex_
  Stream* stream_ = nullptr;                      // guarded by write_mutex_
  std::jthread thread_;
};

}  // namespace consilium
