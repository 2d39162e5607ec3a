// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <span>

#include "backend/search/method.h"

namespace interleave {

/// Gradient searches over a mixture of operators in each layer: one engine, two methods.
void checkGateSearch(const Settings& settings);  ///< Usage error; see Method::check.

/// DASH (arXiv 2605.20936), re-implemented from its published outline.
std::span<const SettingSpec> dashSettings();
void runDash(const MethodInput& input, MethodContext& context);

/// FlashMorph's gates (arXiv 2606.30562), after a digest of the paper.
std::span<const SettingSpec> flashMorphSettings();
void runFlashMorph(const MethodInput& input, MethodContext& context);

}  // namespace interleave
