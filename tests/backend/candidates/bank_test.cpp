// SPDX-License-Identifier: GPL-3.0-or-later
#include "backend/candidates/bank.h"

#include <gmock/gmock.h>

#include <fstream>

#include "backend/candidates/alignment.h"
#include "backend/formats/atomic_file.h"
#include "tests/backend/support/teacher.h"
#include "tests/backend/support/tiny_model.h"
#include "tests/support/temporary_folder.h"

namespace interleave {
namespace {

using test::TemporaryFolder;
using ::testing::AllOf;
using ::testing::HasSubstr;
using testing::Teacher;

/// Stops once it has been asked `calls` times.
struct StopAfter final : Progress {
  explicit StopAfter(int calls) : left(calls) {}
  void report(std::string_view, double) override {}
  bool stopRequested() const override { return --left < 0; }
  mutable int left;
};

class BankTest : public ::testing::Test {
 protected:
  BankTest() : teacher_(testing::writePlantedModel(folder_ / "model", {1, 4})) {
    tokenizer_ = tokenizerOf(folder_ / "model");
    settings_ = Settings(bankSettings());
    settings_.merge({{"kinds", "gdn,gdn-window"},
                     {"window", 4},
                     {"sinks", 1},
                     {"tokens", 640},
                     {"sequence_length", 64},
                     {"precision", "fp32"},
                     {"held_out_sequences", 1},
                     {"held_out_length", 64},
                     {"warmup_steps", 2}},
                    "test");
  }
  static std::shared_ptr<const Tokenizer> tokenizerOf(const std::filesystem::path& model) {
    return std::make_shared<const Tokenizer>(Tokenizer::from(ModelFiles::open(model)));
  }
  std::shared_ptr<const CandidateBank> prepare(const std::filesystem::path& dir, Progress& progress) {
    return CandidateBank::prepare(
        dir, teacher_.model, tokenizer_, settings_, 5, [&](const AlignmentEvent& event) { events_.push_back(event); },
        progress);
  }
  static at::Tensor output(const CandidateBank& bank, MixerKind kind, int layer) {
    const at::NoGradGuard no_grad;
    at::manual_seed(1);
    static const Packing kUnpacked;
    LayerInput input(bank.model().lease(layer), at::randn({1, 30, bank.model().config().hidden}), kUnpacked);
    return bank.mixer(layer, kind).forward(input);
  }
  static std::string messageOf(const std::function<void()>& call) {
    try {
      call();
    } catch (const Error& error) {
      return error.what();
    }
    return "no error";
  }

