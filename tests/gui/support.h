// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <QApplication>
#include <QRegularExpression>
#include <QStandardPaths>
#include <QTemporaryDir>
#include <QTest>
#include <filesystem>

#include "gui/app/main_window.h"
#include "gui/app/mock_workshop.h"
#include "gui/app/studio.h"

namespace interleave::gui {

/// A studio with its window on the mock backend and a store of its own.
struct Scene {
  explicit Scene(MockScript script = {.steps = 24}, int evaluation_milliseconds = 0)
      : workshop(std::move(script), evaluation_milliseconds), studio(workshop), window(studio, false) {
    studio.setup().load("laptop", "dash");
    studio.openStore(storeFile());
    studio.openModel("mock.gguf");
    window.resize(1440, 900);
    window.show();
    if (!QTest::qWaitFor([this] { return studio.model().known(); })) throw failure("mock", "it does not open");
  }
  std::filesystem::path storeFile() const { return folder.filePath(QStringLiteral("runs.interleave")).toStdString(); }
  /// Runs a search to its end, jobs included.
  bool search() {
    studio.startRun();
    return QTest::qWaitFor([this] { return !studio.controller().active() && !studio.jobs().anyRunning(); }, 60000);
  }

  QTemporaryDir folder;
  MockWorkshop workshop;
  Studio studio;
  MainWindow window;
};

/// Runs the test object offscreen, away from the user's settings.
template <class Test>
int runGuiTest(int argc, char** argv) {
  if (qEnvironmentVariableIsEmpty("QT_QPA_PLATFORM")) qputenv("QT_QPA_PLATFORM", "offscreen");
  QStandardPaths::setTestModeEnabled(true);
  QApplication application(argc, argv);
  applyTheme(application, ThemeChoice::Light);
  Test test;
  return QTest::qExec(&test, argc, argv);
}

/// Any warning of Qt fails the test function that called this, but for what the offscreen platform says of itself.
inline void failOnWarnings() {
  QTest::failOnWarning(QRegularExpression(QStringLiteral("^(?!This plugin does not support)")));
}

}  // namespace interleave::gui
