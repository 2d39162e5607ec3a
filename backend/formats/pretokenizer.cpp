// SPDX-License-Identifier: GPL-3.0-or-later
#include "backend/formats/pretokenizer.h"

#include <algorithm>
#include <array>
#include <memory>
#include <stdexcept>

#include "backend/formats/pretokenizer_json.h"
#include "backend/formats/pretokenizer_pattern.h"
#include "backend/formats/unicode.h"

namespace interleave {
namespace {

constexpr int kNesting = 16;  // Of Sequence in Sequence; real files have one level.

// Normalisation makes 11 bytes of one at most, and spelling bytes out doubles them.
constexpr std::size_t kMostTextBytes = std::size_t{64} << 10, kMostGrowth = 64;

struct ByteLevelTable {
  std::array<std::string, 256> spelling;
  std::array<int, 0x144> byte;
  ByteLevelTable() {
    byte.fill(-1);
    char32_t spare = 0x100;
    for (unsigned b = 0; b < 256; ++b) {
      const bool printable = (b >= '!' && b <= '~') || (b >= 0xA1 && b <= 0xAC) || b >= 0xAE;
      const char32_t code = printable ? b : spare++;
      unicode::append(spelling[b], code);
      byte[code] = static_cast<int>(b);
    }
  }
};
const ByteLevelTable& byteLevelTable() {
  static const ByteLevelTable table;
  return table;
}

enum class Behaviour { Removed, Isolated, MergedWithPrevious, MergedWithNext, Contiguous };

Behaviour readBehaviour(const JsonField& field) {
  const std::string word = field.text();
  if (word == "Removed") return Behaviour::Removed;
  if (word == "Isolated") return Behaviour::Isolated;
  if (word == "MergedWithPrevious") return Behaviour::MergedWithPrevious;
  if (word == "MergedWithNext") return Behaviour::MergedWithNext;
  if (word == "Contiguous") return Behaviour::Contiguous;
  throw field.error("\"" + word + "\" is not a known behaviour");
}

struct Part {
  std::size_t begin, end;
  bool match;
};

/// `tokenizers`' NormalizedString::split: which neighbouring parts become one piece.
void cutParts(const std::vector<Part>& parts, Behaviour behaviour, const Pieces::Add& add) {
  const auto merged = [&](auto joins) {
    for (std::size_t i = 0; i < parts.size();) {
      std::size_t end = i + 1;
      while (end < parts.size() && joins(parts[end - 1].match, parts[end].match)) ++end;
      add(parts[i].begin, parts[end - 1].end);
      i = end;
    }
  };
  switch (behaviour) {
    case Behaviour::Removed:
      for (const Part& part : parts) {
        if (!part.match) add(part.begin, part.end);
      }
      break;
    case Behaviour::Isolated:
      merged([](bool, bool) { return false; });
      break;
    case Behaviour::MergedWithPrevious:
      merged([](bool before, bool after) { return !before && after; });
      break;
    case Behaviour::MergedWithNext:
      merged([](bool before, bool after) { return before && !after; });
      break;
    case Behaviour::Contiguous:
      merged([](bool before, bool after) { return before == after; });
      break;
  }
}

TextStep splitStep(Pattern pattern, Behaviour behaviour, bool invert) {
  return [pattern = std::move(pattern), behaviour, invert](Pieces& pieces) {
    std::vector<Part> parts;
    pieces.split([&](std::string_view piece, const Pieces::Add& add) {
      parts.clear();
      pattern.parts(piece, [&](std::size_t begin, std::size_t end, bool match) {
        parts.push_back({begin, end, match != invert});
      });
      cutParts(parts, behaviour, add);
    });
  };
}

TextStep mapStep(std::function<std::string(std::string_view)> map) {
  return [map = std::move(map)](Pieces& pieces) {
    pieces.rewrite([&](std::string_view piece, bool, BoundedText& out) { out += map(piece); });
  };
}

TextStep replaceStep(Pattern pattern, std::string content) {
  return [pattern = std::move(pattern), content = std::move(content)](Pieces& pieces) {
    pieces.rewrite([&](std::string_view piece, bool, BoundedText& out) {
      pattern.parts(piece, [&](std::size_t begin, std::size_t end, bool match) {
        out += match ? std::string_view(content) : piece.substr(begin, end - begin);
      });
    });
  };
}

enum class Prepend { Always, UnlessThere, AtStartUnlessThere };

TextStep prependStep(std::string prefix, Prepend when) {
  return [prefix = std::move(prefix), when](Pieces& pieces) {
    pieces.rewrite([&](std::string_view piece, bool opens_input, BoundedText& out) {
      const bool missing = when == Prepend::Always || !piece.starts_with(prefix);
      if (missing && (when != Prepend::AtStartUnlessThere || opens_input)) out += prefix;
      out += piece;
    });
  };
}

TextStep byteLevelStep() {
  return [](Pieces& pieces) {
    pieces.rewrite([](std::string_view piece, bool, BoundedText& out) {
      for (const char c : piece) out += byteLevelSpelling(static_cast<unsigned char>(c));
    });
  };
}

TextStep normalisedStep(unicode::Form form) {
  return mapStep([form](std::string_view piece) { return unicode::normalised(piece, form); });
}

void appendNormalizer(const JsonField& field, TextSteps& steps, int depth) {
  const std::string type = field.at("type").text();
  if (type == "Sequence") {
    if (depth == kNesting) throw field.error("is nested too deeply");
    for (const JsonField& element : field.at("normalizers").elements()) appendNormalizer(element, steps, depth + 1);
  } else if (type == "NFC") {
    steps.push_back(normalisedStep(unicode::Form::Nfc));
  } else if (type == "NFD") {
    steps.push_back(normalisedStep(unicode::Form::Nfd));
  } else if (type == "NFKC") {
    steps.push_back(normalisedStep(unicode::Form::Nfkc));
  } else if (type == "NFKD") {
    steps.push_back(normalisedStep(unicode::Form::Nfkd));
  } else if (type == "Lowercase") {
    steps.push_back(mapStep(unicode::lowercase));
  } else if (type == "Strip") {
    const bool left = field.flag("strip_left", true), right = field.flag("strip_right", true);
    steps.emplace_back([left, right](Pieces& pieces) { pieces.strip(left, right); });
  } else if (type == "Prepend") {
    steps.push_back(prependStep(field.at("prepend").text(), Prepend::Always));
  } else if (type == "Replace") {
    steps.push_back(replaceStep(readPattern(field.at("pattern")), field.at("content").text()));
  } else if (type == "ByteLevel") {
    steps.push_back(byteLevelStep());
  } else {
    throw field.error("normalizer \"" + type + "\" is not supported");
  }
}

void appendMetaspace(const JsonField& field, TextSteps& steps) {
  const Metaspace metaspace = readMetaspace(field);
  steps.push_back(replaceStep(Pattern::literal(" "), metaspace.replacement));
  if (metaspace.scheme == Metaspace::Scheme::Always) {
    steps.push_back(prependStep(metaspace.replacement, Prepend::UnlessThere));
  } else if (metaspace.scheme == Metaspace::Scheme::First) {
    steps.push_back(prependStep(metaspace.replacement, Prepend::AtStartUnlessThere));
  }
  if (metaspace.split) {
    steps.push_back(splitStep(Pattern::literal(metaspace.replacement), Behaviour::MergedWithNext, false));
  }
}

void appendPreTokenizer(const JsonField& field, TextSteps& steps, int depth) {
  const std::string type = field.at("type").text();
  if (type == "Sequence") {
    if (depth == kNesting) throw field.error("is nested too deeply");
    for (const JsonField& element : field.at("pretokenizers").elements()) {
      appendPreTokenizer(element, steps, depth + 1);
    }
  } else if (type == "Split") {
    steps.push_back(
        splitStep(readPattern(field.at("pattern")), readBehaviour(field.at("behavior")), field.flag("invert", false)));
  } else if (type == "ByteLevel") {
    if (field.flag("add_prefix_space", true)) steps.push_back(prependStep(" ", Prepend::UnlessThere));
    if (field.flag("use_regex", true)) {
      steps.push_back(splitStep(Pattern::regex(kGpt2Pattern), Behaviour::Isolated, false));
    }
    steps.push_back(byteLevelStep());
  } else if (type == "Digits") {
    const bool single = field.flag("individual_digits", false);
    steps.push_back(splitStep(Pattern::regex(R"(\p{N})"), single ? Behaviour::Isolated : Behaviour::Contiguous, false));
  } else if (type == "Metaspace") {
    appendMetaspace(field, steps);
  } else if (type == "WhitespaceSplit") {
    steps.push_back(splitStep(Pattern::regex(R"(\s)"), Behaviour::Removed, false));
  } else if (type == "Punctuation") {
    const Behaviour behaviour = field.has("behavior") ? readBehaviour(field.at("behavior")) : Behaviour::Isolated;
    steps.push_back(splitStep(Pattern::regex(R"([!-/:-@\[-`{-~\p{P}])"), behaviour, false));
  } else if (type == "CharDelimiterSplit") {
    steps.push_back(splitStep(Pattern::literal(field.at("delimiter").text()), Behaviour::Removed, false));
  } else {
    throw field.error("pre-tokenizer \"" + type + "\" is not supported");
  }
}

}  // namespace

void BoundedText::tooLong() const {
  throw std::length_error("makes too much of a text: more than the " + std::to_string(most_) + " bytes that it may");
}

std::size_t mostBytesOf(std::size_t bytes) { return std::max(kMostTextBytes, kMostGrowth * bytes); }

Pieces::Pieces(std::string text, bool opens_input, std::size_t most)
    : text_(std::move(text)), opens_input_(opens_input), most_(most) {
  if (!text_.empty()) spans_.push_back({0, text_.size()});
}

void Pieces::split(const std::function<void(std::string_view, const Add&)>& cut) {
  std::vector<Span> spans;
  spans.reserve(spans_.size());
  std::size_t origin = 0;
  const Add add = [&](std::size_t begin, std::size_t end) {
    if (begin < end) spans.push_back({origin + begin, origin + end});
  };
  for (const Span& span : spans_) {
    origin = span.begin;
    cut((*this)[span], add);
  }
  spans_ = std::move(spans);
}

void Pieces::rewrite(const std::function<void(std::string_view, bool, BoundedText&)>& write) {
  BoundedText text(most_);
  text.reserve(text_.size());
  std::vector<Span> spans;
  spans.reserve(spans_.size());
  for (const Span& span : spans_) {
    const std::size_t begin = text.size();
    write((*this)[span], opensInput(span), text);
    if (begin < text.size()) spans.push_back({begin, text.size()});
  }
  opens_input_ = !spans_.empty() && opensInput(spans_.front());
  text_ = text.take();
  spans_ = std::move(spans);
}

void Pieces::strip(bool left, bool right) {
  split([&](std::string_view piece, const Add& add) {
    std::size_t begin = 0, end = piece.size();
    while (left && begin < end && unicode::isSpace(unicode::first(piece.substr(begin)).code)) {
      begin += unicode::first(piece.substr(begin)).bytes;
    }
    while (right && begin < end && unicode::isSpace(unicode::last(piece.substr(begin, end - begin)).code)) {
      end -= unicode::last(piece.substr(begin, end - begin)).bytes;
    }
    add(begin, end);
  });
}

TextSteps readNormalizer(const JsonField& normalizer) {
  TextSteps steps;
  if (!normalizer.value().is_null()) appendNormalizer(normalizer, steps, 0);
  return steps;
}

TextSteps readPreTokenizer(const JsonField& pre_tokenizer) {
  TextSteps steps;
  if (!pre_tokenizer.value().is_null()) appendPreTokenizer(pre_tokenizer, steps, 0);
  return steps;
}

std::string_view byteLevelSpelling(unsigned char byte) { return byteLevelTable().spelling[byte]; }

int byteLevelByte(char32_t code) {
  const auto& table = byteLevelTable().byte;
  return code < table.size() ? table[code] : -1;
}

}  // namespace interleave
