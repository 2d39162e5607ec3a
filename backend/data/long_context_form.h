// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "backend/core/random.h"
#include "backend/data/long_context.h"

namespace interleave {

/// One prompt of a task before it is put into tokens.
struct Sample {
  std::string user;           ///< What the user says: the task, its filler, the question.
  std::string answer_prefix;  ///< How the answer begins; no space at its end.
  std::vector<std::string> references;
};

/// What a sample is made of.
struct SampleInput {
  const LongContextTask::Materials& materials;
  std::int64_t tokens;       ///< Asked for.
  const Question* question;  ///< Of a task that reads a file; else null.
};

/// How a task makes its samples.
struct LongContextForm : LongContextInfo {
  std::int64_t most_new = 0;  ///< 0: half as many again as the answer has.
  std::int64_t least = 0;     ///< Items of filler without which the answer would not be the right one.
  /// The sample with so many items of filler. What does not hang on their number is drawn first, so that it stays.
  Sample (*sample)(const SampleInput& input, Random random, std::int64_t items) = nullptr;
};

/// The tasks of each kind; together they are LongContextTask::all().
std::span<const LongContextForm> needleForms();    ///< niah_*, vt: things hidden among sentences.
std::span<const LongContextForm> countingForms();  ///< cwe, fwe: words that come most often.
std::span<const LongContextForm> questionForms();  ///< qa_1, qa_2: a paragraph among others.
std::span<const LongContextForm> passkeyForms();   ///< flashmorph_passkey.

/// "a, b, c".
std::string listed(std::span<const std::string> words, std::string_view separator = ", ");

}  // namespace interleave
