// SPDX-License-Identifier: GPL-3.0-or-later
#include "cli/terminal.h"

#include <fmt/format.h>
#include <spdlog/sinks/stdout_color_sinks.h>
#include <spdlog/spdlog.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <numeric>

#include "cli/stop_signals.h"

namespace interleave::cli {
namespace {

constexpr auto kRedraw = std::chrono::milliseconds(100);  ///< Of a bar.
constexpr auto kRepeat = std::chrono::seconds(5);         ///< Between plain lines of one title …
constexpr double kStride = 0.1;                           ///< … unless this much was done.
constexpr int kBarWidth = 24;

std::size_t terminalWidth() {
  winsize size{};
  return ioctl(STDERR_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0 ? size.ws_col : 100;
}

/// At most `columns` characters of UTF-8 text.
std::string cut(std::string text, std::size_t columns) {
  std::size_t characters = 0;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if ((static_cast<unsigned char>(text[i]) & 0xc0) != 0x80 && ++characters > columns) {
      text.resize(i);
      break;
    }
  }
  return text;
}

spdlog::level::level_enum spdlogLevel(LogEvent::Level level) {
  switch (level) {
    case LogEvent::Level::Debug:
      return spdlog::level::debug;
    case LogEvent::Level::Info:
      return spdlog::level::info;
    case LogEvent::Level::Warning:
      return spdlog::level::warn;
    case LogEvent::Level::Error:
      return spdlog::level::err;
  }
  return spdlog::level::info;
}

std::string describe(const StepEvent& event) {
  const auto metric = [&](Metric which) { return event.metrics[static_cast<std::size_t>(which)]; };
  std::string text = fmt::format("step {}/{}  {}", event.step, event.steps, event.if_stopped_now.line());
  if (std::isfinite(metric(Metric::Loss))) text += fmt::format("  loss {:.3f}", metric(Metric::Loss));
  if (std::isfinite(metric(Metric::HeldOutLoss))) text += fmt::format("  held out {:.3f}", metric(Metric::HeldOutLoss));
  if (std::isfinite(metric(Metric::Margin))) text += fmt::format("  margin {:.2f}", metric(Metric::Margin));
  if (std::isfinite(metric(Metric::TokensPerSecond))) {
    text += fmt::format("  {:.0f} tokens/s", metric(Metric::TokensPerSecond));
  }
  return text;
}

std::string describe(const AlignmentEvent& event) {
  const double sum = std::accumulate(event.relative_error.begin(), event.relative_error.end(), 0.0);
  return fmt::format("{} step {}/{}  {} tokens  mean relative error {:.3f}{}", name(event.kind), event.step,
                     event.steps, event.tokens,
                     sum / static_cast<double>(std::max<std::size_t>(1, event.relative_error.size())),
                     event.held_out ? " on held-out text" : "");
}

double fraction(std::int64_t done, std::int64_t all) {
  return all > 0 ? static_cast<double>(done) / static_cast<double>(all) : -1;
}

}  // namespace

std::string clockText(double seconds) {
  const auto whole = std::llround(seconds);
  return whole < 3600 ? fmt::format("{}:{:02}", whole / 60, whole % 60)
                      : fmt::format("{}:{:02}:{:02}", whole / 3600, whole / 60 % 60, whole % 60);
}

Terminal::Terminal() : on_terminal_(isatty(STDERR_FILENO) == 1) {
  auto logger = spdlog::stderr_color_mt("interleave");
  logger->set_pattern("%^%l:%$ %v");
  spdlog::set_default_logger(std::move(logger));
}

Terminal::~Terminal() { clearBar(); }

void Terminal::print(const nlohmann::json& document, const std::string& text) {
  using Handler = nlohmann::json::error_handler_t;
  printRaw((json_ ? document.dump(2, ' ', false, Handler::replace) : text) + "\n");
}

void Terminal::printRaw(std::string_view text) {
  const std::lock_guard lock(mutex_);
  clearBar();
  const bool written = std::fwrite(text.data(), 1, text.size(), stdout) == text.size();
  if (std::fflush(stdout) != 0 || !written) throw failure("standard output", "cannot be written");
}

void Terminal::log(LogEvent::Level level, const std::string& text) {
  const std::lock_guard lock(mutex_);
  clearBar();
  spdlog::log(spdlogLevel(level), "{}", text);
}

void Terminal::warn(const std::string& line) {
  {
    const std::lock_guard lock(mutex_);
    if (!warned_.insert(line).second) return;
  }
  log(LogEvent::Level::Warning, line);
}

void Terminal::setHeadline(const std::string& text) {
  const std::lock_guard lock(mutex_);
  headline_ = text;
}

void Terminal::report(std::string_view title, double fraction) { show(std::string(title), {}, fraction); }

bool Terminal::stopRequested() const { return stopSignalled(); }

void Terminal::onEvent(const Event& event) {
  if (const auto* phase = std::get_if<PhaseEvent>(&event)) {
    if (phase->phase == Phase::Searching && phase->fraction < 0) {
      const std::lock_guard lock(mutex_);
      work_ = phase->title;
    }
    if (phase->phase != Phase::Failed) show(phase->title, {}, phase->fraction);
  } else if (const auto* step = std::get_if<StepEvent>(&event)) {
    show(work_, describe(*step), fraction(step->step, step->steps));
  } else if (const auto* alignment = std::get_if<AlignmentEvent>(&event)) {
    if (alignment->steps == 0) return;  // of a bank that was there
    show("Preparing candidates", describe(*alignment), fraction(alignment->step, alignment->steps));
  } else if (const auto* line = std::get_if<LogEvent>(&event)) {
    line->level == LogEvent::Level::Warning ? warn(line->text) : log(line->level, line->text);
  } else if (const auto* change = std::get_if<InterventionEvent>(&event)) {
    log(LogEvent::Level::Info, "intervention " + toJson(change->change).dump());
  }
}

void Terminal::show(const std::string& title, const std::string& detail, double fraction) {
  const std::lock_guard lock(mutex_);
  const auto now = Clock::now();
  const bool fresh = title != title_;
  if (fresh) {
    title_ = title;
    detail_.clear();
    began_ = now;
    shown_fraction_ = -1;
  }
  if (!detail.empty()) detail_ = detail;
  if (title_.empty()) return;
  const bool finished = fraction >= 1 && shown_fraction_ < 1;
  const bool due = on_terminal_ ? now - shown_ >= kRedraw
                                : now - shown_ >= kRepeat || fraction - std::max(0.0, shown_fraction_) >= kStride;
  if (!fresh && !finished && !due) return;
  shown_ = now;
  shown_fraction_ = fraction;

  std::string line = headline_.empty() ? title_ : headline_ + "  " + title_;
  if (fraction >= 0 && on_terminal_) {
    const int filled = static_cast<int>(std::lround(std::min(fraction, 1.0) * kBarWidth));
    for (int i = 0; i < kBarWidth; ++i) line += i == 0 ? (filled > 0 ? " █" : " ░") : (i < filled ? "█" : "░");
  }
  if (fraction >= 0) line += fmt::format(" {:3.0f} %{}", std::min(fraction, 1.0) * 100, remaining(fraction));
  if (!detail_.empty()) line += "  " + detail_;
  if (!on_terminal_) {
    fmt::print(stderr, "{}\n", line);
    return;
  }
  fmt::print(stderr, "\r\033[K{}", cut(std::move(line), terminalWidth() - 1));
  std::fflush(stderr);
  bar_ = true;
}

std::string Terminal::remaining(double fraction) const {
  const double elapsed = std::chrono::duration<double>(Clock::now() - began_).count();
  if (fraction <= 0.02 || fraction >= 1 || elapsed < 1) return {};
  return ", " + clockText(elapsed * (1 - fraction) / fraction) + " left";
}

void Terminal::clearBar() {
  if (!bar_) return;
  fmt::print(stderr, "\n");
  bar_ = false;
}

}  // namespace interleave::cli
