// SPDX-License-Identifier: GPL-3.0-or-later
#include <QDialogButtonBox>
#include <QLocale>
#include <QPushButton>
#include <QSignalSpy>
#include <limits>

#include "gui/docks/judging_dialog.h"
#include "gui/docks/queue_dialog.h"
#include "gui/model/typed_number.h"
#include "gui/widgets/number_field.h"
#include "gui/widgets/setting_editor.h"
#include "support.h"

namespace interleave::gui {

/// What is typed into fields for numbers, under locales with a decimal point and with a decimal comma.
class NumberTest final : public QObject {
  Q_OBJECT
 private:
  static inline const QList<QLocale> kLocales{QLocale::c(), QLocale(QLocale::English, QLocale::UnitedStates),
                                              QLocale(QLocale::German, QLocale::Germany),
                                              QLocale(QLocale::French, QLocale::France)};

  /// As a user does it: the whole of the field replaced, then the field left.
  static void type(QLineEdit& field, const QString& text) {
    field.setFocus();
    field.selectAll();
    QTest::keyClicks(&field, text);
    QTest::keyClick(&field, Qt::Key_Return);
  }

 private Q_SLOTS:
  void init() { failOnWarnings(); }
  void cleanup() { QLocale::setDefault(QLocale::c()); }

  void bothConventionsAreReadRight_data() {
    QTest::addColumn<QString>("text");
    QTest::addColumn<double>("point");  // under a locale with a decimal point; NaN: refused
    QTest::addColumn<double>("comma");
    constexpr double kRefused = std::numeric_limits<double>::quiet_NaN();
    const auto row = [](const char* text, double point, double comma) {
      QTest::newRow(text) << QString::fromUtf8(text) << point << comma;
    };
    row("0.001", 0.001, 0.001);
    row("0,001", 0.001, 0.001);
    row("0.125", 0.125, 0.125);
    row("0,125", 0.125, 0.125);
    row("0.95", 0.95, 0.95);
    row("0,95", 0.95, 0.95);
    row(".5", 0.5, 0.5);
    row(",5", 0.5, 0.5);
    row("5", 5, 5);
    row("-2.5", -2.5, -2.5);
    row("−2,5", -2.5, -2.5);
    row("3e-4", 3e-4, 3e-4);
    row("2,5E-3", 2.5e-3, 2.5e-3);
    row("1e+06", 1e6, 1e6);
    row("12.5", 12.5, 12.5);
    row("12,5", 12.5, 12.5);
    row("1.0005", 1.0005, 1.0005);
    row(" 0.25 ", 0.25, 0.25);
    row("1.000", 1, kRefused);  // or a thousand
    row("1,000", kRefused, 1);
    row("12,500", kRefused, 12.5);
    row("125.000", 125, kRefused);
    row("1.234.567", kRefused, kRefused);
    row("1,234.5", kRefused, kRefused);
    row("1.234,5", kRefused, kRefused);
    row("1 000", kRefused, kRefused);
    row("1\u202f000", kRefused, kRefused);
    row("1'000", kRefused, kRefused);
    row("", kRefused, kRefused);
    row(".", kRefused, kRefused);
    row("1e", kRefused, kRefused);
    row("1.e5.", kRefused, kRefused);
    row("0x10", kRefused, kRefused);
    row("nan", kRefused, kRefused);
    row("inf", kRefused, kRefused);
    row("1e999", kRefused, kRefused);
    row("abc", kRefused, kRefused);
  }
  void bothConventionsAreReadRight() {
    QFETCH(QString, text);
    QFETCH(double, point);
    QFETCH(double, comma);
    for (const QLocale& locale : kLocales) {
      QLocale::setDefault(locale);
      const double wanted = locale.decimalPoint() == QStringLiteral(",") ? comma : point;
      const Typed<double> typed = realTyped(text);
      QCOMPARE(typed.value.has_value(), !std::isnan(wanted));
      QCOMPARE(typed.why_not.isEmpty(), typed.value.has_value());
      if (typed.value) QCOMPARE(*typed.value, wanted);
    }
  }

  void wholeNumbersHaveNoSeparator() {
    for (const QLocale& locale : kLocales) {
      QLocale::setDefault(locale);
      QCOMPARE(wholeTyped(QStringLiteral("10240")).value, std::optional<std::int64_t>(10240));
      QCOMPARE(wholeTyped(QStringLiteral("1e6")).value, std::optional<std::int64_t>(1000000));
      QCOMPARE(wholeTyped(QStringLiteral("-3")).value, std::optional<std::int64_t>(-3));
      for (const char* text : {"1.000", "1,000", "10.240", "10 240", "8,0", "0.5", "1e-1", "1e300", ""}) {
        const Typed<std::int64_t> typed = wholeTyped(QString::fromUtf8(text));
        QVERIFY2(!typed.value && !typed.why_not.isEmpty(), text);
      }
      QCOMPARE(seedTyped(QStringLiteral("18446744073709551615")).value,
               std::optional<std::uint64_t>(std::numeric_limits<std::uint64_t>::max()));
      for (const char* text : {"18446744073709551616", "1.5", "1,5", "-1", "1e3", ""}) {
        QVERIFY2(!seedTyped(QString::fromUtf8(text)).value, text);
      }
    }
  }

