// SPDX-License-Identifier: GPL-3.0-or-later
// Precompiled for the torch half of the backend only: ATen costs about seven seconds a file otherwise.
#pragma once

#include <ATen/ATen.h>
#include <torch/csrc/autograd/custom_function.h>
#include <torch/csrc/autograd/generated/variable_factories.h>

#include <nlohmann/json.hpp>
#include <string>
#include <vector>
