// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <QAbstractTableModel>
#include <QString>
#include <QStringList>
#include <QUndoStack>
#include <filesystem>
#include <map>
#include <memory>
#include <optional>
#include <vector>

#include "gui/model/run_record.h"
#include "sessions/store.h"

namespace interleave::gui {

/// The runs of the open store, as a table. Where another studio writes to the store it is opened for reading only.
/// Lives in the window's thread.
class RunLibrary final : public QAbstractTableModel {
  Q_OBJECT
 public:
  enum Column { Title, State, Quality, Recall, Tags, kColumns };
  /// Texts of a row that a delegate draws on two lines.
  enum Role { StateRole = Qt::UserRole, RunRole, PhaseRole, BaselineRole };

  explicit RunLibrary(QObject* parent = nullptr) : QAbstractTableModel(parent) {}

  /// Opens, creating the file where it is missing. Errors pass through, but for a store that another process writes
  /// to: that one opens read-only, and readOnlyReason() says who.
  void open(const std::filesystem::path& file);
  const std::filesystem::path& file() const { return file_; }
  bool isOpen() const { return store_.has_value(); }
  StoreWriter* writer() { return writer_.get(); }  ///< Null when read-only, or not open.
  const QString& readOnlyReason() const { return read_only_reason_; }

  void reload();
  const std::vector<RunSummary>& runs() const { return runs_; }
  const RunSummary* find(RunId id) const;
  const RunSummary* baseline() const;
  const Placement& baselinePlacement() const { return baseline_placement_; }  ///< Empty: none found yet.
  const Store& store() const { return *store_; }

  /// Changes; Usage error when read-only. Removing can be undone.
  void remove(RunId id);
  void setTags(RunId id, const QStringList& tags);
  void setBaseline(RunId id);  ///< The only one; the same again takes it off.
  void rename(RunId id, const QString& title);
  QUndoStack& undoStack() { return undo_; }

  int rowCount(const QModelIndex& parent = {}) const override;
  int columnCount(const QModelIndex& parent = {}) const override { return parent.isValid() ? 0 : kColumns; }
  QVariant data(const QModelIndex& index, int role) const override;
  QVariant headerData(int section, Qt::Orientation orientation, int role) const override;

 Q_SIGNALS:
  void changed();

 private:
  class Removal;
  struct Verdict {
    QString value, recall;  // as the list shows them
  };
  StoreWriter& writable();
  Verdict verdictOf(const RunSummary& run);

  std::filesystem::path file_;
  std::unique_ptr<StoreWriter> writer_;
  std::optional<Store> store_;
  QString read_only_reason_;
  std::vector<RunSummary> runs_;    // newest first
  std::vector<Verdict> verdicts_;   // as runs_
  std::map<RunId, Verdict> final_;  // of runs that are done, which do not change
  Placement baseline_placement_;
  QUndoStack undo_;
};

}  // namespace interleave::gui
