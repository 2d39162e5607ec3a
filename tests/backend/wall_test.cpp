// SPDX-License-Identifier: GPL-3.0-or-later
// What links the backend sees what workbench.h declares, and nothing of LibTorch: neither headers nor symbols.
#include <dlfcn.h>
#include <gtest/gtest.h>

#include "backend/core/error.h"
#include "backend/engine/workbench.h"

#if __has_include(<ATen/ATen.h>) || __has_include(<torch/torch.h>) || __has_include(<c10/core/Device.h>)
#error "LibTorch's headers are visible to a target that links interleave_backend"
#endif

namespace interleave {
namespace {

TEST(Wall, WhatIsDeclaredCanBeCalled) {
  EXPECT_FALSE(methodNames().empty());
  EXPECT_FALSE(exportFormats().empty());
  EXPECT_FALSE(evaluationTasks().empty());
  EXPECT_EQ(deviceReport("cpu").device, "cpu");
}

TEST(Wall, ErrorsCrossIt) {
  try {
    placementFrom("sideways:3", 8, MixerKind::Gdn);
    FAIL() << "no error was thrown";
  } catch (const Error& error) {
    EXPECT_TRUE(error.kind() == ErrorKind::Usage || error.kind() == ErrorKind::BadInput) << error.what();
  }
}

TEST(PlacementFrom, TakesEachForm) {
  const auto kept = [](const std::string& text) { return placementFrom(text, 8, MixerKind::Gdn).kept(); };
  EXPECT_EQ(kept("layers:7,0,3"), (std::vector<int>{0, 3, 7}));
  EXPECT_EQ(kept("uniform:2"), (std::vector<int>{0, 4}));
  EXPECT_EQ(kept("uniform:2:1"), (std::vector<int>{1, 5}));
  EXPECT_EQ(kept("first:2"), (std::vector<int>{0, 1}));
  EXPECT_EQ(kept("last:2"), (std::vector<int>{6, 7}));
  EXPECT_EQ(kept("random:3:5"), kept("random:3:5"));
  EXPECT_EQ(kept("none"), std::vector<int>{});
  EXPECT_EQ(kept("all").size(), 8u);
  for (const char* wrong : {"layers:", "layers:8", "layers:1,1", "layers:1,", "uniform:9", "uniform:x", "first"}) {
    EXPECT_THROW(kept(wrong), Error) << wrong;
  }
}

TEST(Wall, NothingElseIsExported) {
  void* const library = dlopen(BACKEND_LIBRARY, RTLD_NOW | RTLD_NOLOAD);
  ASSERT_NE(library, nullptr) << dlerror();
  EXPECT_NE(dlsym(library, "_ZN10interleave11methodNamesB5cxx11Ev"), nullptr);
  EXPECT_EQ(dlsym(library, "_ZN10interleave13resolveDeviceERKNSt7__cxx1112basic_stringIcSt11char_traitsIcESaIcEEERS5_"),
            nullptr);
  dlclose(library);
}

}  // namespace
}  // namespace interleave
