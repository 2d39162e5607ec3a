// SPDX-License-Identifier: GPL-3.0-or-later
// What nearly every file of the windows includes, compiled once.
#pragma once

#include <QtWidgets/QtWidgets>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>
