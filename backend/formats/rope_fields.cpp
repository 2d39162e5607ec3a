// SPDX-License-Identifier: GPL-3.0-or-later
#include "backend/formats/rope_fields.h"

#include <string>

#include "backend/formats/checked.h"
#include "backend/formats/config_limits.h"

namespace interleave {

RopeScaling ropeScalingIn(const ConfigFields& rope, int context, std::optional<double> original) {
  const std::string type = rope.text(rope.has("rope_type") ? "rope_type" : "type", "default");
  if (rope.real("partial_rotary_factor", 0, 1, 1) != 1) {
    rope.refuse("partial_rotary_factor", "other than 1 is not supported");
  }
  RopeScaling scaling;
  if (type == "default") return scaling;
  constexpr double kMost = 1e9;
  const auto originalContext = [&] {
    return original ? *original : rope.real("original_max_position_embeddings", 1, kMost, context);
  };
  if (type == "linear") {
    scaling.kind = RopeScaling::Kind::Linear;
    scaling.factor = rope.real("factor", kLeastFactor, kMostFactor);
  } else if (type == "llama3") {
    scaling.kind = RopeScaling::Kind::Llama3;
    scaling.factor = rope.real("factor", kLeastFactor, kMostFactor);
    scaling.low_freq_factor = rope.real("low_freq_factor", kLeastFactor, kMostFactor);
    scaling.high_freq_factor = rope.real("high_freq_factor", kLeastFactor, kMostFactor);
    scaling.original_context = originalContext();
    if (scaling.high_freq_factor <= scaling.low_freq_factor) {
      rope.refuse("high_freq_factor", "is not above low_freq_factor");
    }
  } else if (type == "yarn") {
    scaling.kind = RopeScaling::Kind::Yarn;
    scaling.original_context = originalContext();
    scaling.factor = rope.real("factor", kLeastFactor, kMostFactor, context / scaling.original_context);
    scaling.attention_factor = rope.real("attention_factor", kLeastFactor, kMostFactor, 0);  // Not 0: derived.
    const double beta_fast = rope.real("beta_fast", 0, kMost, 0), beta_slow = rope.real("beta_slow", 0, kMost, 0);
    if (beta_fast != 0) scaling.beta_fast = beta_fast;
    if (beta_slow != 0) scaling.beta_slow = beta_slow;
    scaling.mscale = rope.real("mscale", 0, kMostFactor, 0);
    scaling.mscale_all_dim = rope.real("mscale_all_dim", 0, kMostFactor, 0);
    scaling.truncate = rope.flag("truncate", true);
  } else {
    rope.refuse("rope_type", inQuotes(type) + " is not supported; default, linear, llama3 and yarn are");
  }
  return scaling;
}

}  // namespace interleave
