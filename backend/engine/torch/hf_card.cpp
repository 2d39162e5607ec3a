// SPDX-License-Identifier: GPL-3.0-or-later
#include "backend/engine/torch/hf_card.h"

#include <algorithm>
#include <array>
#include <cctype>
#include <fstream>
#include <iomanip>
#include <locale>
#include <map>
#include <sstream>
#include <system_error>

#include "backend/core/budget.h"
#include "backend/core/error.h"
#include "backend/formats/atomic_file.h"
#include "backend/formats/unicode.h"
#include "backend/mixers/cost.h"

namespace interleave {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;

constexpr std::size_t kFrontMatter = std::size_t{64} << 10;  ///< Bytes of a README.md that are looked at.
constexpr std::array<std::int64_t, 3> kContexts{4096, 32768, 131072};

/// Six digits of a number; with `places`, so many after the point.
std::string digits(double value, int places = -1) {
  std::ostringstream text;
  text.imbue(std::locale::classic());
  if (places >= 0) text << std::fixed << std::setprecision(places);
  text << value;
  return text.str();
}

bool isWord(const std::string& text, std::string_view others) {
  return !text.empty() && text.size() < 200 && std::ranges::all_of(text, [&](unsigned char c) {
    return std::isalnum(c) != 0 || others.find(static_cast<char>(c)) != std::string_view::npos;
  });
}

/// The plain values of a README.md's front matter, by their keys; of a list the first.
std::map<std::string, std::string> frontMatter(const fs::path& readme) {
  std::map<std::string, std::string> values;
  std::string text(kFrontMatter, '\0');
  std::ifstream stream(readme, std::ios::binary);
  stream.read(text.data(), static_cast<std::streamsize>(text.size()));
  text.resize(static_cast<std::size_t>(stream.gcount()));
  const auto trimmed = [](std::string value) {
    const auto space = [](unsigned char c) { return std::isspace(c) != 0; };
    value.erase(value.begin(), std::ranges::find_if_not(value, space));
    while (!value.empty() && space(static_cast<unsigned char>(value.back()))) value.pop_back();
    const bool quoted = value.size() > 1 && value.front() == value.back() && (value[0] == '"' || value[0] == '\'');
    return quoted ? value.substr(1, value.size() - 2) : value;
  };
  std::string key;
  for (std::size_t from = 0, lines = 0; from < text.size(); ++lines) {
    const std::size_t end = std::min(text.find('\n', from), text.size());
    const std::string line = text.substr(from, end - from);
    from = end + 1;
    const bool mark = trimmed(line) == "---";
    if (lines == 0 ? !mark : mark) break;
    if (lines == 0 || line.empty()) continue;
    const std::size_t colon = line.find(':');
    if (std::isspace(static_cast<unsigned char>(line[0])) == 0 && line[0] != '-' && colon != std::string::npos) {
      key = trimmed(line.substr(0, colon));
      if (const std::string value = trimmed(line.substr(colon + 1)); !value.empty()) values.emplace(key, value);
    } else if (const std::string item = trimmed(line); item.starts_with("- ") && !key.empty()) {
      values.emplace(key, trimmed(item.substr(2)));
    }
  }
  return values;
}

/// Whose licence the weights are under, as the source says it, and what the source is called on the Hub.
struct Origin {
  std::string licence, licence_name, licence_link, repository;
};

Origin originOf(const ModelFiles& model) {
  Origin origin;
  std::map<std::string, std::string> told;
  if (model.format() == "gguf") {
    const json& metadata = model.ggufMetadata();
    for (const auto& [key, name] : {std::pair{"general.license", "license"},
                                    {"general.license.name", "license_name"},
                                    {"general.license.link", "license_link"},
                                    {"general.source.huggingface.repository", "repository"}}) {
      const json value = metadata.value(key, json());
      if (value.is_string()) told.emplace(name, value.get<std::string>());
    }
  } else {
    told = frontMatter(model.path() / "README.md");
    told["repository"] = model.config().name;
  }
  const auto word = [&](const char* key, std::string_view others) {
    return isWord(told[key], others) ? told[key] : std::string();
  };
  origin.licence = word("license", ".-_+");
  origin.licence_name = word("license_name", ".-_+ ");
  origin.licence_link = word("license_link", ".-_+/:?=&#%~");
  origin.repository = word("repository", ".-_/");
  if (std::ranges::count(origin.repository, '/') != 1 ||
      !std::isalnum(static_cast<unsigned char>(origin.repository[0])))
    origin.repository.clear();
  return origin;
}

bool isLicence(const std::string& name) {
  std::string upper = name;
  std::ranges::transform(upper, upper.begin(), [](unsigned char c) { return std::toupper(c); });
  for (const char* prefix : {"LICENSE", "LICENCE", "COPYING", "NOTICE", "USE_POLICY"}) {
    if (upper.starts_with(prefix)) return true;
  }
  return false;
}

std::vector<std::string> copyLicences(const ModelFiles& model, const fs::path& folder) {
  std::vector<std::string> names;
  if (model.format() == "gguf") return names;
  std::error_code none;
  for (const auto& entry : fs::directory_iterator(model.path(), none)) {
    const std::string name = entry.path().filename().string();
    if (!isLicence(name) || !entry.is_regular_file(none)) continue;
    std::error_code problem;
    fs::copy_file(entry.path(), folder / name, problem);
    if (problem) throw failure(entry.path().string(), "cannot be copied: " + problem.message());
    names.push_back(name);
  }
  std::ranges::sort(names);
  return names;
}

bool holds(const Placement& placement, MixerKind kind) {
  return std::ranges::find(placement.kinds(), kind) != placement.kinds().end();
}

std::string header(const Hybrid& hybrid, const Origin& origin) {
  std::string text = "---\n";
  const auto line = [&](const char* key, const std::string& value) {
    if (!value.empty()) text += std::string(key) + ": " + json(value).dump() + "\n";
  };
  line("license", origin.licence);
  line("license_name", origin.licence_name);
  line("license_link", origin.licence_link);
  line("base_model", origin.repository);
  text += "library_name: transformers\npipeline_tag: text-generation\ntags:\n- interleave\n- hybrid-attention\n";
  if (holds(hybrid.placement, MixerKind::SlidingWindow)) text += "- sliding-window-attention\n";
  if (std::ranges::any_of(hybrid.placement.kinds(), isTrained)) text += "- gated-deltanet\n";
  return text + "---\n";
}

std::string windowText(const Window& window) {
  const std::string last = "the last " + std::to_string(window.tokens) + " tokens";
  return window.sinks == 0 ? last : last + " and the first " + std::to_string(window.sinks);
}

std::string layers(const Hybrid& hybrid) {
  std::string text = std::to_string(hybrid.placement.fullCount()) + " of " + std::to_string(hybrid.placement.layers()) +
                     " layers keep the model's attention. One glyph a layer: F full attention";
  if (std::ranges::any_of(hybrid.model.config().native_sliding, [](bool slides) { return slides; })) {
    text += " (or the model's own window of " + std::to_string(hybrid.model.config().window) + " tokens)";
  }
  if (holds(hybrid.placement, MixerKind::GdnWindow)) {
    text += ", · Gated DeltaNet with exact attention over " + windowText(hybrid.windows.gdn);
  }
  if (holds(hybrid.placement, MixerKind::Gdn)) text += ", g Gated DeltaNet";
  if (holds(hybrid.placement, MixerKind::SlidingWindow)) {
    text += ", w sliding window over " + windowText(hybrid.windows.sliding);
  }
  text += ".\n\n    " + hybrid.placement.line() + "\n";
  if (hybrid.stored != nullptr && hybrid.stored->kind() == StoredHybrid::Kind::Export) {
    text += "\nIts weights are those of a folder exported before, with what was trained there.\n";
  } else if (hybrid.stored != nullptr) {
    text += "\nIts weights were healed: trained towards the original model's predictions.\n";
  } else if (std::ranges::any_of(hybrid.placement.kinds(), isTrained)) {
    text +=
        "\nEach Gated DeltaNet was aligned by itself to what the model's attention gives in its layer; the hybrid as a "
        "whole was not trained. All other weights are the model's.\n";
  } else {
    text += "\nIts weights are the model's: nothing was trained.\n";
  }
  return text;
}

std::string needs(const HfConfig& config, const HfType& type) {
  const bool stock = config.needs_code.empty();
  std::string text = "\n## Needs\n`transformers` " + config.least_version + " or newer; tried with ";
  for (std::size_t i = 0; i < kTriedVersions.size(); ++i) {
    if (kTriedVersions[i] < config.least_version) continue;
    text += std::string(text.ends_with("tried with ") ? "" : ", ") + kTriedVersions[i];
  }
  text += stock ? ". It loads as `" + config.document.at("architectures")[0].get<std::string>() +
                      "`, and asks for no code of its own.\n"
                : ". Its model code comes with it, since " + config.needs_code +
                      ", which no model class of `transformers` can express: look at the `.py` files, then load with "
                      "`trust_remote_code=True`.\n";
  if (configFiles(config).size() > 1) {
    text +=
        "Older ones do not know the class, or compute something else with it. They are sent to a configuration that "
        "they "
        "refuse: `config.json` lists the configurations by version (`configuration_files`), and `" +
        configFiles(config)[1].name + "`, the same as it, is the one that counts.\n";
  }
  const std::string torch = torchName(type.type);
  text += "\nAll tensors are " + torch + (type.reason.empty() ? "" : ": " + type.reason) +
          (type.type == DType::F32
               ? "."
               : ". Version 5 loads them so, version 4 in fp32 unless `torch_dtype=\"auto\"` is asked for.") +
          " In fp32 the logits are those that Interleave computes from these tensors.\n";
  return text;
}

std::string example(const HfConfig& config, const std::string& no_tokenizer, const std::string& name) {
  const bool stock = config.needs_code.empty(), tokenizes = no_tokenizer.empty();
  std::string text = "\n## Example\n```python\nimport os\n\n";
  if (!tokenizes) text += "import torch\n";
  text += std::string("from transformers import AutoModelForCausalLM") + (tokenizes ? ", AutoTokenizer" : "") + "\n\n";
  const std::string quoted = json(name).dump();
  const auto open = [&](const char* variable, const char* opener, const char* trust) {
    text += std::string(variable) + " = " + opener + ".from_pretrained(folder" + (stock ? "" : trust) + ")\n";
  };
  text += "folder = os.path.abspath(" + quoted + " if os.path.isdir(" + quoted + ") else \".\")  # this folder\n";
  open("model", "AutoModelForCausalLM", ", trust_remote_code=True");
  if (tokenizes) {
    open("tokenizer", "AutoTokenizer", ", trust_remote_code=False");
    text +=
        "inputs = tokenizer(\"Once upon a time\", return_tensors=\"pt\")\n"
        "output = model.generate(**inputs, max_new_tokens=20)\n"
        "print(tokenizer.decode(output[0], skip_special_tokens=True))\n";
  } else {
    text += "print(model.generate(torch.tensor([[1, 2, 3]]), max_new_tokens=20))\n";
  }
  text += "```\n";
  if (!tokenizes) text += "\nThere is no tokenizer here: " + no_tokenizer + ".\n";
  return text;
}

std::string scores(const Hybrid& hybrid) {
  const json all = hybrid.provenance.is_object() ? hybrid.provenance.value("scores", json()) : json();
  std::string rows;
  for (const auto& [task, score] : all.items()) {
    if (!isWord(task, "_-.") || !score.is_object()) continue;
    const auto number = [&, &score = score](const char* key) {
      const json value = score.value(key, json());
      return value.is_number() ? digits(value.get<double>()) : std::string("–");
    };
    const json unit = score.value("unit", json());
    const bool known = unit.is_string() && isWord(unit, "% /");
    rows.append("| ").append(task).append(" | ").append(number("value"));
    if (known) rows.append(" ").append(unit.get<std::string>());
    rows.append(" | ").append(number("standard_error")).append(" | ").append(number("samples")).append(" |\n");
  }
  if (rows.empty()) return {};
  const char* const weights = hybrid.stored != nullptr ? "with these weights" : "with the bank's operators";
  return std::string("\n## Scores\nAs Interleave measured them, ") + weights +
         ", before any training elsewhere.\n\n"
         "| task | value | standard error | samples |\n|---|---|---|---|\n" +
         rows;
}

std::string cost(const Hybrid& hybrid) {
  const ModelConfig& config = hybrid.model.config();
  std::string text =
      "\n## KV cache\nBytes of one sequence, keys and values in bf16, states in fp32, by the configuration.\n\n"
      "| tokens | this | the model | share |\n|---|---|---|---|\n";
  std::vector<std::int64_t> lengths;
  for (const std::int64_t length : kContexts) lengths.push_back(std::min<std::int64_t>(length, config.context));
  lengths.erase(std::unique(lengths.begin(), lengths.end()), lengths.end());
  for (const std::int64_t length : lengths) {
    const CostTable table = costTable(config, hybrid.windows, length);
    const std::int64_t here = table.cacheBytes(hybrid.placement);
    const std::int64_t there = table.cacheBytes(Placement(config.layers, MixerKind::Full));
    text += "| " + std::to_string(length) + " | " + std::to_string(here) + " | " + std::to_string(there) + " | " +
            digits(100 * static_cast<double>(here) / static_cast<double>(there), 1) + " % |\n";
  }
  return text;
}

std::string licences(const HfConfig& config, const Origin& origin, const std::vector<std::string>& files) {
  std::string text = "\n## Licence\nThe weights are under the licence of the model that they were made from: ";
  text += origin.licence.empty() ? "its files do not name it" : "`" + origin.licence + "`";
  if (!origin.licence_name.empty()) text += " (" + origin.licence_name + ")";
  for (std::size_t i = 0; i < files.size(); ++i) text += (i == 0 ? "; see " : ", ") + files[i];
  text += ".\n";
  if (!config.needs_code.empty()) {
    text +=
        "The model code, the `.py` files, is Interleave's and under the GNU General Public License, version 3 or "
        "later (GPL-3.0-or-later, <https://www.gnu.org/licenses/gpl-3.0.html>).\n";
  }
  return text;
}

}  // namespace

std::vector<std::string> writeHfCard(const Hybrid& hybrid, const HfConfig& config, const HfType& type,
                                     const std::string& no_tokenizer, const std::string& name, const fs::path& folder) {
  const ModelConfig& model = hybrid.model.config();
  const Origin origin = originOf(hybrid.model);
  std::vector<std::string> names = copyLicences(hybrid.model, folder);
  const std::string title = model.name.empty() ? "a " + familyName(model.family) + " model" : model.name;
  std::string text = header(hybrid, origin) + "\n# Hybrid of " + title + "\n\nWritten by Interleave. " +
                     layers(hybrid) + needs(config, type) + example(config, no_tokenizer, name) + scores(hybrid) +
                     cost(hybrid) + licences(config, origin, names) +
                     "\n`placement.json` is the placement in Interleave's own format; `provenance.json` says where it "
                     "came from. Interleave judges the folder, also after it was trained: `interleave-cli evaluate "
                     "MODEL --placement hybrid:FOLDER`.\n";
  writeFileAtomically(folder / "README.md", unicode::validUtf8(text));
  names.emplace_back("README.md");
  return names;
}

}  // namespace interleave
