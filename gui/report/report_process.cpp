// SPDX-License-Identifier: GPL-3.0-or-later
#include "gui/report/report_process.h"

#include <QCoreApplication>
#include <QProcess>
#include <QProcessEnvironment>
#include <QStringList>

#include "gui/style/format.h"

namespace interleave::gui {

using namespace Qt::StringLiterals;

void ReportProcess::start(const ReportRequest& request, bool mock) {
  QStringList numbers;
  for (const RunId run : request.runs) numbers << QString::number(run);
  QStringList arguments{u"--report"_s, qt(request.file.string()), u"--store"_s, qt(request.store.string())};
  arguments << u"--runs"_s << numbers.join(u',');
  if (!request.against.empty()) arguments << u"--against"_s << qt(request.against);
  if (request.summary) arguments << u"--summary"_s;
  if (mock) arguments << u"--mock"_s;
  auto* process = new QProcess(this);
  QProcessEnvironment environment = QProcessEnvironment::systemEnvironment();
  environment.insert(u"QT_QPA_PLATFORM"_s, u"offscreen"_s);
  process->setProcessEnvironment(environment);
  connect(process, &QProcess::finished, this,
          [this, process, file = request.file](int code, QProcess::ExitStatus status) {
            process->deleteLater();
            if (code == 0 && status == QProcess::NormalExit) return Q_EMIT written(qt(file.string()));
            const QString said = QString::fromUtf8(process->readAllStandardError()).trimmed();
            Q_EMIT failed(said.isEmpty() ? tr("the program that writes it ended early") : said);
          });
  connect(process, &QProcess::errorOccurred, this, [this, process](QProcess::ProcessError error) {
    if (error != QProcess::FailedToStart) return;  // finished() tells of the others
    process->deleteLater();
    Q_EMIT failed(process->errorString());
  });
  process->start(program_.isEmpty() ? QCoreApplication::applicationFilePath() : program_, arguments);
}

}  // namespace interleave::gui
