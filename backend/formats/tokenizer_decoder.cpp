// SPDX-License-Identifier: GPL-3.0-or-later
#include "backend/formats/tokenizer_decoder.h"

#include <charconv>
#include <optional>

#include "backend/formats/pretokenizer.h"
#include "backend/formats/pretokenizer_json.h"
#include "backend/formats/unicode.h"

namespace interleave {
namespace {

constexpr int kNesting = 16;

std::string joined(const std::vector<std::string>& tokens, std::string_view between) {
  std::string text;
  for (std::size_t i = 0; i < tokens.size(); ++i) {
    if (i > 0) text += between;
    text += tokens[i];
  }
  return text;
}

DecodeStep eachToken(std::function<void(std::string_view, std::size_t, BoundedText&)> map) {
  return [map = std::move(map)](std::vector<std::string>& tokens, std::size_t most) {
    for (std::size_t i = 0; i < tokens.size(); ++i) {
      BoundedText out(most);
      map(tokens[i], i, out);
      most -= out.size();
      tokens[i] = out.take();
    }
  };
}

void replace(const Pattern& pattern, std::string_view token, std::string_view content, BoundedText& out) {
  pattern.parts(token, [&](std::size_t begin, std::size_t end, bool match) {
    out += match ? content : token.substr(begin, end - begin);
  });
}

void byteLevel(std::vector<std::string>& tokens, std::size_t) {
  std::string bytes;
  for (const std::string& token : tokens) {
    std::string spelled;
    bool is_spelling = true;
    for (std::size_t at = 0; at < token.size() && is_spelling;) {
      const auto [code, size] = unicode::first(std::string_view(token).substr(at));
      const int byte = byteLevelByte(code);
      is_spelling = byte >= 0;
      spelled += static_cast<char>(byte);
      at += size;
    }
    bytes += is_spelling ? spelled : token;  // An added token may be written as it is.
  }
  tokens = {unicode::validUtf8(bytes)};
}

std::optional<char> byteOf(const std::string& token) {
  if (token.size() != 6 || !token.starts_with("<0x") || token.back() != '>') return std::nullopt;
  unsigned char byte = 0;
  const auto [end, error] = std::from_chars(token.data() + 3, token.data() + 5, byte, 16);
  if (error != std::errc() || end != token.data() + 5) return std::nullopt;
  return static_cast<char>(byte);
}

/// Runs of byte tokens become their text, or one U+FFFD a byte when they are no text.
void byteFallback(std::vector<std::string>& tokens, std::size_t) {
  std::vector<std::string> out;
  std::string run;
  const auto flush = [&] {
    if (run.empty()) return;
    if (unicode::isValidUtf8(run)) {
      out.push_back(run);
    } else {
      out.insert(out.end(), run.size(), "\xEF\xBF\xBD");
    }
    run.clear();
  };
  for (const std::string& token : tokens) {
    if (const auto byte = byteOf(token)) {
      run += *byte;
    } else {
      flush();
      out.push_back(token);
    }
  }
  flush();
  tokens = std::move(out);
}

std::string_view stripped(std::string_view token, std::string_view content, std::int64_t start, std::int64_t stop) {
  for (; start > 0 && token.starts_with(content); --start) token.remove_prefix(content.size());
  for (; stop > 0 && token.ends_with(content); --stop) token.remove_suffix(content.size());
  return token;
}

void appendDecoder(const JsonField& field, std::vector<DecodeStep>& steps, int depth) {
  const std::string type = field.at("type").text();
  if (type == "Sequence") {
    if (depth == kNesting) throw field.error("is nested too deeply");
    for (const JsonField& element : field.at("decoders").elements()) appendDecoder(element, steps, depth + 1);
  } else if (type == "ByteLevel") {
    steps.emplace_back(byteLevel);
  } else if (type == "ByteFallback") {
    steps.emplace_back(byteFallback);
  } else if (type == "Fuse") {
    steps.emplace_back([](std::vector<std::string>& tokens, std::size_t) { tokens = {joined(tokens, "")}; });
  } else if (type == "Replace") {
    steps.push_back(eachToken(
        [pattern = readPattern(field.at("pattern")), content = field.at("content").text()](
            std::string_view token, std::size_t, BoundedText& out) { replace(pattern, token, content, out); }));
  } else if (type == "Strip") {
    const std::string content = field.at("content").text();
    if (unicode::length(content) != 1) throw field.at("content").error("is not one character");
    const auto start = field.at("start").integer(0, INT32_MAX), stop = field.at("stop").integer(0, INT32_MAX);
    steps.push_back(eachToken(
        [=](std::string_view token, std::size_t, BoundedText& out) { out += stripped(token, content, start, stop); }));
  } else if (type == "Metaspace") {
    const Metaspace metaspace = readMetaspace(field);
    const bool prepends = metaspace.scheme != Metaspace::Scheme::Never;
    steps.push_back(eachToken([pattern = Pattern::literal(metaspace.replacement), prepends](
                                  std::string_view token, std::size_t i, BoundedText& out) {
      replace(pattern, token, prepends && i == 0 ? "" : " ", out);
    }));
  } else {
    throw field.error("decoder \"" + type + "\" is not supported");
  }
}

}  // namespace

std::vector<DecodeStep> readDecoder(const JsonField& decoder) {
  std::vector<DecodeStep> steps;
  if (decoder.value().is_null()) {
    steps.emplace_back([](std::vector<std::string>& tokens, std::size_t) { tokens = {joined(tokens, " ")}; });
  } else {
    appendDecoder(decoder, steps, 0);
  }
  return steps;
}

}  // namespace interleave
