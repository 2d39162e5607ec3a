// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <QLabel>
#include <QPushButton>
#include <QToolButton>

namespace interleave::gui {

/// A line of text that takes the room it is given and elides what does not fit, which is then its tool tip: what it
/// says moves nothing beside it. `width`: that it asks for, in pixels; 0: that of its text.
class ElidedLabel final : public QLabel {
 public:
  explicit ElidedLabel(const QString& text = {}, int width = 0);
  QSize sizeHint() const override;
  QSize minimumSizeHint() const override;

 protected:
  void paintEvent(QPaintEvent* event) override;
  bool event(QEvent* event) override;

 private:
  int width_;
};

/// Small widgets in the windows' style. The caller's layout owns them.
QLabel* mutedLabel(const QString& text = {});
QLabel* bodyLabel(const QString& text = {}, bool bold = false);
QToolButton* headerButton(const QString& text, const QString& accessible_name);
QPushButton* smallButton(const QString& text);
/// Sets a label's tone: "muted", "inferred", "bad" or nothing; see the style sheet.
void setTone(QLabel& label, const char* tone);

}  // namespace interleave::gui
