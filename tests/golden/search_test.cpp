// SPDX-License-Identifier: GPL-3.0-or-later
// Three searches and a heal on the committed model and bank: every step, to the last bit.
#include <gtest/gtest.h>

#include "tests/golden/golden.h"

namespace interleave::golden {
namespace {

using nlohmann::json;

class GoldenRuns : public ::testing::Test {
 protected:
  /// A search from its first step to its placements, as the store has it.
  json search(const std::string& method, const std::string& budget, const json& settings) const {
    std::vector<std::string> words{"search", model_,     "--bank", bank_,      "--store",
                                   store_,   "--method", method,   "--budget", budget};
    appendSettings(words, settings);
    const json report = told(words);
    return report.is_null() ? report : steady(told({"runs", "show", "1", "--steps", "--store", store_}));
  }

  const test::TemporaryFolder folder_;
  const std::string model_ = input("model"), bank_ = copyOf("bank", folder_.path()), store_ = folder_ / "store.sqlite";
};

TEST_F(GoldenRuns, DashOnCacheBytesAmongThreeOperators) {
  expectJson("runs/dash.json", search("dash", "14KB@128",
                                      {{"operators", "full,gdn-window,swa"},
                                       {"steps", 16},
                                       {"text_tokens", 96},
                                       {"text_positions", 48},
                                       {"prompt_tokens", 340},
                                       {"hard_every", 4},
                                       {"side_budgets", ""},
                                       {"extract", ""},
                                       {"repair", "boundary"},
                                       {"repair_layers", 3},
                                       {"repair_batches", 2},
                                       {"precision", "fp32"}}));
}

TEST_F(GoldenRuns, Flashmorph) {
  expectJson("runs/flashmorph.json", search("flashmorph", "2",
                                            {{"operators", "full,gdn-window"},
                                             {"steps", 12},
                                             {"prompt_tokens", 340},
                                             {"hard_every", 4},
                                             {"extract", "1,3"},
                                             {"precision", "fp32"}}));
}

TEST_F(GoldenRuns, NllGuided) {
  expectJson("runs/nll-guided.json", search("nll-guided", "2",
                                            {{"operators", "full,swa"},
                                             {"examples", 6},
                                             {"prompt_tokens", 340},
                                             {"extract", "1,3"},
                                             {"precision", "fp32"}}));
}

TEST_F(GoldenRuns, Heal) {
  std::vector<std::string> words{"heal",       model_,    "--bank", bank_,   "--placement",
                                 "layers:1,4", "--store", store_,   "--out", folder_ / "healed"};
  appendSettings(words, {{"steps", 8},
                         {"text_tokens", 96},
                         {"learning_rate", 3e-3},
                         {"prompt_share", 0.25},
                         {"prompt_tokens", 340},
                         {"held_out_every", 4},
                         {"held_out_batches", 1},
                         {"judge_tokens", 1024},
                         {"judge_prompts", 2},
                         {"judge_prompt_tokens", 340},
                         {"precision", "fp32"}});
  const json report = told(words);
  ASSERT_FALSE(report.is_null());
  expectJson("runs/heal.json", {{"told", steady(report)},
                                {"run", steady(told({"runs", "show", "1", "--steps", "--store", store_}))},
                                {"weights", digests(readTensors(folder_ / "healed/weights.safetensors"))}});
}

}  // namespace
}  // namespace interleave::golden
