// SPDX-License-Identifier: GPL-3.0-or-later
#include "backend/engine/mailbox.h"

#include <gmock/gmock.h>

#include <atomic>
#include <chrono>
#include <thread>

namespace interleave {
namespace {

using testing::ElementsAre;

StepEvent step(std::int64_t number) {
  StepEvent event;
  event.step = number;
  event.logits.assign(60, static_cast<float>(number));
  event.checkpoint = {number, std::string(2000, 'x')};
  return event;
}

std::vector<std::int64_t> numbers(const MailboxContents& contents) {
  std::vector<std::int64_t> steps;
  for (const StepEvent& event : contents.steps) steps.push_back(event.step);
  return steps;
}

TEST(Mailbox, KeepsStepsInOrderAndOnlyTheNewestPhase) {
  Mailbox mailbox;
  EXPECT_TRUE(mailbox.take().empty());
  mailbox.onEvent(PhaseEvent{Phase::Loading, {}});
  mailbox.onEvent(step(1));
  mailbox.onEvent(LogEvent{LogEvent::Level::Info, "a line"});
  mailbox.onEvent(step(2));
  mailbox.onEvent(PlacementEvent{});
  mailbox.onEvent(AlignmentEvent{});
  mailbox.onEvent(PhaseEvent{Phase::Searching, {}});
  const MailboxContents contents = mailbox.take();
  EXPECT_THAT(numbers(contents), ElementsAre(1, 2));
  EXPECT_EQ(contents.steps[1].logits, step(2).logits);
  EXPECT_EQ(contents.steps[1].checkpoint, Checkpoint{});
  EXPECT_EQ(contents.phase->phase, Phase::Searching);
  ASSERT_EQ(contents.rare.size(), 2u);
  EXPECT_TRUE(std::holds_alternative<LogEvent>(contents.rare[0]));
  EXPECT_EQ(contents.alignments.size(), 1u);
  EXPECT_EQ(contents.dropped, 0);
  EXPECT_TRUE(mailbox.take().empty());
}

TEST(Mailbox, ThinsEverySecondStepAndKeepsTheNewest) {
  Mailbox mailbox(4);
  for (int i = 1; i <= 5; ++i) mailbox.onEvent(step(i));
  const MailboxContents contents = mailbox.take();
  EXPECT_THAT(numbers(contents), ElementsAre(1, 3, 5));
  EXPECT_EQ(contents.dropped, 2);
  for (int i = 1; i <= 6; ++i) mailbox.onEvent(step(i));
  EXPECT_THAT(numbers(mailbox.take()), ElementsAre(1, 3, 5, 6));
  for (int i = 1; i <= 7; ++i) mailbox.onEvent(step(i));
  EXPECT_EQ(mailbox.take().steps.back().step, 7);
}

TEST(Mailbox, ThinsTheSameWayEveryTime) {
  const auto thinned = [] {
    Mailbox mailbox(100);
    for (int i = 1; i <= 12'345; ++i) mailbox.onEvent(step(i));
    return numbers(mailbox.take());
  };
  const auto once = thinned();
  EXPECT_EQ(once, thinned());
  EXPECT_LE(once.size(), 100u);
  EXPECT_EQ(once.front(), 1);
  EXPECT_EQ(once.back(), 12'345);
}

TEST(Mailbox, LosesLogLinesBeforeResults) {
  Mailbox mailbox(100);
  for (int i = 0; i < 10'000; ++i) {
    mailbox.onEvent(LogEvent{LogEvent::Level::Info, std::to_string(i)});
    if (i % 1000 == 0) mailbox.onEvent(PlacementEvent{i, {}, {}});
  }
  const MailboxContents contents = mailbox.take();
  EXPECT_LE(contents.rare.size(), 100u);
  std::vector<std::int64_t> placements;
  for (const Event& event : contents.rare) {
    if (const auto* placement = std::get_if<PlacementEvent>(&event)) placements.push_back(placement->step);
  }
  EXPECT_THAT(placements, ElementsAre(0, 1000, 2000, 3000, 4000, 5000, 6000, 7000, 8000, 9000));
  EXPECT_EQ(std::get<LogEvent>(contents.rare.back()).text, "9999");
  EXPECT_EQ(contents.dropped, 10'010 - static_cast<std::int64_t>(contents.rare.size()));
}

TEST(Mailbox, TakesAHundredThousandEventsASecondWhileAWindowDrainsIt) {
  constexpr std::int64_t kEvents = 100'000;
  Mailbox mailbox;
  std::atomic<bool> done{false};
  const StepEvent sample = step(0);
  std::thread engine([&] {
    StepEvent event = sample;
    const auto began = std::chrono::steady_clock::now();
    for (std::int64_t i = 1; i <= kEvents; ++i) {
      event.step = i;
      mailbox.onEvent(event);
      if (i % 1000 == 0) std::this_thread::sleep_until(began + std::chrono::microseconds(10 * i));
    }
    done = true;
  });
  std::int64_t taken = 0, dropped = 0, last = 0;
  std::size_t most = 0;
  for (bool final_round = false; !final_round;) {
    final_round = done;
    const MailboxContents contents = mailbox.take();
    most = std::max(most, contents.steps.size());
    taken += static_cast<std::int64_t>(contents.steps.size());
    dropped += contents.dropped;
    for (const StepEvent& event : contents.steps) {
      EXPECT_GT(event.step, last);
      last = event.step;
    }
    std::this_thread::sleep_for(std::chrono::milliseconds(16));
  }
  engine.join();
  EXPECT_EQ(taken + dropped, kEvents);
  EXPECT_EQ(last, kEvents);
  EXPECT_LE(most, 4096u);
}

}  // namespace
}  // namespace interleave
