// SPDX-License-Identifier: GPL-3.0-or-later
#include "backend/formats/chat_template.h"

#include <algorithm>
#include <cctype>
#include <memory>
#include <stdexcept>

#include "backend/core/error.h"

namespace interleave::chat {
namespace {

using Flow = Template::Flow;
using Step = Template::Step;
using Steps = Template::Steps;

constexpr int kNesting = 100;

/// Text between tags, or what stands inside one.
struct Part {
  enum class Kind { Text, Output, Statement };
  Kind kind;
  std::string text;
  std::size_t line;
};

bool isSpace(char c) { return std::isspace(static_cast<unsigned char>(c)) != 0; }

void trimRight(std::string& text) {
  while (!text.empty() && isSpace(text.back())) text.pop_back();
}

/// lstrip_blocks: blanks between the start of the line and a block tag are no output.
void trimIndent(std::string& text, bool at_line_start) {
  std::size_t end = text.size();
  while (end > 0 && (text[end - 1] == ' ' || text[end - 1] == '\t')) --end;
  if (end > 0 ? text[end - 1] == '\n' : at_line_start) text.resize(end);
}

/// The end of a tag's inside: "}}" or "%}", outside quotes and brackets.
std::size_t tagEnd(std::string_view source, std::size_t at, std::string_view mark) {
  char quote = 0;
  int brackets = 0;
  for (; at < source.size(); ++at) {
    const char c = source[at];
    if (quote != 0) {
      if (c == '\\') ++at;
      if (c == quote) quote = 0;
    } else if (c == '\'' || c == '"') {
      quote = c;
    } else if (brackets == 0 && source.substr(at, 2) == mark) {
      return at;
    } else if (c == '{' || c == '[' || c == '(') {
      ++brackets;
    } else if (c == '}' || c == ']' || c == ')') {
      --brackets;
    }
  }
  return std::string_view::npos;
}

/// A complaint that names its line.
struct Malformed : std::invalid_argument {
  Malformed(std::size_t line, const std::string& reason)
      : std::invalid_argument("line " + std::to_string(line) + ": " + reason) {}
};

std::vector<Part> cut(std::string_view source) {
  // Jinja reads every line end as \n and drops the last.
  std::string text;
  for (std::size_t i = 0; i < source.size(); ++i) {
    const bool pair = source[i] == '\r' && i + 1 < source.size() && source[i + 1] == '\n';
    if (!pair) text += source[i] == '\r' ? '\n' : source[i];
  }
  if (text.ends_with('\n')) text.pop_back();

  const std::string_view view = text;
  std::vector<Part> parts;
  std::string plain;
  bool at_line_start = true;          // What precedes `plain`.
  std::size_t line = 1, counted = 0;  // The line of the byte `counted`.
  for (std::size_t at = 0; at < view.size();) {
    const std::string_view open = view.substr(at, 2);
    if (open != "{{" && open != "{%" && open != "{#") {
      plain += view[at++];
      continue;
    }
    const bool output = open == "{{", comment = open == "{#";
    const std::string_view close = output ? "}}" : comment ? "#}" : "%}";
    for (; counted < at; ++counted) line += view[counted] == '\n' ? 1 : 0;
    std::size_t begin = at + 2;
    std::size_t end = comment ? view.find(close, begin) : tagEnd(view, begin, close);
    if (end == std::string_view::npos) throw Malformed(line, "a tag without end");
    const char before = view[begin], after = end > begin ? view[end - 1] : ' ';
    if (before == '-') {
      trimRight(plain);
    } else if (!output && before != '+') {
      trimIndent(plain, at_line_start);
    }
    if (!plain.empty()) parts.push_back({Part::Kind::Text, plain, line});
    plain.clear();
    if (before == '-' || before == '+') ++begin;
    const bool marked_after = end > begin && (after == '-' || after == '+');
    if (!comment) {
      parts.push_back({output ? Part::Kind::Output : Part::Kind::Statement,
                       std::string(view.substr(begin, end - begin - (marked_after ? 1 : 0))), line});
    }
    at = end + 2;
    at_line_start = false;
    if (marked_after && after == '-') {
      while (at < view.size() && isSpace(view[at])) at_line_start = view[at++] == '\n';
    } else if (!output && after != '+' && at < view.size() && view[at] == '\n') {
      ++at;  // trim_blocks.
      at_line_start = true;
    }
  }
  if (!plain.empty()) parts.push_back({Part::Kind::Text, plain, 0});
  return parts;
}

Flow run(const Steps& steps, Scope& scope, std::string& out) {
  for (const Step& step : steps) {
    scope.countStep();
    if (const Flow flow = step(scope, out); flow != Flow::Next) return flow;
    if (out.size() > kTextBytes) throw tooMuch("its output is too long");
  }
  return Flow::Next;
}

struct Loop {
  std::vector<std::string> names;
  Expression list, condition;
  Steps body, otherwise;

