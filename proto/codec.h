// SPDX-FileCopyrightText: The Consilium authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <grpcpp/support/status.h>

#include <exception>
#include <string>
#include <string_view>

#include "core/base/digest.h"
#include "core/base/error.h"
#include "core/data/geometry.h"
#include "core/data/label_map.h"
#include "core/data/lesion.h"
#include "core/data/study_counts.h"
#include "core/model/metrics.h"
#include "core/model/model_update.h"
#include "proto/panel.pb.h"
#include "proto/site.pb.h"

namespace consilium {

// The only place that turns messages into core values and back. A message from the wire is checked here: what comes out
// of a From... function is a valid value, or Error(kInvalidArgument) was thrown.

// The protocol that this program speaks; it also understands the one before.
inline constexpr std::uint32_t kProtocolVersion = 1;

// Failures. Error codes map one to one to gRPC's; the message is `what()`, the status details are `next_step()`.
grpc::Status ToStatus(const Error& error);
grpc::Status ToStatus(const std::exception& error);  // an Error as above; anything else is INTERNAL, "a bug"
// `doing` begins the text when the other side could not be reached: "cannot reach the hub at 10.0.0.1:443".
Error ToError(const grpc::Status& status, std::string_view doing);
void ThrowUnlessOk(const grpc::Status& status, std::string_view doing);

// Digests travel as 32 raw bytes.
std::string ToBytes(const Digest& digest);
Digest DigestFromBytes(std::string_view bytes, std::string_view what);

// The site is the certificate's, never the message's.
v1::UploadHeader ToMessage(const SubmissionId& id, const Digest& digest, std::uint64_t bytes);
SubmissionId SubmissionFromMessage(const v1::UploadHeader& header, const SiteId& site);

DiceSummary DiceFromMessage(const v1::Evaluation& evaluation);  // 0 <= sum <= cases

v1::StudyCounts ToMessage(const StudyCounts& counts);
StudyCounts StudyCountsFromMessage(const v1::StudyCounts& message);

v1::GridMessage ToMessage(const Geometry& geometry);
Geometry GeometryFromMessage(const v1::GridMessage& message);
v1::LabelMapMessage ToMessage(const LabelMap& map);
LabelMap LabelMapFromMessage(const v1::LabelMapMessage& message);  // at most 2^31 voxels
v1::LesionMessage ToMessage(const Lesion& lesion);
Lesion LesionFromMessage(const v1::LesionMessage& message);

}  // namespace consilium
