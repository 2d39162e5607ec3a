// SPDX-License-Identifier: GPL-3.0-or-later
#include <QFile>
#include <QImage>
#include <QSet>
#include <QSignalSpy>

#include "gui/plots/export.h"
#include "gui/plots/figure.h"
#include "gui/style/theme.h"
#include "support.h"

namespace interleave::gui {
namespace {

Panel heatMap() {
  return {.title = QStringLiteral("map"),
          .x = {.label = QStringLiteral("step"), .whole = true},
          .y = {.label = QStringLiteral("layer"), .reversed = true, .whole = true},
          .grid = Grid{.name = QStringLiteral("p"),
                       .rows = 2,
                       .columns = 3,
                       .first_column = 1,
                       .values = {0.f, 0.25f, 0.5f, 0.75f, 1.f, 0.1f}}};
}

Panel lines() {
  return {
      .title = QStringLiteral("lines"),
      .series = {{.name = QStringLiteral("a, \"quoted\""), .color = Qt::red, .x = {1, 2, 3}, .y = {1.5, 2.5, kAuto}},
                 {.name = QStringLiteral("b"),
                  .color = Qt::blue,
                  .style = Series::Style::Points,
                  .x = {1, 3},
                  .y = {2, 1},
                  .x_error = {0.5, 0.75},
                  .y_error = {0.1, 0.2},
                  .x_error_below = {0.25, 0.125}}},
      .legend = true};
}

}  // namespace

class FigureTest final : public QObject {
  Q_OBJECT
 private Q_SLOTS:
  void init() { failOnWarnings(); }

  void writesItsDataInTheCLocale() {
    QLocale::setDefault(QLocale(QLocale::German));
    Figure figure(QStringLiteral("test"));
    figure.setPanels({heatMap(), lines()});
    const QStringList rows = figure.csv().split(QLatin1Char('\n'), Qt::SkipEmptyParts);
    QLocale::setDefault(QLocale::c());
    QCOMPARE(rows.size(), 1 + 6 + 3 + 2);
    QCOMPARE(rows[0], QStringLiteral("panel,series,x,y,value,x_error,y_error,x_error_below"));
    QVERIFY(rows.contains(QStringLiteral("\"map\",\"p\",2,0,0.25,,,")));
    QVERIFY(rows.contains(QStringLiteral("\"lines\",\"a, \"\"quoted\"\"\",1,1.5,,,,")));
    QVERIFY(rows.contains(QStringLiteral("\"lines\",\"b\",3,1,,0.75,0.2,0.125")));
  }

  void drawsAndExportsWhatItShows_data() {
    QTest::addColumn<QString>("suffix");
    QTest::addColumn<QByteArray>("magic");
    QTest::newRow("png") << QStringLiteral("png") << QByteArray("\x89PNG");
    QTest::newRow("svg") << QStringLiteral("svg") << QByteArray("<?xml");
    QTest::newRow("pdf") << QStringLiteral("pdf") << QByteArray("%PDF");
  }

  void drawsAndExportsWhatItShows() {
    QFETCH(QString, suffix);
    QFETCH(QByteArray, magic);
    QTemporaryDir folder;
    Figure figure(QStringLiteral("test"));
    figure.resize(400, 200);
    figure.setPanels({heatMap(), lines()});
    figure.show();
    QVERIFY(QTest::qWaitForWindowExposed(&figure));
    const QString path = folder.filePath(QStringLiteral("picture.") + suffix);
    exportView(figure, path);
    QFile file(path);
    QVERIFY(file.open(QIODevice::ReadOnly));
    const QByteArray bytes = file.readAll();
    QVERIFY(bytes.startsWith(magic));
    if (suffix == QStringLiteral("png")) {
      const QImage picture = QImage::fromData(bytes);
      QCOMPARE(picture.size(), QSize(800, 400));
      bool red = false, brightest = false;
      for (int y = 0; y < picture.height(); ++y) {
        for (int x = 0; x < picture.width(); ++x) {
          red = red || picture.pixelColor(x, y) == QColor(Qt::red);
          const QColor seen = picture.pixelColor(x, y), full = mapped(ColorMap::Viridis, 1);
          brightest = brightest || std::abs(seen.red() - full.red()) + std::abs(seen.green() - full.green()) +
                                           std::abs(seen.blue() - full.blue()) <
                                       8;
        }
      }
      QVERIFY2(red, "the line is drawn");
      QVERIFY2(brightest, "the cell of value 1 is drawn");
    }
    if (suffix == QStringLiteral("svg")) QVERIFY(bytes.contains("lines"));
  }

  void refusesAnUnknownSuffixAndAFolderThatIsMissing() {
    Figure figure(QStringLiteral("test"));
    figure.resize(100, 100);
    QVERIFY_EXCEPTION_THROWN(exportView(figure, QStringLiteral("picture.bmp")), Error);
    QVERIFY_EXCEPTION_THROWN(exportView(figure, QStringLiteral("/no/such/folder/picture.png")), Error);
  }

