// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "backend/formats/tokenizer_json.h"

namespace interleave {

/// A step of tokenizer.json's "decoder": from tokens to text, in place.
using DecodeStep = std::function<void(std::vector<std::string>&)>;

/// The steps of a decoder; BadInput names what is not supported. None for null: the tokens are joined by spaces.
std::vector<DecodeStep> readDecoder(const JsonField& decoder);

}  // namespace interleave
