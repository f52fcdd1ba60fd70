// SPDX-FileCopyrightText: The Consilium authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <grpcpp/grpcpp.h>

#include <condition_variable>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "core/base/certificate.h"
#include "proto/site.grpc.pb.h"
#include "site-node/link/credentials.h"

namespace consilium {

// A hub made from the proto alone, in this process: real mutual TLS, its own authority, scripted behaviour, and a
// record of every byte that sites send.
class FakeHub {
 public:
  FakeHub();
  ~FakeHub();

  std::string address() const;        // of the sites' port
  std::string enrol_address() const;  // of the enrolment port
  const Certificate& authority() const { return authority_; }
  SiteCredentials CredentialsFor(const std::string& site, std::int64_t days = 90) const;
  Certificate IssueFor(const std::string& site, const PublicKey& key) const;

  void Stop();     // as if the hub were switched off
  void Restart();  // on the same ports

  // Sends to the site that is connected.
  void Push(const v1::HubMessage& message);
  void CutControl();  // ends the control stream

  // Waits until a message for which `wanted` is true came on a control stream; fails the test after 60 s.
  v1::SiteMessage WaitForMessage(const std::function<bool(const v1::SiteMessage&)>& wanted);
  // Waits for a whole update and gives its bytes.
  std::string WaitForUpdate();

  // Script. Set before the site connects.
  std::map<std::string, std::string> models;  // by the digest's 32 bytes
  std::int64_t cut_download_after = -1;       // bytes; once
  std::int64_t cut_upload_after = -1;         // bytes; once
  std::function<v1::EnrolReply(const v1::EnrolRequest&)> on_enrol;

  struct Seen {
    std::vector<v1::SiteMessage> messages;
    std::vector<std::uint64_t> download_offsets, offer_offsets;
    std::int64_t hellos = 0;
    std::string bytes;                           // everything, serialised, in order of arrival
    std::map<std::string, std::string> uploads;  // "run/round/attempt" -> bytes
    std::string peer;                            // common name of the last site
  };
  Seen seen();

 private:
  class SiteService;
  class EnrolmentService;
  std::unique_ptr<grpc::Server> Start(grpc::Service& service, bool mutual, int& port);

  PrivateKey authority_key_;
  Certificate authority_;
  PrivateKey server_key_;
  Certificate server_;
  std::mutex mutex_;
  std::condition_variable changed_;
  Seen seen_;
  std::vector<std::string> complete_;
  std::function<bool(const v1::HubMessage&)> push_;
  std::function<void()> cut_;
  int site_port_ = 0, enrol_port_ = 0;
  std::unique_ptr<SiteService> site_service_;
  std::unique_ptr<EnrolmentService> enrolment_service_;
  std::unique_ptr<grpc::Server> site_server_, enrol_server_;
};

}  // namespace consilium
