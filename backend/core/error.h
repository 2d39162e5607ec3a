// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <stdexcept>
#include <string>

namespace interleave {

/// What went wrong, as the command line's exit code.
enum class ErrorKind {
  Failed = 1,    ///< The job could not be done (disk full, values not finite, a defect).
  Usage = 2,     ///< The caller asked for something that cannot be (an unknown key, a word where a number belongs).
  BadInput = 3,  ///< A file is not what it claims to be, or does not fit the rest (a budget outside the model's range).
  Stopped = 4,   ///< The user asked to stop.
};

/// The one exception of the project: which file, where in it, and why. `what()` is "file: place: reason", with the
/// parts that are empty left out.
class Error : public std::runtime_error {
 public:
  Error(ErrorKind kind, std::string file, std::string place, std::string reason);

  ErrorKind kind() const { return kind_; }
  const std::string& file() const { return file_; }
  const std::string& place() const { return place_; }
  const std::string& reason() const { return reason_; }

 private:
  ErrorKind kind_;
  std::string file_, place_, reason_;
};

/// Shorthands, so that a throw site is one line.
Error badInput(std::string file, std::string place, std::string reason);
Error usageError(std::string place, std::string reason);
Error failure(std::string place, std::string reason);
Error stopped();

/// The entry of `known` nearest to `word` by edit distance, or "" when nothing is near (more than half of it differs).
template <class Range>
std::string nearestOf(const std::string& word, const Range& known);

/// How a complaint about the unknown `word` ends: "; did you mean "temperature"?", or "" when nothing is near.
template <class Range>
std::string didYouMean(const std::string& word, const Range& known);

std::size_t editDistance(const std::string& a, const std::string& b);

template <class Range>
std::string nearestOf(const std::string& word, const Range& known) {
  std::string best;
  std::size_t least = word.size() / 2 + 1;
  for (const auto& candidate : known) {
    const std::size_t distance = editDistance(word, std::string(candidate));
    if (distance < least) {
      least = distance;
      best = std::string(candidate);
    }
  }
  return best;
}

template <class Range>
std::string didYouMean(const std::string& word, const Range& known) {
  const std::string near = nearestOf(word, known);
  return near.empty() ? "" : "; did you mean \"" + near + "\"?";
}

}  // namespace interleave
