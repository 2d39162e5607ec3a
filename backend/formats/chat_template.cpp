// SPDX-License-Identifier: GPL-3.0-or-later
#include "backend/formats/chat_template.h"

#include <map>

#include "backend/formats/jinja/lexer.h"
#include "backend/formats/jinja/parser.h"

namespace interleave::chat {

class Template::Implementation {
 public:
  explicit Implementation(std::string_view source) {
    jinja::ParsedTemplate parsed = jinja::parse(source);
    body_ = std::move(parsed.body);
    for (jinja::Block* block : parsed.blocks) {
      if (!blocks_.emplace(block->name, block).second) {
        throw jinja::SyntaxError(block->line, "the block \"" + block->name + "\" is there twice");
      }
    }
    jinja::Symbols symbols(function_, nullptr);
    const auto names = [&](const jinja::NameVisitor& visit) { body_.names(visit); };
    wants_self_ = !jinja::undeclared({"self"}, names).empty();
    if (wants_self_) self_ = symbols.parameter("self");
    body_.declare(symbols);
    body_.bind({symbols, blocks_, true});
    entrance_ = symbols.entrance();
    for (const auto& [name, block] : blocks_) block->bindInside(blocks_);
  }

  std::string render(const Value& variables) const {
    jinja::Context context(variables);
    jinja::Frame frame{context, std::make_shared<jinja::Activation>(function_.slots, nullptr)};
    if (wants_self_) frame.at(self_) = jinja::selfReference(blocks_);
    entrance_.enter(frame);
    jinja::Output out;
    body_.run(frame, out);
    return out.take();
  }

 private:
  jinja::Body body_;
  std::map<std::string, jinja::Block*> blocks_;
  jinja::Function function_;
  jinja::Entrance entrance_;
  bool wants_self_ = false;
  jinja::Slot self_;
};

Template::Template(std::string_view source) : implementation_(std::make_unique<const Implementation>(source)) {}
Template::~Template() = default;

std::string Template::render(const Value& variables) const {
  if (!variables.isDict()) throw jinja::cannot("the variables are no mapping");
  return implementation_->render(variables);
}

}  // namespace interleave::chat
