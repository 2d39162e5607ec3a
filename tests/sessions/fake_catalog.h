// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <array>
#include <optional>
#include <string>

#include "backend/core/error.h"
#include "backend/engine/run_catalog.h"

namespace interleave {

/// A backend that knows a model of 30 layers and two methods: "gates", and "scores", whose one run answers all budgets.
class FakeCatalog final : public RunCatalog {
 public:
  std::optional<Settings> bank;  ///< The recipe of the bank that is there.
  std::string earlier = "auto";  ///< See Prompts; forms are called as they are asked for.

  static std::span<const SettingSpec> bankSpecs() {
    using namespace setting;
    static const std::array table{text("kinds", "gdn-window", ""), integer("tokens", 100, 1, 1e6, "")};
    return table;
  }
  static std::span<const SettingSpec> searchSpecs(const std::string& method) {
    using namespace setting;
    static const std::array gates{text("operators", "full,gdn-window", ""), integer("steps", 48, 1, 1e6, ""),
                                  real("learning_rate", 0.1, 0, 1, ""), path("text_file", ""),
                                  choiceOrPath("chat", "auto", {"auto", "none"}, "")};
    static const std::array scores{text("operators", "full,swa", ""), integer("examples", 16, 1, 1e6, ""),
                                   text("extract", "", "")};
    if (method == "gates") return gates;
    if (method == "scores") return scores;
    throw usageError("method", "unknown method \"" + method + "\"");
  }

  Model model(const std::filesystem::path&) override { return {"Fake", "fake", 30}; }
  Prompts prompts(const std::filesystem::path&, const std::string& chat, Progress&) override {
    return {chat, chat, earlier};
  }
  Preset preset(const std::string& name, const std::string& method) override {
    return {name.empty() ? "laptop" : name, "", Settings(bankSpecs()), Settings(searchSpecs(method)),
            Budget::layers(8)};
  }
  std::optional<Settings> bankRecipe(const std::filesystem::path&, const std::filesystem::path&) override {
    return bank;
  }
  void check(const RunSpec& run) override {
    if (run.budget.amount > 30) throw badInput("fake", "budget", "keeps too many layers");
  }
  void check(const Workbench::EvaluationRequest& request) override {
    if (request.wording == "none") throw usageError("wording", "\"none\" is unknown");
  }
  Placement placement(const std::string& text, const std::filesystem::path&, MixerKind rest) override {
    if (!text.starts_with("first:")) throw usageError("placement", "\"" + text + "\" is none");
    return Placement::first(30, std::stoi(text.substr(6)), rest);
  }
};

}  // namespace interleave
