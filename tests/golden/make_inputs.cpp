// SPDX-License-Identifier: GPL-3.0-or-later
// What renew.sh --inputs needs beside the programs: the small model, a run that somebody changed on its way, and what
// only the window writes into a store. It knows today's types; where they go, so may this file (see README.md).
#include <cstdio>
#include <exception>
#include <filesystem>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "backend/engine/workbench.h"
#include "sessions/store.h"
#include "tests/backend/support/tiny_model.h"

namespace interleave::testing {
namespace {

/// Changes a run at steps of its own, and records it.
class Meddler final : public EventSink {
 public:
  Meddler(Recorder& recorder, Engine& engine) : recorder_(recorder), engine_(engine) {}
  void onEvent(const Event& event) override {
    recorder_.onEvent(event);
    const auto* const step = std::get_if<StepEvent>(&event);
    if (step == nullptr) return;
    Intervention change;
    switch (step->step) {
      case 3:
        change.key = "learning_rate";
        change.value = 0.05;
        break;
      case 5:
      case 8:
        change.kind = step->step == 5 ? Intervention::Kind::Pin : Intervention::Kind::Release;
        change.layer = 0;
        break;
      case 9:
        change.key = "budget";
        change.value = "3";
        break;
      default:
        return;
    }
    engine_.intervene(std::move(change));
  }

 private:
  Recorder& recorder_;
  Engine& engine_;
};

/// The settings of run `of` again, changed on its way.
void changedRun(StoreWriter& writer, const std::filesystem::path& store, RunId of) {
  RunSpec spec = Store::open(store).spec(of);
  spec.title = "changed on its way";
  Recorder recorder(writer, writer.addRun(spec));
  const std::unique_ptr<Engine> engine = makeEngine();
  Meddler meddler(recorder, *engine);
  engine->start(spec, meddler);
  const Outcome outcome = engine->wait();
  writer.flush();
  if (outcome.phase != Phase::Done) throw failure(store, outcome.reason);
}

int make(const std::vector<std::string>& words) {
  if (words.size() == 2 && words[0] == "model") {
    writePlantedModel(words[1], {1, 4});
    return 0;
  }
  if (words.size() == 2 && words[0] == "even-model") {  // whose heads divide its width: what the format fla wants
    writeTinyModel(words[1],
                   tinyConfig("llama", {{"num_hidden_layers", 6},
                                        {"num_attention_heads", 3},
                                        {"num_key_value_heads", 1},
                                        {"intermediate_size", 8},
                                        {"vocab_size", 8}}),
                   1, DType::BF16);
    return 0;
  }
  if (words.size() == 2 && words[0] == "changed-run") {
    StoreWriter writer(words[1]);
    changedRun(writer, words[1], 1);
    return 0;
  }
  if (words.size() == 2 && words[0] == "marks") {
    StoreWriter writer(words[1]);
    writer.setTitle(1, "the first search");
    writer.setNote(1, "Kept for comparison.\nIts two layers are those that were planted.");
    writer.setTags(1, {"golden", "ümläut", "two words"});
    writer.setBaseline(1, true);
    writer.setTags(2, {"golden"});
    writer.remove(7);
    writer.flush();
    return 0;
  }
  std::fputs("make_inputs model FOLDER | even-model FOLDER | changed-run STORE | marks STORE\n", stderr);
  return 2;
}

}  // namespace
}  // namespace interleave::testing

int main(int argc, char** argv) {
  try {
    return interleave::testing::make({argv + 1, argv + argc});
  } catch (const std::exception& error) {
    std::fprintf(stderr, "%s\n", error.what());
    return 1;
  }
}
