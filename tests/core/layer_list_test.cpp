// SPDX-License-Identifier: GPL-3.0-or-later
#include "backend/core/layer_list.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "backend/core/error.h"

namespace interleave {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

TEST(LayerList, IsOfLayersAndRanges) {
  EXPECT_THAT(layersListed("", "keep"), IsEmpty());
  EXPECT_THAT(layersListed("0,4, 8-10", "keep"), ElementsAre(0, 4, 8, 9, 10));
  EXPECT_THAT(layersListed("7-7,3", "keep"), ElementsAre(7, 3));
}

TEST(LayerList, RefusesEverythingElse) {
  for (const char* wrong : {"x", "-1", "3-1", "1-", "1-2-3", "0x3", "99999", "1-99999999999"}) {
    EXPECT_THROW(layersListed(wrong, "keep"), Error) << wrong;
  }
}

}  // namespace
}  // namespace interleave