  void bind(Scope& scope, const Value& element) const {
    if (names.size() == 1) return scope.set(names[0], element);
    if (!element.is_array() || element.size() != names.size()) {
      throw usageError("chat template", "a for loop cannot unpack its elements");
    }
    for (std::size_t i = 0; i < names.size(); ++i) scope.set(names[i], element[i]);
  }

  std::vector<Value> chosen(Scope& scope) const {
    const Value all = list(scope);
    std::vector<Value> elements;
    if (all.is_discarded()) return elements;
    if (!all.is_structured()) throw usageError("chat template", "a for loop wants a list");
    for (const auto& [key, element] : all.items()) {
      const Value& item = all.is_object() ? Value(key) : element;
      scope.countStep();
      scope.push();
      bind(scope, item);
      if (truthy(condition(scope))) elements.push_back(item);
      scope.pop();
    }
    return elements;
  }

  Flow operator()(Scope& scope, std::string& out) const {
    const std::vector<Value> elements = chosen(scope);
    if (elements.empty()) return run(otherwise, scope, out);
    const std::size_t count = elements.size();
    for (std::size_t i = 0; i < count; ++i) {
      scope.countStep();
      scope.push();
      bind(scope, elements[i]);
      scope.set("loop", {{"index", i + 1},
                         {"index0", i},
                         {"revindex", count - i},
                         {"revindex0", count - i - 1},
                         {"first", i == 0},
                         {"last", i + 1 == count},
                         {"length", count},
                         {"previtem", i > 0 ? elements[i - 1] : undefined()},
                         {"nextitem", i + 1 < count ? elements[i + 1] : undefined()}});
      const Flow flow = run(body, scope, out);
      scope.pop();
      if (flow == Flow::Break) break;
    }
    return Flow::Next;
  }
};

class Parser {
 public:
  explicit Parser(std::vector<Part> parts) : parts_(std::move(parts)) {}

  Steps all() { return block({}); }

 private:
  /// Steps up to a statement that begins with one of `ends` (whose reader is then in end_), or to the end of the
  /// source.
  Steps block(const std::vector<std::string_view>& ends) {
    if (++depth_ > kNesting) throw std::invalid_argument("nested too deeply");
    Steps steps;
    while (next_ < parts_.size()) {
      const Part& part = parts_[next_++];
      try {
        if (part.kind == Part::Kind::Text) {
          steps.emplace_back([text = part.text](Scope&, std::string& out) {
            out += text;
            return Flow::Next;
          });
          continue;
        }
        TokenReader reader(part.text);
        if (part.kind == Part::Kind::Output) {
          Expression value = reader.expression();
          reader.expectEnd();
          steps.emplace_back([value](Scope& scope, std::string& out) {
            out += printed(value(scope));
            return Flow::Next;
          });
          continue;
        }
        const std::string keyword = reader.expectName();
        if (std::find(ends.begin(), ends.end(), keyword) != ends.end()) {
          end_ = keyword;
          end_reader_ = std::make_unique<TokenReader>(std::move(reader));
          --depth_;
          return steps;
        }
        statement(keyword, reader, steps);
      } catch (const Malformed&) {
        throw;
      } catch (const std::invalid_argument& problem) {
        throw Malformed(part.line, problem.what());
      }
    }
    if (!ends.empty()) throw std::invalid_argument("\"" + std::string(ends.back()) + "\" is missing");
    --depth_;
    return steps;
  }

