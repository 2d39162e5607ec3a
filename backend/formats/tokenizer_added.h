// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace interleave {

/// A token that is found in the text before the model sees it.
struct AddedToken {
  std::int32_t id = 0;
  std::string content;
  bool special = false;      ///< Steers the model; left out by decode(skip_special).
  bool normalized = false;   ///< Looked for in the normalised text, in normalised form.
  bool single_word = false;  ///< Not inside a word.
  bool lstrip = false;       ///< Takes the white space before it along.
  bool rstrip = false;       ///< … and after it.
};

/// Finds added tokens in a text: leftmost first, the longest of those, no overlaps.
class AddedTokenMatcher {
 public:
  void add(std::string_view pattern, const AddedToken& token);  ///< `pattern` is not empty.

  /// Calls `part(begin, end, token)` for consecutive parts that cover `text`; the token is null between matches.
  /// `with_special` false: special tokens are text.
  using Part = std::function<void(std::size_t, std::size_t, const AddedToken*)>;
  void parts(std::string_view text, bool with_special, const Part& part) const;

 private:
  struct Node {
    std::map<unsigned char, std::size_t> next;
    std::optional<std::size_t> token;
  };
  struct Match {
    std::size_t end;
    const AddedToken* token;
  };
  std::optional<Match> longestAt(std::string_view text, std::size_t begin) const;

  std::vector<AddedToken> tokens_;
  std::vector<Node> nodes_ = std::vector<Node>(1);  // A trie.
};

}  // namespace interleave
