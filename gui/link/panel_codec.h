// SPDX-FileCopyrightText: The Consilium authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <memory>

#include "gui/model/case_content.h"
#include "gui/model/federation_view.h"
#include "proto/panel.pb.h"

namespace consilium {

// Panel messages as the presenters' values. What comes from the wire is checked here: Error(kInvalidArgument).

FederationView FederationFromMessage(const v1::FederationState& message);
FederationView StateFromMessage(const v1::PanelState& message);
CaseItem ItemFromMessage(const v1::CaseSummary& message);
CaseContent ContentFromMessage(const v1::CaseReply& message);
// The voxels of whole slices of `rows` * `columns`.
Slab SlabFromMessage(const v1::ImageSlab& message, const std::string& id, const ImageHeader& header);

// A FederationState as protobuf's JSON (what `consilium-hub run show --json` prints). Throws Error(kNotFound,
// kInvalidArgument).
FederationView ReadStateFile(const std::filesystem::path& file);

}  // namespace consilium
