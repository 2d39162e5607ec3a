// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <QString>
#include <cstdint>
#include <optional>

namespace interleave::gui {

/// A number as a user typed it, or why the text is none that can be taken: a sentence for the screen.
template <class Number>
struct Typed {
  std::optional<Number> value;
  QString why_not;
};

/// Both decimal conventions, whatever the locale: one separator, a point or a comma, stands before the decimals. Marks
/// between thousands are refused, and so is what may be meant as one: with the locale's decimal comma "0.001" is 0.001
/// and "1.000" is refused, for it may be 1 or 1000. Exponents as in 3e-4.
Typed<double> realTyped(const QString& text);
/// No separator at all; 1e6 is a million.
Typed<std::int64_t> wholeTyped(const QString& text);
Typed<std::uint64_t> seedTyped(const QString& text);  ///< Digits alone.

/// As a field shows a number to be edited: the shortest text that is read as the same one, with the locale's decimal
/// sign and no marks between thousands.
QString textToType(double value);

}  // namespace interleave::gui
