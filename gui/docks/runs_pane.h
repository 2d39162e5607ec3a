// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <QSortFilterProxyModel>

#include "gui/app/studio.h"
#include "gui/widgets/pane.h"

class QLineEdit;
class QTreeView;

namespace interleave::gui {

/// The runs of the store: filter, show, resume, replay, tag, pin as baseline, rename, delete (and undo).
class RunsPane final : public Pane {
  Q_OBJECT
 public:
  explicit RunsPane(Studio& studio);
  RunId selected() const;  ///< 0: none.
  void select(RunId id);
  std::vector<RunId> chosen() const;  ///< All that are selected, in the order of the list.
  void askReport();                   ///< Of those, into a file that the user names.
  QTreeView& list() { return *list_; }
  QString csv() const override;

 protected:
  void refresh() override;

 private:
  void openMenu(const QPoint& position);
  void editTags(RunId id);
  void rename(RunId id);
  static QString firstName();  ///< Of the reference that a report takes unasked.
  QStringList referenceNames(const std::vector<RunId>& runs) const;

  Studio& studio_;
  QSortFilterProxyModel filter_;
  QLineEdit* search_;
  QTreeView* list_;
};

}  // namespace interleave::gui
