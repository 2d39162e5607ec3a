// SPDX-License-Identifier: GPL-3.0-or-later
#include "gui/style/theme.h"

#include <QApplication>
#include <QFontDatabase>
#include <QPalette>
#include <QStyle>
#include <QStyleFactory>
#include <QStyleHints>
#include <utility>

namespace interleave::gui {
namespace {

using namespace Qt::StringLiterals;

Theme lightTheme() {
  return {.dark = false,
          .window = QColor(0xeef0f3),
          .bar = QColor(0xfbfcfd),
          .card = QColor(0xffffff),
          .border = QColor(0xd3d7dd),
          .grid = QColor(0xe8ebef),
          .text = QColor(0x1c1f24),
          .muted = QColor(0x5f6670),
          .accent = QColor(0x0072b2),
          .on_accent = QColor(0xffffff),
          .inferred = QColor(0xa66f00),
          .changed = QColor(0xc65300),
          .good = QColor(0x00805c),
          .bad = QColor(0xc23b00),
          .chip = QColor(0xe8ebef),
          .track = QColor(0xc9ced6),
          .selection = QColor(0xe3eff7)};
}

Theme darkTheme() {
  return {.dark = true,
          .window = QColor(0x14171b),
          .bar = QColor(0x1a1e23),
          .card = QColor(0x1e2228),
          .border = QColor(0x343a43),
          .grid = QColor(0x2c323a),
          .text = QColor(0xe4e7eb),
          .muted = QColor(0x9aa3af),
          .accent = QColor(0x3a9bd9),
          .on_accent = QColor(0x0b0f13),
          .inferred = QColor(0xe6a93a),
          .changed = QColor(0xf08445),
          .good = QColor(0x35b58c),
          .bad = QColor(0xf0764a),
          .chip = QColor(0x2d333b),
          .track = QColor(0x424953),
          .selection = QColor(0x20384a)};
}

Theme& current() {
  static Theme value = lightTheme();
  return value;
}

QString styleSheet(const Theme& t) {
  const QString sheet =
      uR"(
    QMainWindow, QDialog, QMessageBox { background: @window; }
    QMainWindow::separator { background: transparent; width: 7px; height: 7px; }
    QMainWindow::separator:hover { background: @track; }
    QToolTip { background: @card; color: @text; border: 1px solid @border; padding: 3px; }
    QMenuBar { background: @bar; border-bottom: 1px solid @border; padding: 1px 6px; }
    QMenuBar::item { padding: 4px 10px; background: transparent; border-radius: 4px; }
    QMenuBar::item:selected { background: @selection; }
    QMenu { background: @card; border: 1px solid @border; padding: 4px; }
    QMenu::item { padding: 5px 26px 5px 22px; border-radius: 4px; }
    QMenu::item:selected { background: @selection; color: @text; }
    QMenu::item:disabled { color: @muted; }
    QMenu::separator { height: 1px; background: @border; margin: 4px 8px; }
    QToolBar { background: @bar; border: none; border-bottom: 1px solid @border; padding: 6px 10px; spacing: 8px; }
    QToolBar[edge="true"] { background: @window; border: none; padding: 0; }
    QStatusBar { background: @bar; border-top: 1px solid @border; }
    QStatusBar::item { border: none; }
    #card { background: @card; border: 1px solid @border; border-top: none; border-bottom-left-radius: 6px;
      border-bottom-right-radius: 6px; }
    #cardHeader { background: @card; border: 1px solid @border; border-top-left-radius: 6px;
      border-top-right-radius: 6px; }
    #banner { background: @inferred; color: @card; padding: 6px 14px; }
    QLabel[tone="muted"] { color: @muted; }
    QLabel[tone="inferred"] { color: @inferred; }
    QLabel[tone="bad"] { color: @bad; }
    QLabel[tone="changed"] { color: @changed; }
    QPushButton, QToolButton#plain { background: @card; border: 1px solid @border; border-radius: 5px;
      padding: 5px 11px; color: @text; }
    QPushButton:hover, QToolButton#plain:hover { border-color: @accent; }
    QPushButton:pressed, QToolButton#plain:pressed { background: @selection; }
    QPushButton:focus, QToolButton#plain:focus { border-color: @accent; }
    QPushButton:checked { background: @selection; border-color: @accent; }
    QPushButton:disabled { color: @track; }
    QPushButton[role="primary"] { background: @accent; border-color: @accent; color: @on_accent; font-weight: 600; }
    QPushButton[role="primary"]:disabled { background: @track; border-color: @track; color: @card; }
    QPushButton[role="small"] { padding: 2px 8px; }
    QToolButton[role="header"] { border: none; padding: 1px 5px; border-radius: 4px; color: @muted;
      background: transparent; }
    QToolButton[role="header"]:hover { background: @selection; color: @text; }
    QToolButton[role="header"]:focus { border: 1px solid @accent; }
    QLineEdit, QComboBox, QAbstractSpinBox, QPlainTextEdit { background: @card; border: 1px solid @border;
      border-radius: 4px; padding: 2px 6px; color: @text; selection-background-color: @accent;
      selection-color: @on_accent; }
    QLineEdit:focus, QComboBox:focus, QAbstractSpinBox:focus { border-color: @accent; }
    QLineEdit[wrong="true"] { border-color: @bad; color: @bad; }
    QLineEdit:disabled, QComboBox:disabled, QAbstractSpinBox:disabled { background: transparent;
      border-color: transparent; }
    QComboBox::drop-down { border: none; width: 18px; }
    QComboBox::down-arrow { image: url(:/interleave/chevron.svg); width: 10px; height: 10px; }
    QComboBox::down-arrow:disabled { image: none; }
    QComboBox QAbstractItemView { background: @card; border: 1px solid @border; selection-background-color: @selection;
      selection-color: @text; }
    QAbstractItemView { background: @card; border: none; alternate-background-color: @window; outline: none; }
    QTableView, QTreeView, QListView { selection-background-color: @selection; selection-color: @text; }
    QTreeView::item { padding: 2px 0; }
    QHeaderView { background: @card; }
    QHeaderView::section { background: @card; color: @muted; border: none; border-bottom: 1px solid @border;
      padding: 3px 6px; }
    QFrame#rule { background: @border; border: none; }
    QScrollArea, QScrollArea > QWidget > QWidget#scrolled { background: transparent; border: none; }
    QScrollBar:vertical { background: transparent; width: 9px; margin: 1px; }
    QScrollBar:horizontal { background: transparent; height: 9px; margin: 1px; }
    QScrollBar::handle { background: @track; border-radius: 3px; min-height: 24px; min-width: 24px; }
    QScrollBar::add-line, QScrollBar::sub-line { width: 0; height: 0; }
    QScrollBar::add-page, QScrollBar::sub-page { background: transparent; }
    QProgressBar { background: @track; border: none; border-radius: 4px; height: 8px; max-height: 8px; }
    QProgressBar::chunk { background: @accent; border-radius: 4px; }
    QSlider { min-height: 20px; background: transparent; }
    QSlider::groove:horizontal { height: 4px; background: @track; border-radius: 2px; }
    QSlider::sub-page:horizontal { height: 4px; background: @accent; border-radius: 2px; }
    QSlider::sub-page:horizontal:disabled { background: @track; }
    QSlider::handle:horizontal { width: 12px; height: 12px; margin: -6px 0; border-radius: 8px; background: @card;
      border: 2px solid @accent; }
    QSlider::handle:horizontal:focus { background: @selection; }
    QSlider::handle:horizontal:disabled { border-color: @track; }
    QTabBar { background: transparent; qproperty-drawBase: 0; qproperty-elideMode: ElideNone; }
    QTabBar::tab { background: transparent; color: @muted; padding: 6px 9px 5px 9px; margin-left: 3px;
      border: none; border-bottom: 3px solid transparent; }
    QTabBar::tab:selected { color: @text; border-bottom: 3px solid @accent; font-weight: 600; }
    QTabBar::tab:hover { color: @text; }
    QCheckBox { spacing: 6px; }
  )"_s;
  const std::pair<QLatin1String, QColor> colours[] = {
      {"@on_accent"_L1, t.on_accent}, {"@window"_L1, t.window},   {"@bar"_L1, t.bar},     {"@card"_L1, t.card},
      {"@border"_L1, t.border},       {"@text"_L1, t.text},       {"@muted"_L1, t.muted}, {"@accent"_L1, t.accent},
      {"@inferred"_L1, t.inferred},   {"@changed"_L1, t.changed}, {"@bad"_L1, t.bad},     {"@track"_L1, t.track},
      {"@selection"_L1, t.selection}};
  QString filled = sheet;
  for (const auto& [key, colour] : colours) filled.replace(key, colour.name());
  return filled;
}

