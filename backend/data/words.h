// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "backend/core/random.h"

namespace interleave {

/// Words, numbers and codes to hide and to ask for. Those of one call differ from each other, and since no word of the
/// lists is part of another (resources/words/), none is part of another either.

/// Common English words in a drawn order; when there are no more of them, pairs ("brisk-lantern").
std::vector<std::string> distinctWords(Random& random, std::size_t count);
/// Adjective and noun: "brisk-lantern".
std::vector<std::string> distinctKeys(Random& random, std::size_t count);
/// Decimal numbers of so many digits; the first is not 0.
std::vector<std::string> distinctNumbers(Random& random, std::size_t count, int digits);
/// Random UUIDs (RFC 9562, version 4).
std::vector<std::string> distinctUuids(Random& random, std::size_t count);
/// Letters of the alphabet that begins with `first`, 'a' or 'A'.
std::vector<std::string> distinctCodes(Random& random, std::size_t count, int letters, char first);

/// Common English words, which may come again.
std::vector<std::string> anyWords(Random& random, std::size_t count);

}  // namespace interleave
