// SPDX-License-Identifier: GPL-3.0-or-later
#include "backend/formats/bounded_json.h"

#include <algorithm>
#include <utility>
#include <vector>

#include "backend/core/error.h"
#include "backend/formats/checked.h"
#include "backend/formats/mapped_file.h"

namespace interleave {
namespace {

using nlohmann::json;

/// Builds the document while it counts. (The library's own parser with a callback scans a container again for every
/// child that closes, and without one it neither counts nor sees keys that come twice.)
class Builder final : public nlohmann::json_sax<json> {
 public:
  Builder(const std::string& file, const JsonLimits& limits, JsonRepeats* repeats)
      : file_(file), limits_(limits), repeats_(repeats) {}

  json take() { return std::move(root_); }

  bool null() override { return add(nullptr); }
  bool boolean(bool value) override { return add(value); }
  bool number_integer(number_integer_t value) override { return add(value); }
  bool number_unsigned(number_unsigned_t value) override { return add(value); }
  bool number_float(number_float_t value, const string_t&) override { return add(value); }
  bool string(string_t& value) override { return add(std::move(value)); }
  bool binary(binary_t&) override { return false; }  // Not of JSON text.
  bool start_object(std::size_t) override { return open(json::object()); }
  bool start_array(std::size_t) override { return open(json::array()); }
  bool end_object() override { return close(); }
  bool end_array() override { return close(); }

  bool key(string_t& name) override {
    const auto [place, fresh] = open_.back()->get_ref<json::object_t&>().try_emplace(name);
    if (!fresh) {
      if (repeats_ == nullptr || place_.back() != repeats_->object) {
        throw badInput(file_, "key " + inQuotes(name), "is there twice in one object");
      }
      repeats_->keys.push_back(name);
    }
    member_ = &place->second;
    if (repeats_ != nullptr) key_ = name;
    return true;
  }

  bool parse_error(std::size_t, const std::string&, const json::exception& error) override {
    const std::string text = error.what();  // "[json.exception.parse_error.101] parse error at …"
    const std::size_t tag = text.find("] ");
    throw badInput(file_, "", "is not valid JSON: " + (tag == std::string::npos ? text : text.substr(tag + 2)));
  }

 private:
  bool add(json value) {
    put(std::move(value));
    return true;
  }

  bool open(json container) {
    if (open_.size() >= static_cast<std::size_t>(limits_.depth)) {
      throw badInput(file_, "", "is nested more than " + std::to_string(limits_.depth) + " levels deep");
    }
    if (repeats_ != nullptr) place_.push_back(placeOfNext());
    open_.push_back(&put(std::move(container)));
    return true;
  }

  bool close() {
    open_.pop_back();
    if (repeats_ != nullptr) place_.pop_back();
    return true;
  }

  /// "model.vocab" of a member of objects; what is in an array has no place.
  std::string placeOfNext() const {
    if (open_.empty()) return "";
    if (open_.back()->is_array() || (open_.size() > 1 && place_.back().empty())) return "";
    return place_.back().empty() ? key_ : place_.back() + "." + key_;
  }

  /// Where the value went. An array that is open gets no further element before the one that is open in it closes.
  json& put(json value) {
    if (++values_ > limits_.values) {
      throw badInput(file_, "", "holds more than " + std::to_string(limits_.values) + " JSON values");
    }
    if (open_.empty()) return root_ = std::move(value);
    if (open_.back()->is_object()) return *member_ = std::move(value);
    return open_.back()->emplace_back(std::move(value));
  }

  const std::string& file_;
  const JsonLimits& limits_;
  JsonRepeats* const repeats_;  // With it, what is below is kept up.
  std::vector<std::string> place_;
  std::string key_;
  json root_;
  std::vector<json*> open_;
  json* member_ = nullptr;
  std::size_t values_ = 0;
};

}  // namespace

json parseJson(std::string_view text, const std::string& file, const JsonLimits& limits, JsonRepeats* repeats) {
  if (text.size() > limits.bytes) {
    throw badInput(file, "", "is larger than the " + std::to_string(limits.bytes) + " bytes such JSON may have");
  }
  // The library takes a zero byte for the end of the text, and would leave whatever follows unread.
  if (const std::size_t zero = text.find('\0'); zero != std::string_view::npos) {
    throw badInput(file, "", "is not valid JSON: there is a zero byte at offset " + std::to_string(zero));
  }
  Builder builder(file, limits, repeats);
  json::sax_parse(text.begin(), text.end(), &builder);
  return builder.take();
}

json readJson(const std::filesystem::path& path, const JsonLimits& limits, JsonRepeats* repeats) {
  const MappedFile file = MappedFile::open(path);
  return parseJson({reinterpret_cast<const char*>(file.bytes().data()), file.bytes().size()}, path, limits, repeats);
}

void requireKeys(const json& document, std::span<const std::string_view> keys, const std::string& file,
                 std::span<const std::string_view> optional, const std::string& place) {
  if (!document.is_object()) throw badInput(file, place, "expected a JSON object");
  const auto at = [&](std::string_view key) { return place + (place.empty() ? "" : ".") + std::string(key); };
  std::vector<std::string_view> known(keys.begin(), keys.end());
  known.insert(known.end(), optional.begin(), optional.end());
  for (const auto& [key, value] : document.items()) {
    if (std::ranges::find(known, std::string_view(key)) != known.end()) continue;
    throw badInput(file, at(key), "unknown key" + didYouMean(key, known));
  }
  for (const std::string_view key : keys) {
    if (!document.contains(key)) throw badInput(file, at(key), "the key is missing");
  }
}

}  // namespace interleave
