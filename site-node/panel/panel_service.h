// SPDX-FileCopyrightText: The Consilium authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "proto/panel.grpc.pb.h"
#include "site-node/panel/panel_data.h"
#include "site-node/panel/readers.h"

namespace consilium {

// Panel (proto/panel.proto) over PanelData. `readers` null: the local door, where the socket's mode is the guard.
class PanelService final : public v1::Panel::Service {
 public:
  PanelService(PanelData& data, Readers* readers) : data_(data), readers_(readers) {}

  grpc::Status Watch(grpc::ServerContext* context, const v1::PanelWatchRequest* request,
                     grpc::ServerWriter<v1::PanelState>* writer) override;
  grpc::Status ListCases(grpc::ServerContext* context, const v1::ListCasesRequest* request,
                         v1::ListCasesReply* reply) override;
  grpc::Status GetCase(grpc::ServerContext* context, const v1::CaseRequest* request, v1::CaseReply* reply) override;
  grpc::Status GetImage(grpc::ServerContext* context, const v1::ImageRequest* request,
                        grpc::ServerWriter<v1::ImageSlab>* writer) override;
  grpc::Status Predict(grpc::ServerContext* context, const v1::PredictRequest* request,
                       v1::PredictReply* reply) override;
  grpc::Status LibraryChanged(grpc::ServerContext* context, const v1::LibraryChangedRequest* request,
                              v1::LibraryChangedReply* reply) override;

 private:
  template <class Body>
  grpc::Status Answer(grpc::ServerContext* context, Body body);
  CaseView Find(const CaseId& id);

  PanelData& data_;
  Readers* const readers_;
};

v1::PredictionMessage ToMessage(const PredictionView& prediction);
PredictionView PredictionFromMessage(const v1::PredictionMessage& message);  // throws Error(kInvalidArgument)

}  // namespace consilium