  void statement(const std::string& keyword, TokenReader& reader, Steps& steps) {
    if (keyword == "if") return ifStatement(reader, steps);
    if (keyword == "for") return forStatement(reader, steps);
    if (keyword == "set") return setStatement(reader, steps);
    if (keyword == "macro") {
      block({"endmacro"});  // Plain conversations do without; calling one is an error by its name.
      return;
    }
    if (keyword == "generation") {  // `transformers`' mark of what the assistant said.
      for (Step& step : block({"endgeneration"})) steps.push_back(std::move(step));
      return;
    }
    if (keyword == "break" || keyword == "continue") {
      steps.emplace_back(
          [flow = keyword == "break" ? Flow::Break : Flow::Continue](Scope&, std::string&) { return flow; });
      return;
    }
    throw std::invalid_argument("the statement \"" + keyword + "\" is not supported");
  }

  void ifStatement(TokenReader& reader, Steps& steps) {
    std::vector<std::pair<Expression, Steps>> branches;
    Expression condition = reader.expression();
    reader.expectEnd();
    for (;;) {
      Steps body = block({"elif", "else", "endif"});
      branches.emplace_back(std::move(condition), std::move(body));
      if (end_ == "endif") break;
      if (end_ == "elif") {
        condition = end_reader_->expression();
        end_reader_->expectEnd();
      } else {
        branches.emplace_back([](Scope&) { return Value(true); }, block({"endif"}));
        break;
      }
    }
    steps.emplace_back([branches = std::move(branches)](Scope& scope, std::string& out) {
      for (const auto& [holds, body] : branches) {
        if (truthy(holds(scope))) return run(body, scope, out);
      }
      return Flow::Next;
    });
  }

  void forStatement(TokenReader& reader, Steps& steps) {
    Loop loop;
    do {
      loop.names.push_back(reader.expectName());
    } while (reader.acceptSymbol(","));
    if (!reader.acceptName("in")) throw std::invalid_argument("\"in\" is missing");
    loop.list = reader.expressionWithoutIf();
    loop.condition = reader.acceptName("if") ? reader.expression() : [](Scope&) { return Value(true); };
    reader.acceptName("recursive");
    reader.expectEnd();
    loop.body = block({"else", "endfor"});
    if (end_ == "else") loop.otherwise = block({"endfor"});
    steps.emplace_back(std::move(loop));
  }

  void setStatement(TokenReader& reader, Steps& steps) {
    const std::string name = reader.expectName();
    const std::string member = reader.acceptSymbol(".") ? reader.expectName() : "";
    const auto assign = [name, member](Scope& scope, Value value) {
      if (member.empty()) {
        scope.set(name, std::move(value));
      } else {
        scope.setIn(name, member, std::move(value));
      }
    };
    if (reader.acceptSymbol("=")) {
      Expression value = reader.expression();
      reader.expectEnd();
      steps.emplace_back([assign, value](Scope& scope, std::string&) {
        assign(scope, value(scope));
        return Flow::Next;
      });
      return;
    }
    reader.expectEnd();
    steps.emplace_back([assign, body = block({"endset"})](Scope& scope, std::string&) {
      std::string text;
      run(body, scope, text);
      assign(scope, scope.made(std::move(text)));
      return Flow::Next;
    });
  }

  std::vector<Part> parts_;
  std::size_t next_ = 0;
  int depth_ = 0;
  std::string end_;
  std::unique_ptr<TokenReader> end_reader_;
};

}  // namespace

Template::Template(std::string_view source) : steps_(Parser(cut(source)).all()) {}

std::string Template::render(Value variables) const {
  Scope scope(std::move(variables));
  std::string out;
  run(steps_, scope, out);
  return out;
}

}  // namespace interleave::chat
