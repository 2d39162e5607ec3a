// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <gtest/gtest.h>

#include "backend/core/error.h"

namespace interleave::test {

/// The Error that `call` throws; a test failure where it throws none.
template <class Call>
Error errorOf(Call call) {
  try {
    call();
  } catch (const Error& error) {
    return error;
  }
  ADD_FAILURE() << "no error was thrown";
  return failure("", "");
}

}  // namespace interleave::test
