// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <optional>

#include "backend/formats/config_fields.h"
#include "backend/formats/model_config.h"

namespace interleave {

/// The rotary scaling in an object of a config.json: `rope_type`, or the older `type`, and what goes with it.
/// `original` is the original context where it stands elsewhere. BadInput names a kind that is not supported.
RopeScaling ropeScalingIn(const ConfigFields& rope, int context, std::optional<double> original);

}  // namespace interleave