  void whatIsShownIsReadAsTheSame() {
    for (const QLocale& locale : kLocales + QList<QLocale>{QLocale(QLocale::Arabic, QLocale::Egypt),
                                                           QLocale(QLocale::Swedish), QLocale(QLocale::Hindi)}) {
      QLocale::setDefault(locale);
      for (const double value : {0.0, 0.001, 0.1, 1.0 / 3, 0.125, 1.125, 12.5, 1000.0, 12500.0, 1e-6, 1.234567890123e-5,
                                 3e9, 1e15, 1e22, -0.5, -1000.0, 123456.789}) {
        const QString text = textToType(value);
        const Typed<double> typed = realTyped(text);
        QVERIFY2(typed.value.has_value(), qPrintable(locale.name() + u' ' + text + u' ' + typed.why_not));
        QCOMPARE(*typed.value, value);
      }
    }
  }

  void setupStoresWhatWasTyped() {
    for (const QLocale& locale : kLocales) {
      QLocale::setDefault(locale);
      Scene scene;
      SetupModel& setup = scene.studio.setup();
      QSignalSpy problems(&scene.studio, &Studio::problem);
      const auto field = [&](const char* key) -> QLineEdit& {
        for (SettingEditor* editor : scene.window.findChildren<SettingEditor*>()) {
          if (editor->key() == key) return *editor->findChild<QLineEdit*>();
        }
        throw usageError(key, "there is no such field");
      };
      QTRY_VERIFY(!scene.window.findChildren<SettingEditor*>().isEmpty());
      type(field("temperature"), QStringLiteral("0.125"));
      QCOMPARE(setup.search().real("temperature"), 0.125);
      type(field("prompt_share"), QStringLiteral("0,25"));
      QCOMPARE(setup.search().real("prompt_share"), 0.25);
      type(field("tokens"), QStringLiteral("20480"));
      QCOMPARE(setup.bank().integer("tokens"), 20480);
      QCOMPARE(problems.count(), 0);
      type(field("tokens"), QStringLiteral("10.240"));
      QCOMPARE(problems.count(), 1);
      QVERIFY(problems[0][0].toString().contains(QStringLiteral("10.240")));
      QCOMPARE(setup.bank().integer("tokens"), 20480);
      QTRY_COMPARE(field("tokens").text(), QStringLiteral("20480"));  // as it was
      type(field("prompt_share"), QStringLiteral("7"));               // outside its range
      QCOMPARE(problems.count(), 2);
      QCOMPARE(setup.search().real("prompt_share"), 0.25);
      // What is shown is what is stored.
      QTRY_COMPARE(realTyped(field("temperature").text()).value, std::optional(0.125));
      const RunSpec spec = setup.spec();
      QCOMPARE(spec.search_settings.at("temperature").get<double>(), 0.125);
    }
  }

  void aFieldIsFramedWhileItsTextIsNoNumber() {
    NumberField field(NumberField::Kind::Real, 0, 10);
    field.setReal(0.5);
    QSignalSpy entered(&field, &NumberField::entered), refused(&field, &NumberField::refused);
    field.show();
    field.selectAll();
    QTest::keyClicks(&field, QStringLiteral("1.2.3"));
    QVERIFY(!field.whyNot().isEmpty());
    QVERIFY(field.property("wrong").toBool());
    QCOMPARE(field.text(), QStringLiteral("1.2.3"));  // no keystroke is swallowed
    QTest::keyClick(&field, Qt::Key_Return);
    QCOMPARE(entered.count(), 0);
    QCOMPARE(refused.count(), 1);
    QVERIFY(field.whyNot().isEmpty());
    QVERIFY(!field.property("wrong").toBool());
    field.selectAll();
    QTest::keyClicks(&field, QStringLiteral("0,75"));
    QTest::keyClick(&field, Qt::Key_Return);
    QCOMPARE(entered.count(), 1);
    QCOMPARE(field.real(), 0.75);
  }

  void aDialogIsNotAcceptedWithANumberThatIsNone() {
    QLocale::setDefault(QLocale(QLocale::German, QLocale::Germany));
    Scene scene;
    JudgingDialog dialog(scene.workshop, {}, {}, nullptr);
    const QList<NumberField*> fields = dialog.findChildren<NumberField*>();
    QCOMPARE(fields.size(), 5);
    auto* accept = dialog.findChild<QDialogButtonBox*>()->button(QDialogButtonBox::Ok);
    QVERIFY(accept->isEnabled());
    for (NumberField* field : fields) {
      const QString before = field->text();
      for (const char* text : {"0.125", "1.000", "1,5"}) {
        field->setText(QString::fromUtf8(text));
        QVERIFY2(!accept->isEnabled(), text);
      }
      field->setText(before);
      QVERIFY(accept->isEnabled());
    }
    fields[0]->setText(QStringLiteral("4096"));
    QCOMPARE(dialog.request().text_tokens, 4096);
  }

  void budgetsAndSeedsOfTheQueueHaveNoDecimals() {
    Scene scene;
    QueueDialog dialog(scene.studio, nullptr);
    const QList<QLineEdit*> lines = dialog.findChildren<QLineEdit*>();
    lines[0]->setText(QStringLiteral("1,5GB@8k"));
    QVERIFY_EXCEPTION_THROWN(dialog.batch(), Error);
    lines[0]->setText(QStringLiteral("8,4, 54MB@8k"));
    QCOMPARE(dialog.batch().runs[0].budgets.size(), std::size_t{3});
    QVERIFY_EXCEPTION_THROWN(seedsFrom(QStringLiteral("1.000")), Error);
  }
};

}  // namespace interleave::gui

int main(int argc, char** argv) { return interleave::gui::runGuiTest<interleave::gui::NumberTest>(argc, argv); }

#include "number_test.moc"
