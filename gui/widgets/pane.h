// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <QString>
#include <QWidget>

namespace interleave::gui {

class FrameClock;

/// The content of a dock. It repaints from the models when the frame clock tells it to: a hidden pane only remembers
/// that it is out of date.
class Pane : public QWidget {
  Q_OBJECT
 public:
  Pane(const QString& title, FrameClock& clock);
  ~Pane() override;

  const QString& title() const { return title_; }
  const QString& hint() const { return hint_; }  ///< What the card's header says on its right.

  void touch();  ///< Its models have changed.
  bool outdated() const { return outdated_ && isVisible(); }
  void refreshNow();
  virtual QString csv() const;  ///< The data on screen; the figures' by default.

 Q_SIGNALS:
  void hintChanged(const QString& hint);

 protected:
  virtual void refresh() = 0;
  void setContent(QWidget* content, QLayout* tools);  ///< One above the other.
  void setHint(const QString& hint);
  void showEvent(QShowEvent* event) override;
  void changeEvent(QEvent* event) override;

 private:
  QString title_, hint_;
  FrameClock& clock_;
  bool outdated_ = true;
};

}  // namespace interleave::gui
