// SPDX-License-Identifier: GPL-3.0-or-later
#include "backend/data/text_source.h"

#include <algorithm>
#include <cmath>
#include <fstream>
#include <iterator>
#include <utility>

#include "backend/core/digest.h"
#include "backend/core/error.h"
#include "backend/core/random.h"
#include "resources/resources.h"

namespace interleave {
namespace {

constexpr std::size_t kSampleBytes = 1 << 16;
constexpr std::size_t kMostBytes = std::size_t{1} << 30;

std::string readText(const std::string& file, std::string_view bundled) {
  if (file.empty()) return std::string(resource(bundled));
  std::ifstream stream(file, std::ios::binary | std::ios::ate);
  if (!stream) throw badInput(file, {}, "the text cannot be read");
  const auto size = static_cast<std::size_t>(stream.tellg());
  if (size > kMostBytes) throw badInput(file, {}, "the text is larger than 1 GiB");
  stream.seekg(0);
  std::string text(size, '\0');
  if (!stream.read(text.data(), static_cast<std::streamsize>(size)))
    throw badInput(file, {}, "the text cannot be read");
  return text;
}

/// The first place at or after `from` where a word begins, so that a sequence does not start inside one. Scripts
/// without spaces have none near: then where a character begins.
std::size_t wordStart(std::string_view text, std::size_t from) {
  if (from == 0) return 0;
  constexpr std::size_t kFarthest = 64;
  const std::size_t space = text.substr(from, kFarthest).find_first_of(" \n");
  if (space != std::string_view::npos) return from + space + 1;
  const auto continues = [](char byte) { return (static_cast<unsigned char>(byte) & 0xC0) == 0x80; };
  while (from < text.size() && continues(text[from])) ++from;
  return from;
}

}  // namespace

TextSource::TextSource(std::shared_ptr<const Tokenizer> tokenizer, std::string text, std::int64_t length,
                       std::uint64_t seed)
    : tokenizer_(std::move(tokenizer)), text_(std::move(text)), length_(length) {
  const std::string_view sample = std::string_view(text_).substr(0, kSampleBytes);
  const std::size_t tokens = std::max<std::size_t>(1, tokenizer_->encode(sample).size());
  bytes_per_token_ = std::max(1.0, static_cast<double>(sample.size()) / static_cast<double>(tokens));
  // A tenth more than the average, so that most sequences need no look beyond their own part.
  const auto step = static_cast<std::size_t>(std::ceil(1.1 * bytes_per_token_ * static_cast<double>(length_)));
  for (std::size_t from = 0; from + step <= text_.size(); from += step) starts_.push_back(wordStart(text_, from));
  if (starts_.empty()) {
    throw usageError("text", "it is too short for a sequence of " + std::to_string(length_) + " tokens");
  }
  Random(seed).shuffle(starts_);
}

std::string_view TextSource::passage(std::int64_t index) const {
  const std::size_t start = starts_[static_cast<std::size_t>(index % count())];
  const auto bytes = static_cast<std::size_t>(1.5 * bytes_per_token_ * static_cast<double>(length_));
  return std::string_view(text_).substr(start, bytes);
}

std::vector<std::int32_t> TextSource::sequence(std::int64_t index) const {
  const std::size_t start = starts_[static_cast<std::size_t>(index % count())];
  auto bytes = static_cast<std::size_t>(1.25 * bytes_per_token_ * static_cast<double>(length_));
  std::vector<std::int32_t> ids;
  for (;; bytes *= 2) {  // until there are enough tokens, or the text has been read round
    std::string part = text_.substr(start, bytes);
    if (part.size() < bytes) part += text_.substr(0, std::min(start, bytes - part.size()));
    ids = tokenizer_->encode(part, SpecialTokens::Add);
    if (static_cast<std::int64_t>(ids.size()) > length_ || bytes > 2 * text_.size()) break;
  }
  if (static_cast<std::int64_t>(ids.size()) < length_) {
    throw usageError("text", "it is too short for a sequence of " + std::to_string(length_) + " tokens");
  }
  ids.resize(static_cast<std::size_t>(length_));
  return ids;
}

std::string calibrationText(const std::string& file) { return readText(file, "text/calibration.txt"); }
std::string heldOutText(const std::string& file) { return readText(file, "text/heldout.txt"); }

std::string textDigest(const std::string& text) {
  Digest digest;
  digest.add(text);
  return digest.text();
}

}  // namespace interleave
