// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <QString>
#include <filesystem>
#include <vector>

#include "gui/report/report_data.h"
#include "gui/report/report_figures.h"

namespace interleave::gui {

/// Text fit for XML: markup escaped, and characters that XML does not have replaced.
QString escaped(const QString& text);

/// The content of a report, as well-formed HTML that a browser and Qt's own rich text both understand. Pictures stand
/// in it as figureTag(number). Everything from a store is escaped.
class ReportPage final {
 public:
  explicit ReportPage(Workshop& workshop) : workshop_(workshop), draw_(workshop) {}

  void addHead(const QString& title, const std::filesystem::path& store, std::size_t runs);
  void addRun(const ReportRun& run);
  void addComparison(const Comparison& comparison);

  const QString& body() const { return body_; }
  const std::vector<ReportFigure>& figures() const { return figures_; }
  QString figureTag(std::size_t figure) const;

 private:
  void addFacts(const ReportRun& run);
  void addSettings(const QString& title, std::span<const SettingSpec> specs, const nlohmann::json& values);
  void addPlacements(const RunRecord& run);
  void addFigures(std::vector<ReportFigure> figures);
  void addScores(const Comparison& comparison, const std::string& manner);
  void addDifferences(const Comparison& comparison, const std::string& manner);
  QString picture(ReportFigure figure);

  Workshop& workshop_;
  ReportFigures draw_;
  QString body_;
  std::vector<ReportFigure> figures_;
};

}  // namespace interleave::gui
