// SPDX-License-Identifier: GPL-3.0-or-later
#include <QImage>
#include <QSet>
#include <QSignalSpy>

#include "gui/app/tour.h"
#include "support.h"

namespace interleave::gui {

class TourTest final : public QObject {
  Q_OBJECT
 private Q_SLOTS:
  void init() { failOnWarnings(); }

  void writesAPictureOfEveryViewInBothThemesAndNoneIsEmpty() {
    Scene scene({.steps = 24, .steps_per_second = 60});
    const QString folder = scene.folder.filePath(QStringLiteral("pictures"));
    Tour tour(scene.window, folder.toStdString());
    QSignalSpy finished(&tour, &Tour::finished);
    tour.start();
    QTRY_VERIFY_WITH_TIMEOUT(finished.count() == 1, 120000);
    QVERIFY2(finished[0][0].toBool(), qPrintable(finished[0][1].toString()));
    // The window at five moments, every view, and the differences that Evaluation shows as well.
    QCOMPARE(tour.pictures().size(), 2 * (5 + static_cast<qsizetype>(scene.window.docks().size()) + 1));
    for (const QString& file : tour.pictures()) {
      const QImage picture(file);
      QVERIFY2(!picture.isNull(), qPrintable(file));
      QSet<QRgb> colours;
      for (int y = 0; y < picture.height(); y += 2) {
        for (int x = 0; x < picture.width(); x += 2) colours.insert(picture.pixel(x, y));
      }
      QVERIFY2(colours.size() > 24, qPrintable(file + QStringLiteral(" looks empty")));
      const bool dark = file.contains(QStringLiteral("-dark"));
      QCOMPARE(qGray(picture.pixel(picture.width() - 2, picture.height() / 2)) < 128, dark);
    }
  }
};

}  // namespace interleave::gui

int main(int argc, char** argv) { return interleave::gui::runGuiTest<interleave::gui::TourTest>(argc, argv); }

#include "tour_test.moc"
