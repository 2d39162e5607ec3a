// SPDX-License-Identifier: GPL-3.0-or-later
#include "backend/data/question_file.h"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <unordered_map>
#include <utility>

#include "backend/core/error.h"
#include "backend/formats/bounded_json.h"

namespace interleave {
namespace {

using nlohmann::json;

/// SQuAD's training set takes 40 MB, HotpotQA's development set 46 MB.
constexpr JsonLimits kLimits{.bytes = 128 << 20, .values = 5'000'000, .depth = 16};

/// A value of the document and where it stands there.
class Node {
 public:
  Node(const json& value, const std::string& file, std::string place)
      : value_(&value), file_(&file), place_(std::move(place)) {}

  Error wrong(const std::string& reason) const { return badInput(*file_, place_, reason); }
  bool has(const char* key) const { return value_->is_object() && value_->contains(key); }

  Node member(const char* key) const {
    if (!value_->is_object()) throw wrong("is not an object");
    const auto found = value_->find(key);
    const std::string place = place_.empty() ? key : place_ + "." + key;
    if (found == value_->end()) throw badInput(*file_, place, "is missing");
    return {*found, *file_, place};
  }

  Node entry(std::size_t index) const {
    if (!value_->is_array()) throw wrong("is not a list");
    const std::string place = place_ + "[" + std::to_string(index) + "]";
    if (index >= value_->size()) throw badInput(*file_, place, "is missing");
    return {(*value_)[index], *file_, place};
  }

  template <class Visit>
  void each(const Visit& visit) const {
    if (!value_->is_array()) throw wrong("is not a list");
    for (std::size_t i = 0; i < value_->size(); ++i) visit(entry(i));
  }

  const std::string& string() const {
    if (!value_->is_string()) throw wrong("is not a text");
    return value_->get_ref<const std::string&>();
  }

  const std::string& text() const {
    const std::string& text = string();
    if (text.find_first_not_of(" \t\r\n") == std::string::npos) throw wrong("is empty");
    return text;
  }

  bool isTrue() const { return value_->is_boolean() && value_->get<bool>(); }

 private:
  const json* value_;
  const std::string* file_;
  std::string place_;
};

/// Collects the set while a file is gone through.
class Collector {
 public:
  std::size_t paragraph(const std::string& text) {
    const auto [place, fresh] = known_.try_emplace(text, set_.paragraphs.size());
    if (fresh) set_.paragraphs.push_back(text);
    return place->second;
  }

  void question(const Node& text, std::vector<std::string> answers, std::vector<std::size_t> paragraphs) {
    std::ranges::sort(paragraphs);
    paragraphs.erase(std::ranges::unique(paragraphs).begin(), paragraphs.end());
    set_.questions.push_back({text.text(), std::move(answers), std::move(paragraphs)});
  }

  QuestionSet take(const std::string& file) {
    if (set_.questions.empty()) throw badInput(file, {}, "has no question with an answer");
    for (const Question& question : set_.questions) {
      if (question.paragraphs.size() < set_.paragraphs.size()) continue;
      throw badInput(file, {}, "has no paragraph beside those of a question, to hide them among");
    }
    return std::move(set_);
  }

 private:
  QuestionSet set_;
  std::unordered_map<std::string, std::size_t> known_;
};

void collectSquad(const Node& root, Collector& into) {
  root.member("data").each([&](const Node& article) {
    article.member("paragraphs").each([&](const Node& paragraph) {
      const std::size_t place = into.paragraph(paragraph.member("context").text());
      paragraph.member("qas").each([&](const Node& entry) {
        std::vector<std::string> answers;
        if (!entry.has("is_impossible") || !entry.member("is_impossible").isTrue()) {
          entry.member("answers").each([&](const Node& answer) {
            const std::string& text = answer.member("text").text();
            if (std::ranges::find(answers, text) == answers.end()) answers.push_back(text);
          });
        }
        if (!answers.empty()) into.question(entry.member("question"), std::move(answers), {place});
      });
    });
  });
}

void collectHotpot(const Node& root, Collector& into) {
  root.each([&](const Node& entry) {
    std::vector<std::size_t> places;
    entry.member("context").each([&](const Node& paragraph) {
      std::string text = paragraph.entry(0).text() + "\n";
      paragraph.entry(1).each([&](const Node& sentence) { text += sentence.string(); });
      places.push_back(into.paragraph(text));
    });
    if (!places.empty()) into.question(entry.member("question"), {entry.member("answer").text()}, std::move(places));
  });
}

}  // namespace

std::string_view title(QuestionFile kind) { return kind == QuestionFile::Squad ? "SQuAD" : "HotpotQA"; }

QuestionSet readQuestions(const std::filesystem::path& file, QuestionFile kind) {
  const std::string name = file.string();
  const json document = readJson(file, kLimits);
  Collector collector;
  (kind == QuestionFile::Squad ? collectSquad : collectHotpot)({document, name, {}}, collector);
  return collector.take(name);
}

}  // namespace interleave
