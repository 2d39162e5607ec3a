// SPDX-License-Identifier: GPL-3.0-or-later
#include "backend/model/rotary.h"

#include <ATen/ATen.h>

#include <algorithm>
#include <bit>
#include <cmath>
#include <numbers>

namespace interleave {
namespace {

constexpr double kTwoPi = 2 * std::numbers::pi;

at::Tensor llama3Frequencies(const at::Tensor& plain, const RopeScaling& scaling) {
  const at::Tensor wavelength = kTwoPi / plain;
  const double longest = scaling.original_context / scaling.low_freq_factor;
  const double shortest = scaling.original_context / scaling.high_freq_factor;
  const at::Tensor smooth = (scaling.original_context / wavelength - scaling.low_freq_factor) /
                            (scaling.high_freq_factor - scaling.low_freq_factor);
  const at::Tensor between = (1 - smooth) * plain / scaling.factor + smooth * plain;
  return at::where(wavelength > longest, plain / scaling.factor, at::where(wavelength < shortest, plain, between));
}

/// The dimensions between which YaRN goes over from the plain frequencies to the interpolated ones.
std::pair<double, double> yarnRange(const RopeScaling& scaling, double theta, double dim) {
  const auto dimensionOf = [&](double rotations) {
    return dim * std::log(scaling.original_context / (rotations * kTwoPi)) / (2 * std::log(theta));
  };
  double low = dimensionOf(scaling.beta_fast), high = dimensionOf(scaling.beta_slow);
  if (scaling.truncate) {
    low = std::floor(low);
    high = std::ceil(high);
  }
  low = std::max(low, 0.0);
  high = std::min(high, dim - 1);
  return {low, low == high ? high + 0.001 : high};
}

at::Tensor yarnFrequencies(const at::Tensor& powers, const RopeScaling& scaling, double theta) {
  const std::int64_t half = powers.numel();
  const auto [low, high] = yarnRange(scaling, theta, static_cast<double>(2 * half));
  const at::Tensor ramp = ((at::arange(half, at::kFloat) - low) / (high - low)).clamp(0, 1);
  const at::Tensor plain_share = 1 - ramp;
  return 1.0 / (scaling.factor * powers) * (1 - plain_share) + 1.0 / powers * plain_share;
}

double yarnAttentionFactor(const RopeScaling& scaling) {
  if (scaling.attention_factor != 0) return scaling.attention_factor;
  const auto scale = [&](double mscale) {
    return scaling.factor <= 1 ? 1.0 : 0.1 * mscale * std::log(scaling.factor) + 1.0;
  };
  if (scaling.mscale != 0 && scaling.mscale_all_dim != 0) return scale(scaling.mscale) / scale(scaling.mscale_all_dim);
  return scale(1);
}

}  // namespace

RotaryTable::RotaryTable(const ModelConfig& config, bool local, at::Device device) {
  const double theta = local ? config.local_rope_theta : config.rope_theta;
  const at::Tensor powers =
      at::pow(at::Scalar(theta), at::arange(0, config.head_dim, 2, at::kLong).to(at::kFloat) / config.head_dim);
  at::Tensor frequencies = 1.0 / powers;
  if (!local) {
    const RopeScaling& scaling = config.rope_scaling;
    switch (scaling.kind) {
      case RopeScaling::Kind::None:
        break;
      case RopeScaling::Kind::Linear:
        frequencies = frequencies / scaling.factor;
        break;
      case RopeScaling::Kind::Llama3:
        frequencies = llama3Frequencies(frequencies, scaling);
        break;
      case RopeScaling::Kind::Yarn:
        frequencies = yarnFrequencies(powers, scaling, theta);
        attention_factor_ = yarnAttentionFactor(scaling);
        break;
    }
    if (!config.rope_factors.empty()) frequencies = frequencies / at::tensor(at::ArrayRef<float>(config.rope_factors));
  }
  inverse_frequencies_ = frequencies.to(device);
}

Rotary RotaryTable::slice(std::int64_t first, std::int64_t count) const {
  const std::int64_t needed = first + count;
  const std::lock_guard lock(mutex_);
  if (!table_.cos.defined() || table_.cos.size(0) < needed) {
    const auto rows =
        static_cast<std::int64_t>(std::bit_ceil(static_cast<std::uint64_t>(std::max<std::int64_t>(needed, 512))));
    const at::Tensor positions = at::arange(rows, inverse_frequencies_.options());
    const at::Tensor angles = positions.unsqueeze(1) * inverse_frequencies_;
    table_ = {angles.cos() * attention_factor_, angles.sin() * attention_factor_};
  }
  return {table_.cos.narrow(0, first, count), table_.sin.narrow(0, first, count)};
}

}  // namespace interleave
