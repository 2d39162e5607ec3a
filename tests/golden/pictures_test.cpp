// SPDX-License-Identifier: GPL-3.0-or-later
// Pictures of the tour through the mock, held against committed ones.
#include <gtest/gtest.h>

#include <QImage>
#include <QRect>
#include <algorithm>
#include <cstdlib>
#include <iostream>
#include <vector>

#include "tests/golden/golden.h"

namespace interleave::golden {
namespace {

/// In the whole window: the log, with its times of day and what there was room for; the jobs, with theirs; what the
/// status bar says for a while; how long the run took.
const std::vector<QRect> kTimes{{0, 765, 1440, 135}, {1255, 30, 180, 20}};

/// A picture of the tour, and what in it is not compared.
struct Picture {
  const char* name;
  std::vector<QRect> left_out = {};
};
const Picture kPictures[] = {
    {"3-found-dark", kTimes},  {"4-compare-light", kTimes}, {"view-cache-light"},
    {"view-compare-dark"},     {"view-curves-light"},       {"view-evaluation-differences-dark"},
    {"view-evaluation-light"}, {"view-front-dark"},         {"view-logits-dark"},
    {"view-method-light"},     {"view-placement-dark"},     {"view-placement-light"},
    {"view-setup-light"},
};

// The tolerance: a pixel differs when a channel does by more than kStep of 255, a picture when more pixels than kFew
// do. That lets pass how blending rounds; one letter more or less is some 30 pixels.
constexpr int kStep = 16, kFew = 12;

int distance(QRgb a, QRgb b) {
  return std::max({std::abs(qRed(a) - qRed(b)), std::abs(qGreen(a) - qGreen(b)), std::abs(qBlue(a) - qBlue(b))});
}

QImage opened(const std::filesystem::path& file) {
  return QImage(QString::fromStdString(file.string())).convertToFormat(QImage::Format_RGB32);
}

/// Pixels of equal pictures that differ, which turn red in `difference`; the rest of it is faint.
int differing(const QImage& before, const QImage& actual, const std::vector<QRect>& left_out, QImage& difference) {
  int count = 0;
  difference = before.copy();
  for (int y = 0; y < before.height(); ++y) {
    for (int x = 0; x < before.width(); ++x) {
      const bool differs = distance(before.pixel(x, y), actual.pixel(x, y)) > kStep &&
                           std::ranges::none_of(left_out, [&](const QRect& part) { return part.contains(x, y); });
      count += differs ? 1 : 0;
      const int faint = 192 + qGray(before.pixel(x, y)) / 4;
      difference.setPixel(x, y, differs ? qRgb(220, 0, 0) : qRgb(faint, faint, faint));
    }
  }
  return count;
}

TEST(GoldenPictures, OfTheTourAreAsTheyWere) {
  if (!std::filesystem::exists("/usr/share/fonts/truetype/dejavu/DejaVuSans.ttf")) {
    GTEST_SKIP() << "NOT COMPARED: the fonts of Debian's fonts-dejavu-core are not here";
  }
  const std::filesystem::path committed = input("expected/pictures"), made = GOLDEN_MADE "/pictures";
  const bool renewing = std::getenv("INTERLEAVE_GOLDEN_RENEW") != nullptr;
  if (!renewing && testing::readText(committed / "qt.txt") != std::string(qVersion()) + "\n") {
    GTEST_SKIP() << "NOT COMPARED: the pictures were drawn by Qt " << testing::readText(committed / "qt.txt")
                 << "this is Qt " << qVersion();
  }
  const test::TemporaryFolder home;
  for (const char* variable : {"XDG_CONFIG_HOME", "XDG_DATA_HOME", "XDG_CACHE_HOME", "XDG_RUNTIME_DIR"}) {
    setenv(variable, home.path().c_str(), 1);
  }
  setenv("FONTCONFIG_FILE", GOLDEN_SOURCE "/fonts.conf", 1);
  setenv("QT_QPA_PLATFORM", "offscreen", 1);
  for (const char* variable : {"QT_SCALE_FACTOR", "QT_FONT_DPI", "QT_STYLE_OVERRIDE", "QT_SCREEN_SCALE_FACTORS"}) {
    unsetenv(variable);
  }
  std::filesystem::remove_all(made);
  std::filesystem::create_directories(made);
  const testing::CommandResult tour =
      testing::runProgram(INTERLEAVE_PROGRAM, {"--mock", "--bank", "/banks/mock", "--tour", made});
  ASSERT_EQ(tour.code, 0) << tour.log;
  if (renewing) {
    std::filesystem::create_directories(committed);
    testing::writeText(committed / "qt.txt", std::string(qVersion()) + "\n");
  }
  for (const auto& [name, left_out] : kPictures) {
    const std::string file = std::string(name) + ".png";
    const QImage actual = opened(made / file);
    ASSERT_FALSE(actual.isNull()) << "the tour draws no " << file;
    const QImage before = opened(committed / file);
    QImage difference;
    const bool comparable = before.size() == actual.size();
    const int count = comparable ? differing(before, actual, left_out, difference) : 0;
    if (renewing) {  // The times of day alone renew nothing.
      constexpr auto kOverwrite = std::filesystem::copy_options::overwrite_existing;
      if (!comparable || count > kFew) std::filesystem::copy_file(made / file, committed / file, kOverwrite);
      continue;
    }
    ASSERT_FALSE(before.isNull()) << committed / file;
    if (!comparable) {
      ADD_FAILURE() << "THE PICTURE " << file << " HAS ANOTHER SIZE: " << before.width() << "×" << before.height()
                    << " was, " << actual.width() << "×" << actual.height() << " is; " << made / file;
      continue;
    }
    if (count > 0) std::cout << file << ": " << count << " pixels differ\n";
    if (count <= kFew) continue;
    const std::filesystem::path shown = made / (std::string(name) + "-difference.png");
    difference.save(QString::fromStdString(shown.string()));
    ADD_FAILURE() << "THE PICTURE " << file << " DIFFERS in " << count << " pixels.\n  is:         " << made / file
                  << "\n  was:        " << committed / file << "\n  difference: " << shown;
  }
}

}  // namespace
}  // namespace interleave::golden
