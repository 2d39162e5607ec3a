// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include "backend/core/progress.h"

namespace interleave {

/// A part of a job, which reports as that share of the whole: what is left is then the job's, not the part's.
class PartProgress final : public Progress {
 public:
  PartProgress(Progress& whole, double from, double to) : whole_(whole), from_(from), to_(to) {}
  void report(std::string_view title, double fraction) override {
    whole_.report(title, fraction < 0 ? from_ : from_ + (to_ - from_) * fraction);
  }
  bool stopRequested() const override { return whole_.stopRequested(); }
  void warn(const std::string& line) override { whole_.warn(line); }

 private:
  Progress& whole_;
  double from_, to_;
};

}  // namespace interleave