QPalette paletteOf(const Theme& t) {
  QPalette palette;
  palette.setColor(QPalette::Window, t.window);
  palette.setColor(QPalette::WindowText, t.text);
  palette.setColor(QPalette::Base, t.card);
  palette.setColor(QPalette::AlternateBase, t.window);
  palette.setColor(QPalette::Text, t.text);
  palette.setColor(QPalette::PlaceholderText, t.muted);
  palette.setColor(QPalette::Button, t.card);
  palette.setColor(QPalette::ButtonText, t.text);
  palette.setColor(QPalette::BrightText, t.bad);
  palette.setColor(QPalette::ToolTipBase, t.card);
  palette.setColor(QPalette::ToolTipText, t.text);
  palette.setColor(QPalette::Highlight, t.accent);
  palette.setColor(QPalette::HighlightedText, t.on_accent);
  palette.setColor(QPalette::Link, t.accent);
  palette.setColor(QPalette::Light, t.card);
  palette.setColor(QPalette::Midlight, t.grid);
  palette.setColor(QPalette::Mid, t.border);
  palette.setColor(QPalette::Dark, t.track);
  palette.setColor(QPalette::Shadow, t.window);
  for (const QPalette::ColorRole role : {QPalette::WindowText, QPalette::Text, QPalette::ButtonText}) {
    palette.setColor(QPalette::Disabled, role, t.track);
  }
  return palette;
}