  TemporaryFolder folder_;
  Teacher teacher_;
  std::shared_ptr<const Tokenizer> tokenizer_;
  Settings settings_;
  std::vector<AlignmentEvent> events_;
  NoProgress progress_;
};

TEST_F(BankTest, TrainingLowersTheErrorAndTheCardTellsIt) {
  settings_.merge({{"tokens", 0}}, "test");
  prepare(folder_ / "untrained", progress_);
  settings_.merge({{"tokens", 3200}}, "test");
  prepare(folder_ / "trained", progress_);
  for (const char* kind : {"gdn", "gdn-window"}) {
    const auto error = [&](const char* bank) {
      return readCard(folder_ / bank).at("quality").at(kind).at("mean_relative_error").get<double>();
    };
    EXPECT_LT(error("trained"), 0.9 * error("untrained")) << kind;
  }
  const auto held_out = std::ranges::count_if(events_, &AlignmentEvent::held_out);
  EXPECT_EQ(held_out, 4);
  EXPECT_EQ(events_.size(), 2 * 50 + 4U);
}

TEST_F(BankTest, AStoppedBankGoesOnBitForBit) {
  const auto whole = prepare(folder_ / "whole", progress_);
  StopAfter stop(12);
  EXPECT_THROW(prepare(folder_ / "parts", stop), Error);
  EXPECT_FALSE(readCard(folder_ / "parts").at("complete").get<bool>());
  EXPECT_THAT(messageOf([&] { CandidateBank::load(folder_ / "parts", teacher_.model); }), HasSubstr("was stopped"));
  const auto parts = prepare(folder_ / "parts", progress_);
  const auto loaded = CandidateBank::load(folder_ / "parts", teacher_.model);
  for (int layer = 0; layer < teacher_.model->config().layers; ++layer) {
    for (MixerKind kind : {MixerKind::Gdn, MixerKind::GdnWindow}) {
      EXPECT_TRUE(output(*whole, kind, layer).equal(output(*parts, kind, layer)));
      EXPECT_TRUE(output(*loaded, kind, layer).equal(output(*parts, kind, layer)));
    }
  }
}

TEST_F(BankTest, AStopWhileItIsMeasuredLosesNoTraining) {
  struct StopOnceTrained final : Progress {
    void report(std::string_view, double fraction) override { trained = trained || fraction > 0.94; }  // of .95
    bool stopRequested() const override { return trained; }
    bool trained = false;
  } stop;
  settings_.merge({{"kinds", "gdn"}}, "test");
  const auto whole = prepare(folder_ / "whole", progress_);
  EXPECT_THROW(prepare(folder_ / "parts", stop), Error);
  ASSERT_TRUE(std::filesystem::exists(folder_ / "parts" / "training.safetensors"));
  const auto parts = prepare(folder_ / "parts", progress_);
  EXPECT_TRUE(output(*whole, MixerKind::Gdn, 1).equal(output(*parts, MixerKind::Gdn, 1)));
}

TEST_F(BankTest, ATextThatChangedUnderItsNameMakesAnotherBank) {
  const std::filesystem::path text = folder_ / "text.txt";
  const auto write = [&](const std::string& word) {
    std::ofstream out(text);
    for (int i = 0; i < 2000; ++i) out << word << i << " ";
  };
  write("one");
  settings_.merge({{"kinds", "gdn"}, {"tokens", 64}, {"text_file", text.string()}}, "test");
  prepare(folder_ / "bank", progress_);
  EXPECT_NE(prepare(folder_ / "bank", progress_), nullptr) << "the very bank";
  write("two");
  EXPECT_THAT(messageOf([&] { prepare(folder_ / "bank", progress_); }), HasSubstr("changed under its name"));
}

TEST_F(BankTest, TrainsOnPromptsToTheShareAskedFor) {
  settings_.merge({{"kinds", "gdn"}, {"tokens", 1024}, {"sequence_length", 512}}, "test");
  const auto text = prepare(folder_ / "text", progress_);
  settings_.merge({{"prompt_share", 0.5}}, "test");
  const auto mixed = prepare(folder_ / "mixed", progress_);
  EXPECT_FALSE(output(*text, MixerKind::Gdn, 1).equal(output(*mixed, MixerKind::Gdn, 1)));
  settings_.merge({{"sequence_length", 16}, {"tokens", 32}}, "test");
  EXPECT_NE(prepare(folder_ / "short", progress_), nullptr) << "a prompt takes the tokens that its words need";
}

TEST_F(BankTest, TheFormOfItsPromptsIsPartOfTheKey) {
  const auto reopen = [&](const std::string& chat) {
    tokenizer_ = std::make_shared<const Tokenizer>(Tokenizer::from(ModelFiles::open(folder_ / "model"), chat));
  };
  settings_.merge({{"kinds", "gdn"}, {"tokens", 64}}, "test");
  prepare(folder_ / "text", progress_);
  EXPECT_FALSE(readCard(folder_ / "text").contains("chat"));
  reopen("chatml");
  EXPECT_NE(prepare(folder_ / "text", progress_), nullptr) << "it has seen no prompts";
  EXPECT_NO_THROW(checkPromptForm(readCard(folder_ / "text"), *tokenizer_, folder_ / "text"));

  settings_.merge({{"prompt_share", 0.5}}, "test");
  prepare(folder_ / "bank", progress_);
  const nlohmann::json card = readCard(folder_ / "bank");
  EXPECT_EQ(card.at("chat"), "chatml (asked for)");
  EXPECT_TRUE(card.at("key").at("prompts").is_string());
  EXPECT_NE(prepare(folder_ / "bank", progress_), nullptr) << "the very bank";
  reopen("none");
  EXPECT_THAT(messageOf([&] { prepare(folder_ / "bank", progress_); }),
              HasSubstr("chat chatml (asked for) instead of none (asked for)"));
  EXPECT_THAT(messageOf([&] { checkPromptForm(card, *tokenizer_, folder_ / "bank"); }),
              AllOf(HasSubstr("chatml (asked for)"), HasSubstr("none (asked for)")));
}

TEST_F(BankTest, ABankThatDoesNotSayItsFormWasMadeAsEarlierProgramsMadeIt) {
  settings_.merge({{"kinds", "gdn"}, {"tokens", 64}, {"prompt_share", 0.5}}, "test");
  prepare(folder_ / "bank", progress_);  // plain text, as this model has no template
  nlohmann::json card = readCard(folder_ / "bank");
  card.erase("chat");
  card.at("key").erase("prompts");
  writeFileAtomically(folder_ / "bank" / "card.json", card.dump());
  EXPECT_NE(prepare(folder_ / "bank", progress_), nullptr) << "it stays valid";
  EXPECT_NO_THROW(checkPromptForm(readCard(folder_ / "bank"), *tokenizer_, folder_ / "bank"));
  std::ofstream(folder_ / "model" / "chat_template.jinja") << "{{ messages[0].content }}, says the user.";
  tokenizer_ = tokenizerOf(folder_ / "model");
  EXPECT_THAT(messageOf([&] { prepare(folder_ / "bank", progress_); }), HasSubstr("as earlier programs wrote them"));
}

TEST_F(BankTest, RefusesAnotherModelByName) {
  prepare(folder_ / "bank", progress_);
  const Teacher other(testing::writePlantedModel(folder_ / "other", {2, 3}, 9));
  EXPECT_THAT(messageOf([&] { CandidateBank::load(folder_ / "bank", other.model); }),
              ::testing::AllOf(HasSubstr(teacher_.model->fingerprint()), HasSubstr(other.model->fingerprint())));
}

TEST_F(BankTest, RefusesAnotherRecipeInTheSameFolder) {
  prepare(folder_ / "bank", progress_);
  settings_.merge({{"window", 8}}, "test");
  EXPECT_THAT(messageOf([&] { prepare(folder_ / "bank", progress_); }), HasSubstr("window is 4 and not 8"));
}

TEST_F(BankTest, NamesUnknownKeysOfACard) {
  prepare(folder_ / "bank", progress_);
  nlohmann::json card = readCard(folder_ / "bank");
  card["qualty"] = 1;
  writeFileAtomically(folder_ / "bank" / "card.json", card.dump());
  EXPECT_THAT(messageOf([&] { readCard(folder_ / "bank"); }), HasSubstr("did you mean \"quality\""));
}

TEST_F(BankTest, NamesAKindThatItLacks) {
  settings_.merge({{"kinds", "gdn"}, {"tokens", 64}}, "test");
  const auto bank = prepare(folder_ / "bank", progress_);
  EXPECT_THAT(messageOf([&] { bank->mixer(0, MixerKind::GdnWindow); }), HasSubstr("gdn-window"));
}

}  // namespace
}  // namespace interleave
