// SPDX-FileCopyrightText: The Consilium authors
// SPDX-License-Identifier: Apache-2.0
#include "gui/link/panel_codec.h"

#include <google/protobuf/util/json_util.h>

#include <bit>
#include <cstring>
#include <fstream>
#include <sstream>

#include "core/base/error.h"
#include "proto/codec.h"

namespace consilium {
namespace {

static_assert(std::endian::native == std::endian::little, "voxels travel in little-endian order");

std::string ShortHex(const std::string& digest) {
  return digest.empty() ? std::string() : DigestFromBytes(digest, "the global model").Short();
}

FederationView::SiteResult ResultFromMessage(const v1::SiteResult& message) {
  return {message.site(), message.dice(), message.cases(), message.loss()};
}

FederationView::Site SiteFromMessage(const v1::SiteView& message) {
  FederationView::Site site;
  site.site = message.site();
  site.display_name = message.display_name();
  site.state = message.state();
  site.progress = message.progress();
  site.reason = message.reason();
  site.fraction = message.fraction();
  site.training_patients = message.training_patients();
  site.validation_patients = message.validation_patients();
  site.dice = message.dice();
  site.last_seen_ms = message.last_seen_ms();
  if (message.has_studies()) site.studies = StudyCountsFromMessage(message.studies()).Text();
  return site;
}

ImageHeader HeaderFromMessage(const v1::ImageInfo& message) {
  ImageHeader header;
  Require(message.modality() == "PT" || message.modality() == "CT",
          "the site node sends an image of another kind than PET and CT");
  header.modality = message.modality() == "PT" ? Modality::kPet : Modality::kCt;
  header.grid = GeometryFromMessage(message.grid());
  header.slope.assign(message.slope().begin(), message.slope().end());
  header.intercept.assign(message.intercept().begin(), message.intercept().end());
  const auto slices = static_cast<std::size_t>(header.grid.size.z);
  Require(header.slope.size() == slices && header.intercept.size() == slices,
          "an image's slopes do not belong to its slices");
  return header;
}

}  // namespace

FederationView FederationFromMessage(const v1::FederationState& message) {
  FederationView view;
  view.federation = message.federation();
  const v1::RunView& run = message.run();
  view.run = run.run();
  view.run_name = run.name();
  view.phase = run.phase();
  view.reason = run.reason();
  view.round = run.round();
  view.rounds = run.rounds();
  view.updates_in = run.updates_in();
  view.updates_asked = run.updates_asked();
  view.final_dice = run.final_dice();
  view.seconds_in_round = run.seconds_in_round();
  view.bytes_up = run.bytes_up();
  view.bytes_down = run.bytes_down();
  view.model = ShortHex(run.model());
  for (const v1::RoundView& round : run.history()) {
    FederationView::Round& one = view.history.emplace_back();
    one.round = round.round();
    one.dice = round.dice();
    one.loss = round.loss();
    one.seconds = round.seconds();
    one.sites.assign(round.sites().begin(), round.sites().end());
    for (const auto& result : round.results()) one.results.push_back(ResultFromMessage(result));
  }
  for (const auto& result : run.final_results()) view.final_results.push_back(ResultFromMessage(result));
  for (const auto& site : message.sites()) view.sites.push_back(SiteFromMessage(site));
  return view;
}

FederationView StateFromMessage(const v1::PanelState& message) {
  FederationView view = FederationFromMessage(message.federation());
  view.our_site = message.site();
  view.hub_connected = message.hub_connected();
  view.cases = message.cases();
  view.predictions_waiting = message.predictions_waiting();
  view.activity = message.activity();
  view.studies = StudyCountsFromMessage(message.studies());
  return view;
}

CaseItem ItemFromMessage(const v1::CaseSummary& message) {
  Require(!message.id().empty(), "the site node sends a case without an id");
  CaseItem item;
  item.id = message.id();
  item.patient = message.patient();
  item.study_date = message.study_date();
  item.role = message.role();
  item.has_reference = message.has_reference();
  item.has_prediction = !message.model().empty();
  item.model = message.model();
  item.lesions = message.lesions();
  item.volume_ml = message.volume_ml();
  item.entropy = message.entropy();
  item.dice = message.dice();
  return item;
}

CaseContent ContentFromMessage(const v1::CaseReply& message) {
  CaseContent content;
  content.item = ItemFromMessage(message.summary());
  for (const auto& image : message.images()) content.images.push_back(HeaderFromMessage(image));
  Require(!content.images.empty(), "the site node sends a case without images");
  if (message.has_reference()) content.reference = LabelMapFromMessage(message.reference());
  if (message.has_prediction()) {
    const v1::PredictionMessage& prediction = message.prediction();
    LesionList& list = content.prediction.emplace();
    list.labels = LabelMapFromMessage(prediction.labels());
    for (const auto& lesion : prediction.lesions()) list.lesions.push_back(LesionFromMessage(lesion));
    content.model = prediction.model();
    content.model_version = prediction.version();
    content.dice = content.reference ? prediction.dice() : -1;
  }
  return content;
}

Slab SlabFromMessage(const v1::ImageSlab& message, const std::string& id, const ImageHeader& header) {
  const Size3& size = header.grid.size;
  Require(message.slice() >= 0 && message.slices() > 0 && message.slices() <= size.z &&
              message.slice() <= size.z - message.slices(),
          "the site node sends slices that the image does not have");
  const auto voxels = static_cast<std::size_t>(message.slices() * size.x * size.y);
  Require(message.voxels().size() == voxels * sizeof(std::int16_t), "the site node sends half a slice");
  Slab slab{id, header.modality, message.slice(), VoxelBuffer<std::int16_t>(voxels)};
  std::memcpy(slab.voxels.data(), message.voxels().data(), message.voxels().size());
  return slab;
}

FederationView ReadStateFile(const std::filesystem::path& file) {
  std::ifstream in(file, std::ios::binary);
  if (!in) throw Error(ErrorCode::kNotFound, "cannot open the state file " + file.string());
  std::ostringstream text;
  text << in.rdbuf();
  v1::FederationState state;
  google::protobuf::util::JsonParseOptions options;
  options.ignore_unknown_fields = true;  // a newer hub may say more
  const auto status = google::protobuf::util::JsonStringToMessage(text.str(), &state, options);
  if (!status.ok())
    throw Error(ErrorCode::kInvalidArgument, file.string() + " holds no federation's state: " + status.ToString(),
                "It is the JSON form of the message FederationState in proto/site.proto.");
  return FederationFromMessage(state);
}

}  // namespace consilium
