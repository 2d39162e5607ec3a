// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

namespace interleave {

/// First call of a program's main(), for a process that computes beside a window and other programs:
/// - MKL uses the threads that it is given. By itself it sometimes takes fewer, and sums in another order then: a run
///   that was gone on with differed in the last bit from one that was never stopped.
/// - OpenMP's threads sleep while they wait, after the shortest of spins. OpenMP reads the policy when it is loaded,
///   which is before main(), so the program replaces itself once with the variable set; it goes on as it is where the
///   user has chosen a policy, or where that does not work.
/// - Freed tensors stay with the process, for the next step wants the same again: glibc would return the larger ones,
///   and the system clear every page of the new ones, each time. The price: memory goes back only from the heap's end
///   (where more than 512 MiB are free), so the process stays about as large as it has been; all threads share one
///   heap.
void prepareProcess(char** argv);

}  // namespace interleave
