// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <string>

#include "backend/formats/pretokenizer_pattern.h"
#include "backend/formats/tokenizer_json.h"

namespace interleave {

/// {"String": …} or {"Regex": …}, as Split and Replace have it. BadInput when the expression cannot be used.
Pattern readPattern(const JsonField& field);

/// The settings that the Metaspace pre-tokenizer and decoder share.
struct Metaspace {
  enum class Scheme { First, Never, Always };
  std::string replacement;  ///< One code point.
  Scheme scheme = Scheme::Always;
  bool split = true;
};
Metaspace readMetaspace(const JsonField& field);

}  // namespace interleave