/// Whether the desktop is dark, asked once before our own palette hides the answer.
bool systemIsDark() {
#if QT_VERSION >= QT_VERSION_CHECK(6, 5, 0)
  return QGuiApplication::styleHints()->colorScheme() == Qt::ColorScheme::Dark;
#else
  static const bool dark = QApplication::palette().color(QPalette::Window).lightness() < 128;
  return dark;
#endif
}

}  // namespace

const Theme& theme() { return current(); }

void applyTheme(QApplication& application, ThemeChoice choice) {
  const bool system = systemIsDark();  // asked also where it does not count now, before our palette hides it
  const bool dark = choice == ThemeChoice::Dark || (choice == ThemeChoice::System && system);
  current() = dark ? darkTheme() : lightTheme();
  QApplication::setStyle(QStyleFactory::create(u"Fusion"_s));
  QApplication::setFont(textFont(TextSize::Body));
  QApplication::setPalette(paletteOf(current()));
  application.setStyleSheet(styleSheet(current()));
}

QFont textFont(TextSize size, bool bold) {
  QFont font = QFontDatabase::systemFont(QFontDatabase::GeneralFont);
  font.setPointSizeF(size == TextSize::Body ? 9 : size == TextSize::Small ? 8.25 : 7.5);
  font.setBold(bold);
  return font;
}

QFont fixedFont() {
  QFont font = QFontDatabase::systemFont(QFontDatabase::FixedFont);
  font.setStyleHint(QFont::Monospace);
  font.setPointSizeF(8.25);
  return font;
}

QColor chipFill(MixerKind kind) {
  switch (kind) {
    case MixerKind::Full:
      return theme().accent;
    case MixerKind::SlidingWindow:
      return theme().dark ? QColor(0x5d4a1f) : QColor(0xf6e3b4);
    case MixerKind::Gdn:
      return theme().dark ? QColor(0x24463b) : QColor(0xcfe8df);
    case MixerKind::GdnWindow:
      break;
  }
  return theme().chip;
}

QColor chipText(MixerKind kind) { return kind == MixerKind::Full ? theme().on_accent : theme().text; }

}  // namespace interleave::gui
