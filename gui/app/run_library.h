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
#include <set>
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
  /// Of scores: whether better (1) or worse (-1) than the baseline's, and of how many samples where these differ.
  enum Role { StateRole = Qt::UserRole, RunRole, PhaseRole, BaselineRole, BetterRole, CountRole };

  explicit RunLibrary(QObject* parent = nullptr) : QAbstractTableModel(parent) {}

  /// Opens, creating the file where it is missing. Errors pass through and leave everything as it was, but for a store
  /// that another process writes to: that one opens read-only, and readOnlyReason() says who. Nobody may be using
  /// writer() meanwhile: it goes.
  void open(const std::filesystem::path& file);
  const std::filesystem::path& file() const { return file_; }
  bool isOpen() const { return store_.has_value(); }
  StoreWriter* writer() { return writer_.get(); }  ///< Null when read-only, or not open.
  const QString& readOnlyReason() const { return read_only_reason_; }

  void reload();                                   ///< An error passes through; the list then stays as it was.
  void reloadScores(const std::set<RunId>& runs);  ///< The same, after these, which are done, got new ones.
  const std::vector<RunSummary>& runs() const { return listing_.runs; }
  const RunSummary* find(RunId id) const;
  const RunSummary* baseline() const;
  const Placement& baselinePlacement() const { return listing_.baseline; }  ///< Empty: none found yet.

  /// Changes; Usage error when read-only. Removing can be undone; what goes wrong with that is told by failed().
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
  void failed(const QString& what, const QString& reason);

 private:
  class Removal;
  struct Verdict {
    QString value, recall;                   // as the list shows them
    std::optional<Score> kl, passkey;        // that these are of
    PairedDifference kl_from, passkey_from;  // the baseline's, where that is of the same samples
    RunId compared_with = 0;                 // 0: with none yet
  };
  using Verdicts = std::map<RunId, Verdict>;
  struct Listing {
    std::vector<RunSummary> runs;           // newest first
    std::vector<Verdict> verdicts;          // as runs
    QStringList kl_counts, passkey_counts;  // likewise
    Placement baseline;
  };
  StoreWriter& writable();
  static Listing read(const Store& store, Verdicts& known);
  static void compare(Verdicts& known, RunId baseline);
  static Verdict verdictOf(const Store& store, const RunSummary& run, Verdicts& known);
  void show(Listing listing, bool other_store);

  std::filesystem::path file_;
  std::unique_ptr<StoreWriter> writer_;
  std::optional<Store> store_;
  QString read_only_reason_;
  Listing listing_;
  Verdicts final_;  // of runs that are done, which change only when they are judged anew
  QUndoStack undo_;
};

/// Of a run in lists: its title, else its number and method.
QString runTitle(RunId id, const std::string& title, const std::string& method);

}  // namespace interleave::gui