  void textsKeepToTheRoomThereIs() {
    Figure figure(QStringLiteral("test"));
    figure.setPanels(
        {Panel{.x = {.least = 0, .most = 1},
               .y = {.least = 0, .most = 1},
               .marks = {{.shape = Mark::Shape::Note,
                          .y = 0.3,
                          .text = QStringLiteral("What stands here while there is nothing else to see, and why."),
                          .color = Qt::red},
                         {.shape = Mark::Shape::Ring,
                          .x = 0.45,
                          .y = 0.9,
                          .text = QStringLiteral("break-even 230 tokens"),
                          .color = Qt::blue}}}});
    figure.show();
    QVERIFY(QTest::qWaitForWindowExposed(&figure));
    const int line = QFontMetrics(textFont(TextSize::Tick)).height();
    for (const int width : {600, 220}) {
      figure.resize(width, 200);
      QApplication::processEvents();
      const QImage picture = figure.grab().toImage();
      QRect red, blue;
      for (int y = 0; y < picture.height(); ++y) {
        for (int x = 0; x < picture.width(); ++x) {
          const QColor seen = picture.pixelColor(x, y);
          if (seen.red() > seen.green() + 99 && seen.red() > seen.blue() + 99) red |= QRect(x, y, 1, 1);
          if (seen.blue() > seen.green() + 99 && seen.blue() > seen.red() + 99) blue |= QRect(x, y, 1, 1);
        }
      }
      for (const QRect& text : {red, blue}) {
        QVERIFY(text.width() > 90);
        QVERIFY2(text.left() > 0 && text.right() < width - 1, qPrintable(QString::number(text.right())));
      }
      QCOMPARE(red.height() > 1.5 * line, width == 220);  // broken into lines where one does not fit
    }
  }

  void theKeyboardMovesTheCrosshair() {
    Figure figure(QStringLiteral("test"));
    figure.resize(400, 200);
    figure.setPanels({heatMap()});
    figure.show();
    QVERIFY(QTest::qWaitForWindowExposed(&figure));
    QSignalSpy hovered(&figure, &Figure::hovered);
    QTest::keyClick(&figure, Qt::Key_Right);
    QTest::keyClick(&figure, Qt::Key_Left);
    QCOMPARE(hovered.count(), 2);
    QCOMPARE(hovered[0][1].toDouble() - hovered[1][1].toDouble(), 1.0);
    QTest::keyClick(&figure, Qt::Key_Plus);
    QTest::keyClick(&figure, Qt::Key_Home);
  }

  void pageKeysReachEveryPanel() {
    Figure figure(QStringLiteral("test"));
    figure.resize(600, 200);
    figure.setPanels({heatMap(), lines(), lines()});
    figure.show();
    QVERIFY(QTest::qWaitForWindowExposed(&figure));
    QSignalSpy hovered(&figure, &Figure::hovered);
    for (const Qt::Key key :
         {Qt::Key_PageDown, Qt::Key_PageDown, Qt::Key_Right, Qt::Key_PageDown, Qt::Key_PageDown, Qt::Key_PageUp}) {
      QTest::keyClick(&figure, key);
    }
    QList<int> panels;
    for (const auto& arguments : hovered) panels << arguments[0].toInt();
    QCOMPARE(panels, QList<int>({0, 1, 1, 2, 0, 2}));
  }

  void aClickIsSentOnReleaseAndADragIsNone() {
    Figure figure(QStringLiteral("test"));
    figure.resize(400, 200);
    Panel panel = heatMap();
    panel.grid->scale = true;
    figure.setPanels({panel});
    figure.show();
    QVERIFY(QTest::qWaitForWindowExposed(&figure));
    QWidget* plot = figure.findChildren<QWidget*>().constFirst();
    QSignalSpy clicked(&figure, &Figure::clicked);
    const QPoint from = figure.rect().center();
    QTest::mousePress(plot, Qt::LeftButton, {}, from);
    QCOMPARE(clicked.count(), 0);
    QTest::mouseRelease(plot, Qt::LeftButton, {}, from + QPoint(1, 1));
    QCOMPARE(clicked.count(), 1);
    QTest::mousePress(plot, Qt::LeftButton, {}, from);
    QTest::mouseMove(plot, from + QPoint(60, 40));
    QTest::mouseRelease(plot, Qt::LeftButton, {}, from + QPoint(60, 40));
    QCOMPARE(clicked.count(), 1);
  }

  void aMapShowsWhatItsColoursMean() {
    Figure plain(QStringLiteral("test")), scaled(QStringLiteral("test"));
    Panel panel = heatMap();
    plain.setPanels({panel});
    panel.grid->scale = true;
    scaled.setPanels({panel});
    for (Figure* figure : {&plain, &scaled}) figure->resize(400, 200);
    // Only the scale has many colours in one column of pixels.
    const auto mostColours = [](Figure& figure) {
      const QImage picture = figure.grab().toImage();
      qsizetype most = 0;
      for (int x = picture.width() / 2; x < picture.width(); ++x) {
        QSet<QRgb> colours;
        for (int y = 0; y < picture.height(); ++y) colours.insert(picture.pixel(x, y));
        most = std::max(most, colours.size());
      }
      return most;
    };
    QVERIFY(mostColours(plain) < 30);
    QVERIFY(mostColours(scaled) > 60);
  }
};

}  // namespace interleave::gui

int main(int argc, char** argv) { return interleave::gui::runGuiTest<interleave::gui::FigureTest>(argc, argv); }

#include "figure_test.moc"
