// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <cstddef>
#include <functional>
#include <string>
#include <vector>

#include "backend/formats/tokenizer_json.h"

namespace interleave {

/// A step of tokenizer.json's "decoder": from tokens to text, in place. std::length_error where what the file puts
/// into them would make more than `most` bytes.
using DecodeStep = std::function<void(std::vector<std::string>&, std::size_t most)>;

/// The steps of a decoder; BadInput names what is not supported. None for null: the tokens are joined by spaces.
std::vector<DecodeStep> readDecoder(const JsonField& decoder);

}  // namespace interleave
