// SPDX-FileCopyrightText: The Consilium authors
// SPDX-License-Identifier: Apache-2.0
#include "site-node/panel/panel_service.h"

#include <fmt/format.h>

#include <algorithm>
#include <bit>
#include <stop_token>
#include <utility>

#include "core/base/error.h"
#include "core/base/log.h"
#include "core/base/readable.h"
#include "proto/codec.h"
#include "proto/tls.h"

namespace consilium {
namespace {

static_assert(std::endian::native == std::endian::little, "voxels are sent as they lie in memory");

constexpr std::int64_t kSlabBytes = 1 << 20;

v1::CaseSummary ToMessage(const CaseView& view) {
  v1::CaseSummary message;
  message.set_id(view.id.text());
  message.set_role(view.role);
  message.set_patient(Readable(view.patient.Reveal()));
  message.set_study_date(Readable(view.study_date.Reveal()));
  message.set_has_reference(view.has_reference);
  if (view.model) message.set_model(view.model->Hex());
  message.set_lesions(view.lesions);
  message.set_volume_ml(view.volume_ml);
  message.set_entropy(view.entropy);
  message.set_dice(view.dice);
  return message;
}

v1::PanelState ToMessage(const PanelView& view) {
  v1::PanelState message;
  if (!view.federation_state.empty()) message.mutable_federation()->ParseFromString(view.federation_state);
  message.set_site(view.site);
  message.set_hub_connected(view.hub_connected);
  message.set_cases(view.cases);
  message.set_predictions_waiting(view.predictions_waiting);
  message.set_activity(view.activity);
  *message.mutable_studies() = consilium::ToMessage(view.studies);
  return message;
}

v1::ImageInfo ToMessage(const Volume& volume) {
  v1::ImageInfo message;
  message.set_modality(volume.modality == Modality::kPet ? "PT" : "CT");
  *message.mutable_grid() = ToMessage(volume.geometry);
  for (const float slope : volume.slope) message.add_slope(slope);
  for (const float intercept : volume.intercept) message.add_intercept(intercept);
  return message;
}

}  // namespace

v1::PredictionMessage ToMessage(const PredictionView& prediction) {
  v1::PredictionMessage message;
  message.set_model(prediction.model.Hex());
  message.set_version(prediction.version.value());
  *message.mutable_labels() = ToMessage(prediction.labels);
  for (const Lesion& lesion : prediction.lesions) *message.add_lesions() = ToMessage(lesion);
  message.set_entropy(prediction.entropy);
  message.set_dice(prediction.dice);
  return message;
}

PredictionView PredictionFromMessage(const v1::PredictionMessage& message) {
  PredictionView prediction;
  prediction.model = Digest::FromHex(message.model());
  prediction.version = ModelVersion(message.version());
  prediction.labels = LabelMapFromMessage(message.labels());
  for (const v1::LesionMessage& lesion : message.lesions()) prediction.lesions.push_back(LesionFromMessage(lesion));
  prediction.entropy = message.entropy();
  prediction.dice = message.dice();
  return prediction;
}

// Who asks is checked at every call, so that a reader who was removed is out at once; what fails becomes a status.
template <class Body>
grpc::Status PanelService::Answer(grpc::ServerContext* context, Body body) {
  try {
    if (readers_ != nullptr) {
      const std::optional<Peer> peer = PeerOf(*context);
      if (!peer) throw Error(ErrorCode::kUnauthenticated, "the panel answers only to a reader's certificate");
      readers_->RequireReader(peer->certificate_pem);
    }
    body();
    return grpc::Status::OK;
  } catch (const Error& error) {
    return ToStatus(error);
  } catch (const std::exception& error) {
    LogError("the panel could not answer", {{"reason", error.what()}});
    return ToStatus(error);
  }
}

CaseView PanelService::Find(const CaseId& id) {
  for (CaseView& view : data_.Cases())
    if (view.id == id) return std::move(view);
  throw Error(ErrorCode::kNotFound, "there is no such case", "List the cases again; this one may be gone.");
}

grpc::Status PanelService::Watch(grpc::ServerContext* context, const v1::PanelWatchRequest*,
                                 grpc::ServerWriter<v1::PanelState>* writer) {
  return Answer(context, [&] {
    PanelView view = data_.State();
    bool open = writer->Write(ToMessage(view));
    while (open && !context->IsCancelled()) {
      PanelView next = data_.WaitForChange(view.revision);
      if (readers_ != nullptr) readers_->RequireReader(PeerOf(*context)->certificate_pem);
      if (next.revision == view.revision) continue;
      view = std::move(next);
      open = writer->Write(ToMessage(view));
    }
  });
}

grpc::Status PanelService::ListCases(grpc::ServerContext* context, const v1::ListCasesRequest*,
                                     v1::ListCasesReply* reply) {
  return Answer(context, [&] {
    std::vector<CaseView> cases = data_.Cases();
    std::stable_sort(cases.begin(), cases.end(), [](const CaseView& a, const CaseView& b) {
      if (a.model.has_value() != b.model.has_value()) return a.model.has_value();
      return a.entropy > b.entropy;
    });
    for (const CaseView& view : cases) *reply->add_cases() = ToMessage(view);
  });
}

grpc::Status PanelService::GetCase(grpc::ServerContext* context, const v1::CaseRequest* request, v1::CaseReply* reply) {
  return Answer(context, [&] {
    const CaseId id(request->id());
    *reply->mutable_summary() = ToMessage(Find(id));
    const auto images = data_.Images(id);
    *reply->add_images() = ToMessage(images->pet);
    *reply->add_images() = ToMessage(images->ct);
    if (images->reference) *reply->mutable_reference() = ToMessage(*images->reference);
    std::optional<Digest> model;
    if (!request->model().empty()) model = Digest::FromHex(request->model());
    if (const auto prediction = data_.StoredPrediction(id, model))
      *reply->mutable_prediction() = ToMessage(*prediction);
    for (const Digest& one : data_.PredictedModels(id)) reply->add_models(one.Hex());
  });
}

grpc::Status PanelService::GetImage(grpc::ServerContext* context, const v1::ImageRequest* request,
                                    grpc::ServerWriter<v1::ImageSlab>* writer) {
  return Answer(context, [&] {
    const CaseId id(request->id());
    Find(id);
    const auto images = data_.Images(id);
    Require(request->modality() == "PT" || request->modality() == "CT", "the modality must be PT or CT");
    const Volume& volume = request->modality() == "PT" ? images->pet : images->ct;
    const Size3 size = volume.geometry.size;
    const std::int64_t slice_voxels = size.x * size.y;
    const auto send = [&](std::int64_t slice, std::int64_t slices) {
      v1::ImageSlab slab;
      slab.set_slice(slice);
      slab.set_slices(slices);
      const std::int16_t* from = volume.voxels.data() + slice * slice_voxels;
      slab.set_voxels(from, static_cast<std::size_t>(slices * slice_voxels) * sizeof(std::int16_t));
      return writer->Write(slab);
    };
    // The asked slice alone, so that it is on the screen at once; then slabs of neighbours, outwards.
    const std::int64_t first = std::clamp<std::int64_t>(request->first_slice(), 0, size.z - 1);
    const std::int64_t slab = std::max<std::int64_t>(1, kSlabBytes / (slice_voxels * 2));
    bool open = send(first, 1);
    for (std::int64_t above = first + 1, below = first; open && (above < size.z || below > 0);) {
      if (above < size.z) {
        const std::int64_t slices = std::min(slab, size.z - above);
        open = send(above, slices);
        above += slices;
      }
      if (open && below > 0) {
        const std::int64_t slices = std::min(slab, below);
        open = send(below - slices, slices);
        below -= slices;
      }
    }
  });
}

grpc::Status PanelService::Predict(grpc::ServerContext* context, const v1::PredictRequest* request,
                                   v1::PredictReply* reply) {
  return Answer(context, [&] {
    const CaseId id(request->id());
    Find(id);
    *reply->mutable_prediction() = ToMessage(data_.PredictNow(id, [context] { return context->IsCancelled(); }));
  });
}

grpc::Status PanelService::LibraryChanged(grpc::ServerContext* context, const v1::LibraryChangedRequest*,
                                          v1::LibraryChangedReply*) {
  return Answer(context, [&] { data_.LibraryChanged(); });
}

}  // namespace consilium
