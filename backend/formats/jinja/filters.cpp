// SPDX-License-Identifier: GPL-3.0-or-later
#include "backend/formats/jinja/filters.h"

#include "backend/formats/jinja/operators.h"
#include "backend/formats/jinja/print.h"

namespace interleave::jinja {
namespace {

Value refuseRandom(Call&) { throw cannot("the filter 'random' is not supported: equal runs have equal prompts"); }
Value refuseUrlize(Call&) { throw cannot("the filter 'urlize' is not supported: it is for web pages"); }

}  // namespace

Value printed(Call& call) {
  Value text = softText(call.self);
  if (!call.self.isText()) call.context.lookThrough(4 * text.bytes().size());
  return text;
}

Value filterDefault(Call& call) {
  const bool replaced = call.self.isUndefined() || (call.truth(1) && !truthy(call.self));
  return replaced ? call.orElse(0, "") : call.self;
}

Value filterString(Call& call) { return printed(call); }

Value filterAttr(Call& call) {
  if (call.self.isUndefined()) failUndefined(call.self);
  const Value& name = call.at(0);
  call.context.lookThrough(name);
  if (!name.isText()) throw cannot("attribute name must be string, not '" + typeName(name) + "'");
  Value found = call.self.isObject() ? call.self.asObject().attribute(name.bytes()) : methodOf(call.self, name.bytes());
  return found.isMissing() ? Value(Undefined{.what = name.bytes(), .owner = typeName(call.self)}) : found;
}

Value filterTojson(Call& call) {
  JsonStyle style;
  style.ascii = call.truth(0);
  style.sorted = call.truth(3);
  if (call.has(1) && !call.at(1).isNone()) {
    const std::int64_t width = call.at(1).isText() ? 0 : call.whole(1);
    if (width > 1000) throw tooMuch("tojson indents by too much");
    style.indent = call.at(1).isText() ? call.text(1)
                                       : std::string(static_cast<std::size_t>(std::max<std::int64_t>(width, 0)), ' ');
    style.between_items = ",";
  }
  if (call.has(2) && !call.at(2).isNone()) {
    const std::vector<Value> separators = elementsOf(call.context, call.at(2));
    if (separators.size() != 2 || !separators[0].isText() || !separators[1].isText())
      throw cannot("tojson wants two separators");
    style.between_items = separators[0].bytes();
    style.between_key_and_value = separators[1].bytes();
  }
  call.context.lookThrough(call.self);
  return json(call.self, style);
}

const Library& filters() {
  static const Library library(
      "filter", {{"abs", {filterAbs}},
                 {"attr", {filterAttr, "name"}},
                 {"batch", {filterBatch, "linecount fill_with?"}},
                 {"capitalize", {filterCapitalize}},
                 {"center", {filterCenter, "width?"}},
                 {"count", {filterLength}},
                 {"d", {filterDefault, "default_value? boolean?"}},
                 {"default", {filterDefault, "default_value? boolean?"}},
                 {"dictsort", {filterDictsort, "case_sensitive? by? reverse?"}},
                 {"e", {filterEscape}},
                 {"escape", {filterEscape}},
                 {"filesizeformat", {filterFilesizeformat, "binary?"}},
                 {"first", {filterFirst}},
                 {"float", {filterFloat, "default?"}},
                 {"forceescape", {filterForceescape}},
                 {"format", {filterFormat, "*"}},
                 {"groupby", {filterGroupby, "attribute default? case_sensitive?"}},
                 {"indent", {filterIndent, "width? first? blank?"}},
                 {"int", {filterInt, "default? base?"}},
                 {"items", {filterItems}},
                 {"join", {filterJoin, "d? attribute?"}},
                 {"last", {filterLast}},
                 {"length", {filterLength}},
                 {"list", {filterList}},
                 {"lower", {filterLower}},
                 {"map", {filterMap, "*"}},
                 {"max", {filterMax, "case_sensitive? attribute?"}},
                 {"min", {filterMin, "case_sensitive? attribute?"}},
                 {"pprint", {filterPprint}},
                 {"random", {refuseRandom}},
                 {"reject", {filterReject, "*"}},
                 {"rejectattr", {filterRejectattr, "*"}},
                 {"replace", {filterReplace, "old new count?"}},
                 {"reverse", {filterReverse}},
                 {"round", {filterRound, "precision? method?"}},
                 {"safe", {filterSafe}},
                 {"select", {filterSelect, "*"}},
                 {"selectattr", {filterSelectattr, "*"}},
                 {"slice", {filterSlice, "slices fill_with?"}},
                 {"sort", {filterSort, "reverse? case_sensitive? attribute?"}},
                 {"string", {filterString}},
                 {"striptags", {filterStriptags}},
                 {"sum", {filterSum, "attribute? start?"}},
                 {"title", {filterTitle}},
                 {"tojson", {filterTojson, "ensure_ascii? indent? separators? sort_keys?"}},
                 {"trim", {filterTrim, "chars?"}},
                 {"truncate", {filterTruncate, "length? killwords? end? leeway?"}},
                 {"unique", {filterUnique, "case_sensitive? attribute?"}},
                 {"upper", {filterUpper}},
                 {"urlencode", {filterUrlencode}},
                 {"urlize", {refuseUrlize, "*"}},
                 {"wordcount", {filterWordcount}},
                 {"wordwrap", {filterWordwrap, "width? break_long_words? wrapstring? break_on_hyphens?"}},
                 {"xmlattr", {filterXmlattr, "autospace?"}}});
  return library;
}

}  // namespace interleave::jinja
