// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <chrono>
#include <mutex>
#include <nlohmann/json.hpp>
#include <set>
#include <string>
#include <string_view>

#include "backend/core/events.h"
#include "backend/core/progress.h"

namespace interleave::cli {

/// "1:02", "1:02:03".
std::string clockText(double seconds);

/// Where a command's words go: results to standard output, as text or as one JSON document; progress and log to
/// standard error, as a bar that is redrawn on a terminal and as plain lines elsewhere. Progress and events may come
/// from any thread.
class Terminal final : public Progress, public EventSink {
 public:
  Terminal();
  ~Terminal() override;

  void setJson(bool json) { json_ = json; }
  bool json() const { return json_; }

  /// The one result: `document` with --json, `text` (ended by a newline here) otherwise.
  void print(const nlohmann::json& document, const std::string& text);
  /// Bytes as they are.
  void printRaw(std::string_view text);
  void log(LogEvent::Level level, const std::string& text);
  /// To the log, once: a model may be opened several times for one command.
  void warn(const std::string& line) override;
  /// Stands before every line of progress: which of several jobs this is.
  void setHeadline(const std::string& text);

  void report(std::string_view title, double fraction) override;
  bool stopRequested() const override;
  void onEvent(const Event& event) override;

 private:
  using Clock = std::chrono::steady_clock;
  void show(const std::string& title, const std::string& detail, double fraction);
  void clearBar();
  std::string remaining(double fraction) const;

  const bool on_terminal_;
  bool json_ = false;
  std::mutex mutex_;  ///< Guards all below.
  std::set<std::string> warned_;
  std::string headline_, title_, detail_;
  std::string work_ = "Searching";  ///< What a run's steps are called.
  Clock::time_point began_{}, shown_{};
  double shown_fraction_ = -1;
  bool bar_ = false;  ///< A bar stands on the last line.
};

}  // namespace interleave::cli
