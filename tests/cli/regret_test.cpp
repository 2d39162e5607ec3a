// SPDX-License-Identifier: GPL-3.0-or-later
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/cli/command.h"

namespace interleave::testing {
namespace {

using ::testing::HasSubstr;
using Words = std::vector<std::string>;

class RegretCommand : public ::testing::Test {
 protected:
  CommandResult search(const std::string& method, const Words& more) const {
    Words words{"search", model_, "--bank", folder_ / "bank", "--store", store_, "--method", method, "--budget", "2"};
    for (const char* setting : {"sliding_window=8", "prompt_share=0", "text_tokens=48", "extract="}) {
      words.insert(words.end(), {"--set", setting});
    }
    words.insert(words.end(), more.begin(), more.end());
    return run(words);
  }
  CommandResult regret(const std::string& of, const Words& more = {}) const {
    Words words{"regret", of, "--store", store_, "--json"};
    words.insert(words.end(), more.begin(), more.end());
    return run(words);
  }

  const test::TemporaryFolder folder_;
  const std::string model_ = writeModelWithTokenizer(folder_ / "model");
  const std::string store_ = folder_ / "store.sqlite";
};

TEST_F(RegretCommand, TriesWhatOthersFoundBesideASample) {
  ASSERT_EQ(search("hand-rule", {"--set", "operators=full,swa", "--set", "rule=first"}).code, 0);
  const CommandResult truth =
      search("enumeration", {"--set", "operators=full,swa", "--set", "sample=2", "--set", "batches=2", "--seed", "3"});
  ASSERT_EQ(truth.code, 0) << truth.log;
  const nlohmann::json before = regret("2").json();
  const CommandResult judged = regret("2", {"--judge"});
  ASSERT_EQ(judged.code, 0) << judged.log;
  const nlohmann::json after = judged.json();
  EXPECT_EQ(after.at("trials"), before.at("trials")) << "the sample is what was drawn";
  ASSERT_EQ(after.at("placements").size(), 1U);
  EXPECT_EQ(after.at("placements")[0].at("kept_layers"), nlohmann::json({0, 1}));
  EXPECT_THAT(after.at("placements")[0].at("found_by").get<std::string>(), HasSubstr("hand-rule"));
  EXPECT_EQ(regret("2").json(), after) << "it is kept";
  EXPECT_EQ(regret("2", {"--judge"}).json(), after) << "and not tried twice";
  EXPECT_EQ(run({"store", "check", store_}).code, 0);

  EXPECT_EQ(regret("1").code, 2) << "it tried none";
  EXPECT_EQ(regret("1", {"--judge"}).code, 2) << "it is no enumeration";
  const std::string other = writeModelWithTokenizer(folder_ / "other", 7);
  ASSERT_EQ(search("hand-rule", {"--set", "operators=full,swa", "--set", "rule=last"}).code, 0);
  EXPECT_EQ(regret("2", {"--judge", "--model", other}).code, 3) << "another model";
}

}  // namespace
}  // namespace interleave::testing
