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
