// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

namespace interleave {

/// First call of a program's main(): sees to it that OpenMP's threads sleep while they wait, after the shortest of
/// spins, so that the window and other programs get the processor. OpenMP reads the policy when it is loaded, which is
/// before main(), so the program replaces itself once with the variable set; it goes on as it is where the user has
/// chosen a policy, or where that does not work.
void waitPassively(char** argv);

}  // namespace interleave
