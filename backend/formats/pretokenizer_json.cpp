// SPDX-License-Identifier: GPL-3.0-or-later
#include "backend/formats/pretokenizer_json.h"

#include <stdexcept>

#include "backend/formats/unicode.h"

namespace interleave {

Pattern readPattern(const JsonField& field) {
  if (field.has("String")) return Pattern::literal(field.at("String").text());
  const JsonField regex = field.at("Regex");
  try {
    return Pattern::regex(regex.text(), {regex.file(), regex.place()});
  } catch (const std::invalid_argument& problem) {
    throw regex.error(problem.what());
  }
}

Metaspace readMetaspace(const JsonField& field) {
  Metaspace metaspace;
  metaspace.replacement = field.at("replacement").text();
  if (unicode::length(metaspace.replacement) != 1) throw field.at("replacement").error("is not one character");
  metaspace.split = field.flag("split", true);
  const std::string scheme = field.text("prepend_scheme", "always");
  if (scheme == "first") {
    metaspace.scheme = Metaspace::Scheme::First;
  } else if (scheme == "never") {
    metaspace.scheme = Metaspace::Scheme::Never;
  } else if (scheme != "always") {
    throw field.at("prepend_scheme").error("\"" + scheme + "\" is not a known scheme");
  }
  if (!field.flag("add_prefix_space", true) && metaspace.scheme != Metaspace::Scheme::Never) {
    if (field.has("prepend_scheme")) throw field.error("\"add_prefix_space\" disagrees with \"prepend_scheme\"");
    metaspace.scheme = Metaspace::Scheme::Never;
  }
  return metaspace;
}

}  // namespace interleave
