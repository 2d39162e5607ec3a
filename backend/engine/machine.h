// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <string>

namespace interleave {

/// "interleave 0.1.0".
std::string programVersion();

/// The machine that this process runs on: "AMD EPYC 9654, 2 cores, 7.8 GiB". What the system does not tell is left out.
std::string machineText();

}  // namespace interleave
