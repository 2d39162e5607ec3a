// SPDX-License-Identifier: GPL-3.0-or-later
#include "gui/app/program.h"

#include <QApplication>
#include <QCommandLineParser>
#include <QIcon>
#include <QLocale>
#include <QSettings>
#include <QStandardPaths>
#include <QTimer>
#include <algorithm>
#include <clocale>
#include <cstdio>
#include <filesystem>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

#include "backend/core/error.h"
#include "gui/app/main_window.h"
#include "gui/app/mock_workshop.h"
#include "gui/app/studio.h"
#include "gui/app/tour.h"
#include "gui/report/report.h"
#include "gui/style/format.h"

namespace interleave::gui {
namespace {

using namespace Qt::StringLiterals;

struct Options {
  std::string model, store, bank, preset, tour, report, against;
  QString runs;
  bool summary = false, mock = false, told = false;  ///< told: help or version was asked for, and printed.
};

/// Without a display the pictures, the help and the version still come; a window cannot.
void chooseScreen(std::span<char*> arguments) {
#ifdef Q_OS_LINUX
  for (const char* variable : {"QT_QPA_PLATFORM", "DISPLAY", "WAYLAND_DISPLAY"}) {
    if (!qEnvironmentVariableIsEmpty(variable)) return;
  }
  const bool windowless = std::ranges::any_of(arguments, [](std::string_view word) {
    return word.starts_with("--tour") || word.starts_with("--report") || word == "--help" || word == "-h" ||
           word == "--version" || word == "-v";
  });
  if (windowless) {
    qputenv("QT_QPA_PLATFORM", "offscreen");
  } else {
    std::fputs("interleave: there is no display; use interleave-cli, --tour DIR for pictures, or --report FILE\n",
               stderr);
  }
#endif
}

/// Nothing when the command line cannot be understood; said on stderr.
std::optional<Options> optionsFrom() {
  QCommandLineParser parser;
  parser.setApplicationDescription(
      QApplication::translate("program", "Interleave: where should a pretrained Transformer keep softmax attention?"));
  parser.addHelpOption();
  parser.addVersionOption();
  const auto text = [](const char* words) { return QApplication::translate("program", words); };
  const QCommandLineOption model(u"model"_s, text("A .gguf file or a Hugging Face model folder to open."), u"PATH"_s);
  const QCommandLineOption store(
      u"store"_s, text("The store of runs; made where it is missing. By default one in your data folder."), u"FILE"_s);
  const QCommandLineOption bank(
      u"bank"_s, text("The folder of prepared candidates; banks/MODEL beside the store by default."), u"DIR"_s);
  const QCommandLineOption preset(u"preset"_s, text("A preset by name, or a file."), u"NAME"_s, u"laptop"_s);
  const QCommandLineOption tour(u"tour"_s, text("Go through the demonstration, write pictures of every view, and end."),
                                u"DIR"_s);
  const QCommandLineOption report(
      u"report"_s, text("Write a report of the store's runs, as .html, .pdf or .md, and end."), u"FILE"_s);
  const QCommandLineOption runs(u"runs"_s, text("The runs of the report: 1,2,5. Without it, all."), u"LIST"_s);
  const QCommandLineOption against(u"against"_s,
                                   text("What the report's differences are from: a run's number, a method, or a "
                                        "placement that was judged (uniform:8; uniform). Without it, the first."),
                                   u"NAME"_s);
  const QCommandLineOption mock(u"mock"_s, text("Invent everything: no model is opened and nothing is computed."));
  const QCommandLineOption summary(u"summary"_s, text("A report of comparisons alone, without a part for each run."));
  parser.addOptions({model, store, bank, preset, tour, report, runs, against, summary, mock});
  if (!parser.parse(QApplication::arguments())) {
    std::fprintf(stderr, "interleave: %s\n", qPrintable(parser.errorText()));
    return std::nullopt;
  }
  const bool help = parser.isSet(u"help"_s), version = parser.isSet(u"version"_s);
  if (help) std::fputs(qPrintable(parser.helpText()), stdout);
  if (version) std::puts("interleave " INTERLEAVE_VERSION);
  const auto value = [&](const QCommandLineOption& option) { return parser.value(option).toStdString(); };
  return Options{.model = value(model),
                 .store = value(store),
                 .bank = value(bank),
                 .preset = value(preset),
                 .tour = value(tour),
                 .report = value(report),
                 .against = value(against),
                 .runs = parser.value(runs),
                 .summary = parser.isSet(summary),
                 .mock = parser.isSet(mock),
                 .told = help || version};
}

/// Where runs go that were given no store: the user's own data, so that none is lost.
std::filesystem::path defaultStore() {
  const std::filesystem::path folder =
      QStandardPaths::writableLocation(QStandardPaths::GenericDataLocation).toStdString();
  std::filesystem::create_directories(folder / "interleave");
  return folder / "interleave" / "runs.interleave";
}

/// What happens once the window stands: it must show before anything is loaded.
void begin(Studio& studio, const Options& options) {
  studio.attempt(QObject::tr("Preset"), [&] { studio.setup().load(options.preset, "dash"); });
  if (!options.bank.empty()) studio.setup().setBankDir(options.bank);
  if (!options.store.empty()) {
    studio.openStore(options.store);
  } else if (!options.mock && options.tour.empty()) {
    studio.attempt(QObject::tr("Store"), [&] { studio.openStore(defaultStore()); });
  }
  const std::string model = options.mock && options.model.empty() ? "mock.gguf" : options.model;
  if (!model.empty()) studio.openModel(model);
}

/// The offscreen platform says this of every window; everything else goes on to stderr.
void writeMessage(QtMsgType type, const QMessageLogContext& context, const QString& message) {
  if (message.startsWith(u"This plugin does not support"_s)) return;
  std::fprintf(stderr, "%s\n", qPrintable(qFormatLogMessage(type, context, message)));
}

/// "1,2,5". Usage error.
std::vector<RunId> runsOf(const QString& list) {
  std::vector<RunId> runs;
  for (const QString& word : list.split(u',', Qt::SkipEmptyParts)) {
    bool number = false;
    runs.push_back(word.trimmed().toLongLong(&number));
    if (!number) throw usageError("--runs", "\"" + word.toStdString() + "\" is no run's number");
  }
  return runs;
}

/// The report of --report; the exit code.
int report(Workshop& workshop, const Options& options) {
  try {
    if (options.store.empty()) throw usageError("--report", "is of the runs of a store: name it with --store");
    writeReport(workshop, {options.store, runsOf(options.runs), options.report, options.against, options.summary});
    return 0;
  } catch (const Error& error) {
    std::fprintf(stderr, "interleave: %s\n", error.what());
    return static_cast<int>(error.kind());
  }
}

}  // namespace

int runProgram(int argc, char** argv, const std::function<std::unique_ptr<Workshop>()>& make_workshop) {
  chooseScreen({argv, static_cast<std::size_t>(argc)});
  QApplication application(argc, argv);
  std::setlocale(LC_NUMERIC, "C");  // numbers in files have a point; QLocale knows the user's sign without it
  if (QGuiApplication::platformName() == u"offscreen"_s) qInstallMessageHandler(writeMessage);
  QApplication::setWindowIcon(QIcon(u":/interleave/interleave.svg"_s));
  QApplication::setOrganizationName(u"Interleave"_s);
  QApplication::setApplicationName(u"interleave"_s);
  QApplication::setApplicationVersion(QStringLiteral(INTERLEAVE_VERSION));
  const std::optional<Options> given = optionsFrom();
  if (!given) return 2;
  const Options& options = *given;
  if (options.told) return 0;
  if (!options.mock && !make_workshop) {
    std::fputs("interleave: this build has no backend; only --mock works\n", stderr);
    return 2;
  }
  const bool touring = !options.tour.empty(), reporting = !options.report.empty();
  if (touring && options.model.empty() && !options.mock) {
    std::fputs("interleave: --tour goes through a search: name a --model\n", stderr);
    return 2;
  }
  applyTheme(application, touring || reporting ? ThemeChoice::Light
                                               : static_cast<ThemeChoice>(QSettings().value(u"theme"_s, 0).toInt()));
  std::unique_ptr<Workshop> workshop;
  if (options.mock) {
    workshop = std::make_unique<MockWorkshop>(MockScript{.steps_per_second = 60}, 200);
  } else {
    workshop = make_workshop();
  }
  if (reporting) {
    QLocale::setDefault(QLocale::c());
    return report(*workshop, options);
  }
  Studio studio(*workshop);
  MainWindow window(studio, !touring);
  if (touring) window.resize(1440, 900);  // whatever screen there is, or none
  window.show();
  QTimer::singleShot(0, &window, [&] { begin(studio, options); });
  if (!touring) return QApplication::exec();

  Tour tour(window, options.tour);
  QObject::connect(&tour, &Tour::said, &tour, [](const QString& line) {
    std::printf("tour: %s\n", qPrintable(line));
    std::fflush(stdout);
  });
  QObject::connect(&tour, &Tour::finished, &tour, [&](bool well, const QString& reason) {
    if (!well) std::fprintf(stderr, "interleave: %s\n", qPrintable(reason));
    std::printf("tour: %d pictures in %s\n", static_cast<int>(tour.pictures().size()), options.tour.c_str());
    QApplication::exit(well ? 0 : 1);
  });
  QTimer::singleShot(0, &tour, &Tour::start);
  return QApplication::exec();
}

}  // namespace interleave::gui
