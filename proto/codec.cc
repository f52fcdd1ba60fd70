// SPDX-FileCopyrightText: The Consilium authors
// SPDX-License-Identifier: Apache-2.0
#include "proto/codec.h"

#include <array>
#include <cmath>
#include <utility>

namespace consilium {
namespace {

constexpr std::array<std::pair<ErrorCode, grpc::StatusCode>, 14> kCodes{{
    {ErrorCode::kCancelled, grpc::StatusCode::CANCELLED},
    {ErrorCode::kInvalidArgument, grpc::StatusCode::INVALID_ARGUMENT},
    {ErrorCode::kDeadlineExceeded, grpc::StatusCode::DEADLINE_EXCEEDED},
    {ErrorCode::kNotFound, grpc::StatusCode::NOT_FOUND},
    {ErrorCode::kAlreadyExists, grpc::StatusCode::ALREADY_EXISTS},
    {ErrorCode::kPermissionDenied, grpc::StatusCode::PERMISSION_DENIED},
    {ErrorCode::kUnauthenticated, grpc::StatusCode::UNAUTHENTICATED},
    {ErrorCode::kResourceExhausted, grpc::StatusCode::RESOURCE_EXHAUSTED},
    {ErrorCode::kFailedPrecondition, grpc::StatusCode::FAILED_PRECONDITION},
    {ErrorCode::kAborted, grpc::StatusCode::ABORTED},
    {ErrorCode::kOutOfRange, grpc::StatusCode::OUT_OF_RANGE},
    {ErrorCode::kUnavailable, grpc::StatusCode::UNAVAILABLE},
    {ErrorCode::kDataLoss, grpc::StatusCode::DATA_LOSS},
    {ErrorCode::kInternal, grpc::StatusCode::INTERNAL},
}};

constexpr std::int64_t kMostVoxels = std::int64_t{1} << 31;

void RequireTriple(const google::protobuf::RepeatedField<double>& values, const char* what) {
  Require(values.size() == 3,
          std::string("a message's ") + what + " has " + std::to_string(values.size()) + " numbers instead of 3");
  for (const double value : values)
    Require(std::isfinite(value), std::string("a message's ") + what + " is not finite");
}

Vec3 TripleFrom(const google::protobuf::RepeatedField<double>& values, int first = 0) {
  return {values.Get(first), values.Get(first + 1), values.Get(first + 2)};
}

void AddTriple(google::protobuf::RepeatedField<double>& values, Vec3 v) {
  values.Add(v.x);
  values.Add(v.y);
  values.Add(v.z);
}

}  // namespace

grpc::Status ToStatus(const Error& error) {
  for (const auto& [code, status] : kCodes) {
    if (code == error.code()) return {status, error.what(), error.next_step()};
  }
  return {grpc::StatusCode::INTERNAL, error.what(), error.next_step()};
}

grpc::Status ToStatus(const std::exception& error) {
  if (const auto* ours = dynamic_cast<const Error*>(&error)) return ToStatus(*ours);
  return {grpc::StatusCode::INTERNAL, std::string(error.what()) + " (a bug of the program; please report it)"};
}

Error ToError(const grpc::Status& status, std::string_view doing) {
  ErrorCode code = ErrorCode::kInternal;
  for (const auto& [ours, theirs] : kCodes) {
    if (theirs == status.error_code()) code = ours;
  }
  std::string what = status.error_message();
  std::string next_step = status.error_details();
  // Without details the words are gRPC's own: say what was tried.
  const bool foreign = next_step.empty() && (code == ErrorCode::kUnavailable || code == ErrorCode::kInternal ||
                                             code == ErrorCode::kDeadlineExceeded || what.empty());
  if (foreign && !doing.empty()) what = std::string(doing) + (what.empty() ? "" : ": " + what);
  return {code, what, next_step};
}

void ThrowUnlessOk(const grpc::Status& status, std::string_view doing) {
  if (!status.ok()) throw ToError(status, doing);
}

std::string ToBytes(const Digest& digest) { return {digest.bytes.begin(), digest.bytes.end()}; }

Digest DigestFromBytes(std::string_view bytes, std::string_view what) {
  Require(bytes.size() == 32,
          std::string(what) + " has a digest of " + std::to_string(bytes.size()) + " bytes instead of 32");
  Digest digest;
  for (std::size_t i = 0; i < 32; ++i) digest.bytes[i] = static_cast<std::uint8_t>(bytes[i]);
  return digest;
}

v1::UploadHeader ToMessage(const SubmissionId& id, const Digest& digest, std::uint64_t bytes) {
  v1::UploadHeader header;
  header.set_run(id.run.text());
  header.set_round(id.round.value());
  header.set_attempt(id.attempt);
  header.set_digest(ToBytes(digest));
  header.set_bytes(bytes);
  return header;
}

SubmissionId SubmissionFromMessage(const v1::UploadHeader& header, const SiteId& site) {
  Require(!header.run().empty() && header.run().size() <= 80, "an upload names no run, or its name is too long");
  Require(header.round() >= 1 && header.attempt() >= 1, "an upload's round and attempt count from 1");
  return {RunId(header.run()), RoundNumber(header.round()), site, header.attempt()};
}

DiceSummary DiceFromMessage(const v1::Evaluation& evaluation) {
  const DiceSummary dice{evaluation.dice_sum(), evaluation.cases()};
  RequireSensible(dice, "an evaluation");
  return dice;
}

v1::StudyCounts ToMessage(const StudyCounts& counts) {
  v1::StudyCounts message;
  message.set_studies(counts.studies);
  message.set_quarantined(counts.quarantined);
  for (const auto& [reason, count] : counts.reasons) (*message.mutable_reasons())[reason] = count;
  return message;
}

StudyCounts StudyCountsFromMessage(const v1::StudyCounts& message) {
  StudyCounts counts{message.studies(), message.quarantined(), {}};
  for (const auto& [reason, count] : message.reasons()) counts.reasons[reason] = count;
  counts.Validate();
  return counts;
}

v1::GridMessage ToMessage(const Geometry& geometry) {
  v1::GridMessage message;
  message.add_size(geometry.size.x);
  message.add_size(geometry.size.y);
  message.add_size(geometry.size.z);
  AddTriple(*message.mutable_spacing_mm(), geometry.spacing_mm);
  AddTriple(*message.mutable_origin_mm(), geometry.origin_mm);
  for (const Vec3& axis : geometry.direction) AddTriple(*message.mutable_direction(), axis);
  return message;
}

Geometry GeometryFromMessage(const v1::GridMessage& message) {
  Require(message.size_size() == 3 && message.direction_size() == 9, "a message's grid is incomplete");
  RequireTriple(message.spacing_mm(), "spacing");
  RequireTriple(message.origin_mm(), "origin");
  std::int64_t count = 1;
  for (const std::int64_t edge : message.size()) {
    Require(edge >= 1 && edge <= 65535, "a message's grid has an edge of " + std::to_string(edge) + " voxels");
    count *= edge;
    Require(count <= kMostVoxels, "a message's grid has too many voxels");
  }
  Geometry geometry;
  geometry.size = {message.size(0), message.size(1), message.size(2)};
  geometry.spacing_mm = TripleFrom(message.spacing_mm());
  geometry.origin_mm = TripleFrom(message.origin_mm());
  for (int axis = 0; axis < 3; ++axis) {
    geometry.direction[static_cast<std::size_t>(axis)] = TripleFrom(message.direction(), 3 * axis);
    Require(std::abs(Norm(geometry.direction[static_cast<std::size_t>(axis)]) - 1) < 1e-3,
            "a message's grid has a direction that is no unit vector");
  }
  Require(geometry.spacing_mm.x > 0 && geometry.spacing_mm.y > 0 && geometry.spacing_mm.z > 0,
          "a message's grid has a spacing that is not positive");
  return geometry;
}

v1::LabelMapMessage ToMessage(const LabelMap& map) {
  const RunLengthLabelMap runs = Encode(map);
  v1::LabelMapMessage message;
  *message.mutable_grid() = ToMessage(map.geometry);
  message.mutable_run_length()->Reserve(static_cast<int>(runs.runs.size()));
  message.mutable_run_label()->reserve(runs.runs.size());
  for (const auto& run : runs.runs) {
    message.add_run_length(run.length);
    message.mutable_run_label()->push_back(static_cast<char>(run.label));
  }
  return message;
}

LabelMap LabelMapFromMessage(const v1::LabelMapMessage& message) {
  RunLengthLabelMap runs;
  runs.geometry = GeometryFromMessage(message.grid());
  Require(static_cast<std::size_t>(message.run_length_size()) == message.run_label().size(),
          "a message's label map has another number of runs than of labels");
  runs.runs.reserve(message.run_label().size());
  for (int i = 0; i < message.run_length_size(); ++i) {
    runs.runs.push_back(
        {message.run_length(i), static_cast<std::uint8_t>(message.run_label()[static_cast<std::size_t>(i)])});
  }
  return Decode(runs);
}

v1::LesionMessage ToMessage(const Lesion& lesion) {
  v1::LesionMessage message;
  message.set_number(lesion.number);
  message.set_volume_ml(lesion.volume_ml);
  message.set_suv_max(lesion.suv_max);
  message.set_suv_mean(lesion.suv_mean);
  if (lesion.probability) message.set_probability(*lesion.probability);
  AddTriple(*message.mutable_centroid_mm(), lesion.centroid_mm);
  return message;
}

Lesion LesionFromMessage(const v1::LesionMessage& message) {
  RequireTriple(message.centroid_mm(), "lesion centroid");
  Require(message.number() >= 1 && message.number() <= 255, "a message's lesion number is not between 1 and 255");
  Lesion lesion;
  lesion.number = static_cast<int>(message.number());
  lesion.volume_ml = message.volume_ml();
  lesion.suv_max = message.suv_max();
  lesion.suv_mean = message.suv_mean();
  if (message.has_probability()) lesion.probability = message.probability();
  lesion.centroid_mm = TripleFrom(message.centroid_mm());
  return lesion;
}

}  // namespace consilium
