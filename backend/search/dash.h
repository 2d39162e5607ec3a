// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <span>
#include <vector>

#include "backend/search/method.h"

namespace interleave {

/// DASH (arXiv 2605.20936), re-implemented from its published outline.
std::span<const SettingSpec> dashSettings();
void checkDash(const Settings& settings);  ///< Usage error; see Method::check.
void runDash(const MethodInput& input, MethodContext& context);

}  // namespace interleave
