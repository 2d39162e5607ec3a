// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <string>
#include <vector>

#include "backend/search/method.h"

namespace interleave {

/// Healing: the hybrid of a placement is trained until it speaks like the teacher again (the last stage of Zebra-Llama,
/// arXiv 2505.17272, of KL-LS, arXiv 2512.20569, and of most others), by KL(teacher ‖ hybrid) of the next-token
/// distributions on text and, if asked for, at the answers of retrieval prompts. A run as those of methods are, with a
/// cost of its own; it selects nothing, and is not among methods(). What it makes is a folder: see HealFolder and
/// StoredHybrid.
const Method& healing();

/// A method, or healing. Usage error with the nearest known name.
const Method& runMethodNamed(const std::string& name);

/// The operators that a run of these settings is about: those of a search, or of the placement to be healed and full
/// attention.
std::vector<MixerKind> operatorsOf(const Settings& settings);

}  // namespace interleave
