// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include "kernels/gated_delta_rule.h"

namespace interleave::kernels::reference {

/// The recurrence, token by token, as it is written: the definition that everything else is tested against. Arguments
/// and result as those of kernels::gatedDeltaRule; slow, differentiable, any device.
DeltaRuleResult recurrentDeltaRule(const at::Tensor& q, const at::Tensor& k, const at::Tensor& v, const at::Tensor& g,
                                   const at::Tensor& beta, const std::optional<at::Tensor>& initial_state = {},
                                   const DeltaRuleOptions& options = {});

/// The chunkwise WY form in plain ATen operations: differentiable, any device; what runs where there is no kernel, and
/// the baseline that the kernels' speed is quoted against.
DeltaRuleResult chunkwiseDeltaRule(const at::Tensor& q, const at::Tensor& k, const at::Tensor& v, const at::Tensor& g,
                                   const at::Tensor& beta, const std::optional<at::Tensor>& initial_state = {},
                                   const DeltaRuleOptions& options = {}, std::int64_t chunk = 64);

}  // namespace interleave::kernels::reference
