// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <QLineEdit>
#include <cstdint>

namespace interleave::gui {

/// A field for one number, read as gui/model/typed_number.h says. While its text is none that can be taken it is
/// framed and says why; left like that, it says so beside itself and goes back to its number.
class NumberField final : public QLineEdit {
  Q_OBJECT
 public:
  enum class Kind { Real, Whole, Seed };
  NumberField(Kind kind, double least, double most, QWidget* parent = nullptr);  ///< Bounds inclusive; a seed has none.

  void setReal(double value);
  void setWhole(std::int64_t value);
  void setSeed(std::uint64_t value);
  double real() const { return real_; }          ///< The number read last.
  std::int64_t whole() const { return whole_; }  ///< Likewise.
  std::uint64_t seed() const { return seed_; }   ///< Likewise.
  /// Why the text is not taken; empty: it is.
  const QString& whyNot() const { return why_not_; }

 Q_SIGNALS:
  void entered();                    ///< The user has changed the number, and is done.
  void refused(const QString& why);  ///< The user is done with a text that is none; the number is as it was.

 private:
  void read();
  void finish();
  void showNumber();
  QString outside(double value) const;

  Kind kind_;
  double least_, most_;
  double real_ = 0;
  std::int64_t whole_ = 0;
  std::uint64_t seed_ = 0;
  QString why_not_;
};

}  // namespace interleave::gui
