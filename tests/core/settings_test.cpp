// SPDX-License-Identifier: GPL-3.0-or-later
#include "backend/core/settings.h"

#include <gmock/gmock.h>

#include <filesystem>

#include "tests/support/error_of.h"

namespace interleave {
namespace {

using test::errorOf;
using testing::HasSubstr;

std::span<const SettingSpec> specs() {
  static const std::vector<SettingSpec> kSpecs{
      setting::integer("steps", 48, 1, 1e6, "Steps in all."),
      setting::live(setting::inferred(setting::real("learning_rate", 0.1, 0, 10, "Of the logits."))),
      setting::flag("repair", false, "1-swap repair."),
      setting::choice("loss", "kl", {"kl", "ce", "mse"}, "What is minimised."),
      setting::text("text", "", "Path of a text."),
  };
  return kSpecs;
}

TEST(Settings, StartFromTheFallbacks) {
  const Settings settings(specs());
  EXPECT_EQ(settings.integer("steps"), 48);
  EXPECT_DOUBLE_EQ(settings.real("learning_rate"), 0.1);
  EXPECT_FALSE(settings.flag("repair"));
  EXPECT_EQ(settings.text("loss"), "kl");
  EXPECT_EQ(settings.json().size(), 5u);
}

TEST(Settings, MergeAnObjectOverWhatIsThere) {
  Settings settings(specs());
  settings.merge({{"steps", 64.0}, {"repair", true}, {"loss", "ce"}, {"text", "a.txt"}}, "p.json");
  EXPECT_EQ(settings.integer("steps"), 64);
  EXPECT_TRUE(settings.json().at("steps").is_number_integer());
  EXPECT_TRUE(settings.flag("repair"));
  EXPECT_EQ(settings.text("loss"), "ce");
  EXPECT_DOUBLE_EQ(settings.real("learning_rate"), 0.1);
}

TEST(Settings, NameTheFileTheKeyAndTheNearestKnown) {
  Settings settings(specs());
  const Error error = errorOf([&] { settings.merge({{"learning_rat", 1}}, "p.json"); });
  EXPECT_EQ(error.kind(), ErrorKind::BadInput);
  EXPECT_EQ(error.file(), "p.json");
  EXPECT_EQ(error.place(), "learning_rat");
  EXPECT_THAT(error.reason(), HasSubstr("\"learning_rate\""));
  EXPECT_THAT(errorOf([&] { settings.merge({{"qqqqqqqq", 1}}, "p.json"); }).reason(), Not(HasSubstr("did you mean")));
}

TEST(Settings, RefuseWrongTypesAndRanges) {
  const nlohmann::json wrong[] = {{{"steps", "many"}}, {{"steps", 1.5}},        {{"steps", 0}},
                                  {{"steps", 2e6}},    {{"learning_rate", -1}}, {{"repair", 1}},
                                  {{"loss", "l2"}},    {{"loss", 1}},           {{"learning_rate", true}},
                                  {{"text", 3}},       nlohmann::json(3),       nlohmann::json::array()};
  for (const nlohmann::json& object : wrong) {
    Settings settings(specs());
    EXPECT_EQ(errorOf([&] { settings.merge(object, "p.json"); }).kind(), ErrorKind::BadInput) << object;
    EXPECT_EQ(settings.json(), Settings(specs()).json()) << object;
  }
}

TEST(Settings, AssignFromACommandLine) {
  Settings settings(specs());
  for (const char* text : {"steps=100", "learning_rate=1e-3", "repair=true", "loss=mse", "text=a=b"})
    settings.assign(text);
  EXPECT_EQ(settings.integer("steps"), 100);
  EXPECT_DOUBLE_EQ(settings.real("learning_rate"), 1e-3);
  EXPECT_TRUE(settings.flag("repair"));
  EXPECT_EQ(settings.text("loss"), "mse");
  EXPECT_EQ(settings.text("text"), "a=b");
  for (const char* text : {"steps", "steps=", "steps=many", "stesp=3", "loss=l2", "repair=yes", "steps=1e400"}) {
    EXPECT_EQ(errorOf([&] { settings.assign(text); }).kind(), ErrorKind::Usage) << text;
  }
}

TEST(Settings, PathsAreWholeFromAnyFolder) {
  static const std::vector<SettingSpec> kSpecs{setting::path("file", "A file.")};
  Settings settings(kSpecs);
  EXPECT_EQ(settings.text("file"), "");
  settings.assign("file=texts/../a.txt");
  EXPECT_EQ(settings.text("file"), (std::filesystem::current_path() / "a.txt").string());
  settings.merge({{"file", ""}}, "test");
  EXPECT_EQ(settings.text("file"), "");
}

TEST(Settings, AChoiceMayBeAFileInstead) {
  static const std::vector<SettingSpec> kSpecs{setting::choiceOrPath("chat", "auto", {"auto", "none"}, "A form.")};
  Settings settings(kSpecs);
  EXPECT_EQ(settings.text("chat"), "auto");
  settings.assign("chat=none");
  EXPECT_EQ(settings.text("chat"), "none");
  settings.assign("chat=./auto");
  EXPECT_EQ(settings.text("chat"), (std::filesystem::current_path() / "auto").string());
  settings.merge({{"chat", "own.jinja"}}, "p.json");
  EXPECT_EQ(settings.text("chat"), (std::filesystem::current_path() / "own.jinja").string());
  EXPECT_THAT(errorOf([&] { settings.assign("chat=nome"); }).what(), HasSubstr("did you mean \"none\"?"));
  EXPECT_EQ(errorOf([&] { settings.merge({{"chat", 3}}, "p.json"); }).kind(), ErrorKind::BadInput);
  EXPECT_TRUE(kSpecs[0].isPath("own.jinja"));
  EXPECT_FALSE(kSpecs[0].isPath("none"));
}

}  // namespace
}  // namespace interleave
