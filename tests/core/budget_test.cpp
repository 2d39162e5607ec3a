// SPDX-License-Identifier: GPL-3.0-or-later
#include "backend/core/budget.h"

#include <gtest/gtest.h>

#include "backend/core/error.h"

namespace interleave {
namespace {

TEST(Budget, ReadsLayersAndBytes) {
  EXPECT_EQ(Budget::parse("8"), Budget::layers(8));
  EXPECT_EQ(Budget::parse("0"), Budget::layers(0));
  EXPECT_EQ(Budget::parse("54000000@8192"), Budget::bytes(54'000'000, 8192));
  EXPECT_EQ(Budget::parse("54MB@8192"), Budget::bytes(54'000'000, 8192));
  EXPECT_EQ(Budget::parse("50MiB@8k"), Budget::bytes(50 << 20, 8192));
  EXPECT_EQ(Budget::parse("1GiB@4096"), Budget::bytes(1 << 30, 4096));
}

TEST(Budget, ReadsBackWhatItWrites) {
  for (const Budget& budget :
       {Budget::layers(0), Budget::layers(30), Budget::bytes(1, 1), Budget::bytes(1LL << 40, 131072)}) {
    EXPECT_EQ(Budget::parse(budget.text()), budget) << budget.text();
  }
}

TEST(Budget, RefusesWhatItCannotRead) {
  for (const char* text : {"", "-1", "8.5", "eight", "8 ", " 8", "5MB", "5MB@", "5@0", "5XB@8", "5@8m", "5@8k1",
                           "99999999999999999999", "9223372036854775807GB@8", "5@9223372036854775807k", "@8192"}) {
    try {
      Budget::parse(text);
      ADD_FAILURE() << '"' << text << '"';
    } catch (const Error& error) {
      EXPECT_EQ(error.kind(), ErrorKind::Usage);
    }
  }
}

TEST(CostTable, AddsUpTheCacheOfAPlacement) {
  const CostTable table{
      1024, {{{0, 0, 100}, {0, 0, 10}, {0, 0, 1}, {0, 0, 2}}, {{0, 0, 200}, {0, 0, 20}, {0, 0, 3}, {0, 0, 4}}}};
  EXPECT_EQ(table.cacheBytes(Placement(2, MixerKind::Full)), 300);
  EXPECT_EQ(table.cacheBytes(Placement({MixerKind::GdnWindow, MixerKind::SlidingWindow})), 22);
  EXPECT_THROW(table.cacheBytes(Placement(3, MixerKind::Full)), Error);
}

}  // namespace
}  // namespace interleave
