// SPDX-License-Identifier: GPL-3.0-or-later
#include "gui/widgets/number_field.h"

#include <QStyle>
#include <QToolTip>

#include "gui/model/typed_number.h"

namespace interleave::gui {

NumberField::NumberField(Kind kind, double least, double most, QWidget* parent)
    : QLineEdit(parent), kind_(kind), least_(least), most_(most) {
  setAlignment(Qt::AlignRight);
  connect(this, &QLineEdit::textChanged, this, &NumberField::read);
  connect(this, &QLineEdit::editingFinished, this, &NumberField::finish);
}

void NumberField::setReal(double value) {
  real_ = value;
  showNumber();
}

void NumberField::setWhole(std::int64_t value) {
  whole_ = value;
  showNumber();
}

void NumberField::setSeed(std::uint64_t value) {
  seed_ = value;
  showNumber();
}

void NumberField::showNumber() {
  setText(kind_ == Kind::Real    ? textToType(real_)
          : kind_ == Kind::Whole ? QString::number(whole_)
                                 : QString::number(seed_));
  setCursorPosition(0);
}

QString NumberField::outside(double value) const {
  if (kind_ == Kind::Seed || (value >= least_ && value <= most_)) return {};
  return tr("%1 is outside %2 to %3").arg(textToType(value), textToType(least_), textToType(most_));
}

void NumberField::read() {
  const auto take = [this](const auto& typed, auto& into) {
    why_not_ = typed.value ? outside(static_cast<double>(*typed.value)) : typed.why_not;
    if (why_not_.isEmpty()) into = *typed.value;
  };
  switch (kind_) {
    case Kind::Real:
      take(realTyped(text()), real_);
      break;
    case Kind::Whole:
      take(wholeTyped(text()), whole_);
      break;
    case Kind::Seed:
      take(seedTyped(text()), seed_);
      break;
  }
  const bool wrong = !why_not_.isEmpty();
  if (property("wrong").toBool() == wrong) return;
  setProperty("wrong", wrong);
  style()->unpolish(this);
  style()->polish(this);
}

void NumberField::finish() {
  if (!isModified()) return;
  setModified(false);
  if (why_not_.isEmpty()) {
    Q_EMIT entered();
    return;
  }
  const QString why = why_not_;
  QToolTip::showText(mapToGlobal(QPoint(0, height())), why, this);
  showNumber();
  Q_EMIT refused(why);
}

}  // namespace interleave::gui
