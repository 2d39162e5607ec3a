// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <QString>
#include <filesystem>
#include <map>
#include <string>
#include <vector>

#include "backend/core/transfer.h"
#include "gui/report/report_data.h"
#include "gui/report/report_document.h"
#include "gui/report/report_figures.h"

namespace interleave::gui {

/// Puts a report together: what is said of runs and their comparisons, in which order. Every number is the store's, or
/// computed from it here.
class ReportPage final {
 public:
  explicit ReportPage(Workshop& workshop) : workshop_(workshop), draw_(workshop) {}

  void addHead(const QString& title, const std::filesystem::path& store, const std::vector<ReportRun>& runs);
  /// Differences are from the placement named `against`; see referencesOf().
  void addComparison(const Comparison& comparison, const std::string& against);
  /// What placements of these runs were measured to cost. Nothing where none was.
  void addMeasuredCosts(const std::vector<ReportRun>& runs);
  void addTransfer(const TransferTable& table);  ///< Nothing where nothing was judged so.
  /// Where the named placements stand among all that an enumeration tried. Nothing for other methods.
  void addRegret(const ReportRun& run, const std::map<Placement, std::string>& named);
  /// What the runs of a summary change of their presets, and where they were made; instead of addRun().
  void addChanges(const std::vector<ReportRun>& runs);
  /// `sweep`: the runs that differ from it in one setting alone.
  void addRun(const ReportRun& run, const Sweep& sweep);

  const ReportDocument& document() const { return document_; }

 private:
  using Table = ReportDocument::Table;
  void heading(int level, const QString& text) { document_.blocks.emplace_back(ReportDocument::Heading{level, text}); }
  void paragraph(const QString& text, ReportDocument::Look look = ReportDocument::Look::Muted) {
    document_.blocks.emplace_back(ReportDocument::Paragraph{text, look});
  }
  void table(Table table) {
    if (!table.rows.empty()) document_.blocks.emplace_back(std::move(table));
  }
  void figures(std::vector<ReportFigure> figures);

  void addCosts(const std::vector<ReportRun>& runs);
  void addFacts(const ReportRun& run);
  void addSettings(const QString& title, std::span<const SettingSpec> specs, const nlohmann::json& values);
  void addPlacements(const RunRecord& run);
  void addScores(const Comparison& comparison, const std::string& manner);
  void addDifferences(const Comparison& comparison, const std::string& manner, const std::string& against);
  void addMethods(const Comparison& comparison);
  void addMethodScores(const Comparison& comparison, const std::string& manner);
  /// How many seeds of each method found what is better, or worse, than as many layers evenly spaced.
  void addVerdicts(const Comparison& comparison, const std::string& manner);

  Workshop& workshop_;
  ReportFigures draw_;
  ReportDocument document_;
};

}  // namespace interleave::gui
