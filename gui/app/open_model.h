// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <QObject>
#include <QStringList>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <vector>

#include "gui/app/workshop.h"
#include "gui/model/job_list.h"

namespace interleave::gui {

/// The pretrained model that the studio works on: what its files say and what its caches cost. Read on a job thread.
class OpenModel final : public QObject {
  Q_OBJECT
 public:
  OpenModel(Workshop& workshop, JobList& jobs, QObject* parent = nullptr)
      : QObject(parent), workshop_(workshop), jobs_(jobs) {}

  /// Returns at once; opened() and changed() when it is known, which replaces the model before. Where it cannot be read
  /// the job fails, and all stays as it was.
  void open(const std::filesystem::path& path, const Settings& bank, const std::string& device);
  /// Computes the costs anew where these settings are others than those of costs(). Returns at once, as above.
  void costWith(const Settings& bank);

  bool opening() const { return jobs_.running(QStringLiteral("open")); }
  bool known() const { return !info_.empty(); }
  const nlohmann::json& info() const { return info_; }
  const std::vector<CostTable>& costs() const { return costs_; }
  const DeviceReport& device() const { return device_; }
  QString title() const;  ///< "SmolLM2-135M-Instruct · 30 layers · 9 heads / 3 KV", as far as it is known.
  int layers() const;

 Q_SIGNALS:
  void opened(const std::filesystem::path& path);
  void changed();
  void warned(const QStringList& lines);  ///< What its files say that does not hold, when it has been opened.

 private:
  Workshop& workshop_;
  JobList& jobs_;
  std::filesystem::path path_;
  nlohmann::json info_;
  std::vector<CostTable> costs_;
  nlohmann::json costed_;  // the bank's settings that costs_ were asked for with
  DeviceReport device_;
};

}  // namespace interleave::gui
