// SPDX-License-Identifier: GPL-3.0-or-later
#include "gui/app/main_window.h"

#include <QActionGroup>
#include <QApplication>
#include <QCloseEvent>
#include <QDragEnterEvent>
#include <QFileDialog>
#include <QHBoxLayout>
#include <QInputDialog>
#include <QLabel>
#include <QMenuBar>
#include <QMessageBox>
#include <QMimeData>
#include <QScreen>
#include <QSettings>
#include <QStatusBar>
#include <QToolBar>
#include <QVBoxLayout>
#include <algorithm>
#include <utility>

#include "gui/docks/cache_pane.h"
#include "gui/docks/compare_pane.h"
#include "gui/docks/curves_pane.h"
#include "gui/docks/evaluation_pane.h"
#include "gui/docks/front_pane.h"
#include "gui/docks/log_pane.h"
#include "gui/docks/method_pane.h"
#include "gui/docks/setup_pane.h"
#include "gui/style/format.h"
#include "gui/style/theme.h"
#include "gui/widgets/labels.h"
#include "gui/widgets/wheel_guard.h"

namespace interleave::gui {
namespace {

using namespace Qt::StringLiterals;

QString threadsText(int threads) {
  return threads == 1 ? MainWindow::tr("1 thread") : MainWindow::tr("%1 threads").arg(threads);
}

/// Off, with the reason in its tool tip, where there is one.
void enable(QAction& action, const QString& why_not) {
  static constexpr const char* kOwnTip = "own tip";
  if (!action.property(kOwnTip).isValid()) action.setProperty(kOwnTip, action.toolTip());
  const QString own = action.property(kOwnTip).toString();
  action.setEnabled(why_not.isEmpty());
  action.setToolTip(why_not.isEmpty() ? own : MainWindow::tr("%1\n%2").arg(own, why_not));
}

QLabel* statusLine(const char* tone) {
  auto* label = new ElidedLabel;
  label->setFont(textFont(TextSize::Small));
  setTone(*label, tone);
  return label;
}

/// As large as there is use for, and no larger than the screen has room for with a frame around it.
QSize firstSize(const QScreen* screen) {
  constexpr QSize kWanted(1440, 900), kFrame(8, 36);
  return screen == nullptr ? kWanted : kWanted.boundedTo(screen->availableSize() - kFrame);
}

/// An empty bar that keeps the docks off the window's edge.
QToolBar* edge(const QString& name) {
  auto* bar = new QToolBar;
  bar->setObjectName(name);
  bar->setMovable(false);
  bar->setContextMenuPolicy(Qt::PreventContextMenu);
  bar->setProperty("edge", true);
  bar->setFixedWidth(7);
  bar->toggleViewAction()->setVisible(false);
  return bar;
}

}  // namespace

MainWindow::MainWindow(Studio& studio, bool remember)
    : studio_(studio),
      remember_(remember),
      actions_(makeActions(*this)),
      banner_(new QLabel),
      problem_(statusLine("bad")),
      device_(statusLine("muted")),
      store_(statusLine("muted")),
      document_(statusLine("muted")),
      method_(statusLine("inferred")) {
  setWindowTitle(tr("Interleave"));
  setAcceptDrops(true);
  qApp->installEventFilter(new WheelGuard(this));
  setFocusPolicy(Qt::StrongFocus);
  setDockOptions(AnimatedDocks | AllowNestedDocks | AllowTabbedDocks);
  setTabPosition(Qt::AllDockWidgetAreas, QTabWidget::North);
  setDocumentMode(true);
  undo_.addStack(&studio_.editor().undoStack());
  undo_.addStack(&studio_.library().undoStack());
  for (QUndoStack* stack : undo_.stacks()) {
    // A stack that is being cleared tells of it too, and has nothing to undo.
    connect(stack, &QUndoStack::indexChanged, this, [stack] {
      if (stack->count() > 0) stack->setActive(true);
    });
  }
  undo_.setActiveStack(&studio_.editor().undoStack());

  addPane(runs_ = new RunsPane(studio_), u"runs"_s);
  addPane(new SetupPane(studio_), u"setup"_s);
  addPane(logits_ = new LogitsPane(studio_), u"logits"_s);
  addPane(placement_ = new PlacementPane(studio_), u"placement"_s);
  addPane(new CachePane(studio_), u"cache"_s);
  addPane(new CurvesPane(studio_), u"curves"_s);
  addPane(new MethodPane(studio_), u"method"_s);
  addPane(new ComparePane(studio_), u"compare"_s);
  addPane(new EvaluationPane(studio_), u"evaluation"_s);
  addPane(transfer_ = new TransferPane(studio_), u"transfer"_s);
  addPane(new FrontPane(studio_), u"front"_s);
  addPane(queue_ = new QueuePane(studio_), u"queue"_s);
  addPane(new LogPane(studio_), u"log"_s);

  connect(transfer_, &TransferPane::judgingWanted, actions_.transfer, &QAction::trigger);

  auto* bar = new QToolBar(tr("Run"));
  bar->setObjectName(u"bar"_s);
  bar->setMovable(false);
  bar->setContextMenuPolicy(Qt::PreventContextMenu);
  bar_ = new RunBar(studio_, actions_);
  bar_->setSizePolicy(QSizePolicy::Expanding, QSizePolicy::Preferred);
  bar->addWidget(bar_);
  addToolBar(bar);
  addToolBarBreak();
  auto* notices = new QToolBar(tr("Notice"));
  notices->setObjectName(u"notices"_s);
  notices->setMovable(false);
  banner_->setObjectName(u"banner"_s);
  banner_->setSizePolicy(QSizePolicy::Expanding, QSizePolicy::Preferred);
  notices->addWidget(banner_);
  notices->hide();
  addToolBar(notices);
  connect(&studio_.library(), &RunLibrary::changed, this, &MainWindow::refreshBanner);

  addToolBar(Qt::LeftToolBarArea, edge(u"left"_s));
  addToolBar(Qt::RightToolBarArea, edge(u"right"_s));

  buildMenus();
  buildStatusBar();
  resize(firstSize(screen()));
  arrangeAs(Arrangement::Search);
  if (remember_) restoreGeometry(QSettings().value(u"window/geometry"_s).toByteArray());
  connect(&studio_, &Studio::problem, this, &MainWindow::showProblem);
  connect(&studio_, &Studio::notice, this, &MainWindow::showProblem);
  connect(&studio_.run(), &RunModel::changed, this, &MainWindow::refreshActions);
  // Of the run going on, which need not be the run shown.
  connect(&studio_.controller(), &RunController::started, this, &MainWindow::refreshActions);
  connect(&studio_.controller(), &RunController::progressed, this, &MainWindow::refreshActions);
  connect(&studio_.controller(), &RunController::finished, this, &MainWindow::refreshActions);
  connect(&studio_.jobs(), &JobList::started, this, &MainWindow::refreshActions);
  connect(&studio_.jobs(), &JobList::finished, this, &MainWindow::refreshActions);
  connect(&studio_.library(), &RunLibrary::changed, this, &MainWindow::refreshActions);
  connect(&studio_.model(), &OpenModel::changed, this, &MainWindow::refreshStatus);
  connect(&studio_.model(), &OpenModel::changed, this, &MainWindow::refreshActions);
  connect(&studio_.setup(), &SetupModel::changed, this, &MainWindow::refreshActions);
  connect(&studio_.library(), &RunLibrary::changed, this, &MainWindow::refreshStatus);
  connect(&status_timer_, &QTimer::timeout, this, [this] {
    // Another process writes to a store that this one only reads.
    if (studio_.library().isOpen() && studio_.library().writer() == nullptr) studio_.reloadLibrary();
    refreshStatus();
  });
  status_timer_.start(1000);
  refreshActions();
  refreshStatus();
}

MainWindow::~MainWindow() {
  // Docks tell of being hidden while Qt takes them down, when there is no window left to tell.
  for (Dock* dock : docks_) dock->disconnect(this);
}

Dock& MainWindow::addPane(Pane* pane, const QString& object_name) {
  auto* dock = new Dock(pane, object_name, this);
  docks_.push_back(dock);
  connect(dock, &QDockWidget::dockLocationChanged, this, &MainWindow::refreshTabs);
  connect(dock, &QDockWidget::topLevelChanged, this, &MainWindow::refreshTabs);
  connect(dock, &QDockWidget::visibilityChanged, this, &MainWindow::refreshTabs);
  return *dock;
}

Dock& MainWindow::dock(const QString& object_name) {
  const auto found = std::ranges::find(docks_, object_name, [](const Dock* dock) { return dock->objectName(); });
  if (found == docks_.end()) throw usageError(object_name.toStdString(), "there is no such view");
  return **found;
}

void MainWindow::refreshTabs() {
  for (Dock* dock : docks_) dock->setTabbed(!tabifiedDockWidgets(dock).isEmpty());
}

void MainWindow::arrangeAs(Arrangement arrangement) {
  arrange(*this, arrangement);
  refreshTabs();
}

void MainWindow::setThemeChoice(ThemeChoice choice) {
  applyTheme(*qApp, choice);
  if (remember_) QSettings().setValue(u"theme"_s, static_cast<int>(choice));
}

void MainWindow::buildMenus() {
  QMenu* file = menuBar()->addMenu(tr("&File"));
  file->addActions({actions_.open_model, actions_.open_store, actions_.open_batch});
  file->addSeparator();
  file->addActions({actions_.export_placement, actions_.report});
  file->addSeparator();
  file->addAction(actions_.quit);
  QMenu* edit = menuBar()->addMenu(tr("&Edit"));
  edit->addActions({actions_.undo, actions_.redo});
  edit->addSeparator();
  edit->addAction(actions_.clear_budget);
  QMenu* search = menuBar()->addMenu(tr("&Search"));
  search->addActions({actions_.prepare, actions_.start_pause, actions_.stop, actions_.fork});
  search->addSeparator();
  search->addActions({actions_.resume_run, actions_.replay});
  search->addSeparator();
  search->addAction(actions_.heal);
  QMenu* view = menuBar()->addMenu(tr("&View"));
  for (Dock* dock : docks_) view->addAction(dock->toggleViewAction());
  view->addSeparator();
  auto* themes = new QActionGroup(this);
  const std::pair<QString, ThemeChoice> choices[] = {{tr("&Light"), ThemeChoice::Light},
                                                     {tr("&Dark"), ThemeChoice::Dark},
                                                     {tr("&Follow the system"), ThemeChoice::System}};
  const auto chosen = static_cast<ThemeChoice>(
      remember_ ? QSettings().value(u"theme"_s, static_cast<int>(ThemeChoice::System)).toInt() : 0);
  for (const auto& [text, choice] : choices) {
    QAction* action = view->addAction(text, this, [this, choice = choice] { setThemeChoice(choice); });
    action->setCheckable(true);
    action->setChecked(choice == chosen);
    themes->addAction(action);
  }
  QMenu* compare = menuBar()->addMenu(tr("&Compare"));
  compare->addActions(
      {actions_.add_to_compare, actions_.open_published, actions_.open_hybrid, actions_.evaluate, actions_.transfer});
  QMenu* window = menuBar()->addMenu(tr("&Window"));
  connect(window, &QMenu::aboutToShow, this, [this, window] { buildLayoutMenu(*window); });
  buildLayoutMenu(*window);
  QMenu* help = menuBar()->addMenu(tr("&Help"));
  help->addAction(tr("&About Interleave"), this, &MainWindow::about);
  document_->setContentsMargins(0, 5, 14, 0);
  menuBar()->setCornerWidget(document_);
}

void MainWindow::buildLayoutMenu(QMenu& menu) {
  menu.clear();
  menu.addAction(tr("&Search"), this, [this] { arrangeAs(Arrangement::Search); });
  menu.addAction(tr("&Compare"), this, [this] { arrangeAs(Arrangement::Compare); });
  menu.addAction(tr("&Placement"), this, [this] { arrangeAs(Arrangement::Placement); });
  menu.addSeparator();
  for (const QString& name : savedLayouts()) {
    menu.addAction(name, this, [this, name] {
      if (!restoreLayout(*this, name)) showProblem(tr("The layout %1 is of another version.").arg(name));
      refreshBanner();  // bars are part of a layout, but not this one
    });
  }
  menu.addSeparator();
  menu.addActions({actions_.save_layout, actions_.reset_layout});
  qDeleteAll(menu.findChildren<QMenu*>(Qt::FindDirectChildrenOnly));
  QMenu* removal = menu.addMenu(tr("&Delete layout"));
  removal->setEnabled(!savedLayouts().isEmpty());
  for (const QString& name : savedLayouts()) removal->addAction(name, this, [name] { removeLayout(name); });
}

void MainWindow::buildStatusBar() {
  statusBar()->setSizeGripEnabled(false);
  device_->setContentsMargins(8, 0, 0, 0);
  method_->setContentsMargins(0, 0, 10, 0);
  statusBar()->addWidget(device_);
  statusBar()->addWidget(store_);
  statusBar()->addWidget(problem_, 1);
  statusBar()->addPermanentWidget(method_);
}

void MainWindow::refreshBanner() {
  const QString& reason = studio_.library().readOnlyReason();
  banner_->setText(tr("This store is open for reading only: %1").arg(reason));
  qobject_cast<QWidget*>(banner_->parent())->setVisible(!reason.isEmpty());
}

void MainWindow::refreshActions() {
  const RunController& controller = studio_.controller();
  const bool active = controller.active();
  const QString no_start = active ? QString() : studio_.whyNotStart(), no_bank = studio_.whyNotPrepare();
  const bool idle = !active && !studio_.preparing() && !studio_.beginning();
  actions_.start_pause->setIconText(!active                    ? tr("▶ Start")
                                    : controller.pauseWanted() ? tr("▶ Resume")
                                                               : tr("❚❚ Pause"));
  enable(*actions_.start_pause, no_start);
  enable(*actions_.prepare, no_bank);
  actions_.stop->setEnabled(active && !controller.stopWanted());
  actions_.stop->setIconText(controller.stopWanted() ? tr("Stopping …") : tr("■ Stop"));
  const bool stored = studio_.run().record().id != 0 && studio_.library().writer() != nullptr;
  actions_.fork->setEnabled(idle && stored && studio_.run().step() != nullptr);
  actions_.resume_run->setEnabled(idle && stored && studio_.run().record().phase.phase != Phase::Done);
  actions_.replay->setEnabled(idle && studio_.run().record().id != 0);
  const Placement& placement = studio_.editor().placement();
  actions_.heal->setEnabled(idle && placement.fullCount() < placement.layers());
  actions_.transfer->setEnabled(studio_.library().writer() != nullptr);
  actions_.export_placement->setEnabled(placement.layers() > 0);
}

void MainWindow::refreshStatus() {
  const auto& environment = studio_.run().record().environment;
  const DeviceReport& report = studio_.model().device();
  QStringList words;
  if (environment) {
    words << qt(environment->device).toUpper() + u' ' + threadsText(environment->threads)
          << tr("kernel %1").arg(qt(environment->kernel)) << qt(environment->precision) << qt(environment->library);
  } else if (!report.device.empty()) {
    words << qt(report.device).toUpper() + u' ' + threadsText(report.threads) << tr("kernel %1").arg(qt(report.kernel))
          << qt(report.library);
    if (!report.note.empty()) words << qt(report.note);
  }
  words.removeAll(QString());
  device_->setText(words.join(u" · "_s));
  // Of the run shown, or of the one that Setup prepares.
  const std::string& method = environment ? studio_.run().record().spec.method : studio_.setup().method();
  if (!method.empty()) method_->setText(qt(studio_.workshop().evidence(method)));
  QString store = tr("no store open");
  if (studio_.library().isOpen()) {
    store = tr("store %1").arg(qt(studio_.library().file().filename().string()));
    if (StoreWriter* writer = studio_.library().writer()) {
      const StoreWriter::Status status = writer->status();
      store += !status.problem.empty() ? tr(": %1, %2 waiting").arg(qt(status.problem)).arg(status.queued)
               : status.committed > 0  ? tr(" (saved %1 s ago)").arg(fixedText(status.seconds_since_commit, 1))
                                       : QString();
    } else {
      store += tr(" (read-only)");
    }
  }
  store_->setText(u"|  "_s + store);
  QStringList document{studio_.library().isOpen() ? qt(studio_.library().file().filename().string()) : QString(),
                       studio_.model().title()};
  document.removeAll(QString());
  const QString title = document.join(u" — "_s);
  if (document_->text() == title) return;
  document_->setText(title);
  document_->adjustSize();
  menuBar()->setCornerWidget(document_);  // which lays it out anew
}

void MainWindow::showProblem(const QString& text) {
  problem_->setText(text);
  problem_->setToolTip(text);
  QTimer::singleShot(15000, problem_, [this, text] {
    if (problem_->text() == text) problem_->clear();
  });
}

void MainWindow::openModel() {
  QFileDialog dialog(this, tr("Open model: a .gguf file, or config.json of a Hugging Face folder"));
  dialog.setNameFilter(tr("Models (*.gguf config.json)"));
  dialog.setFileMode(QFileDialog::ExistingFile);
  if (dialog.exec() != QDialog::Accepted) return;
  std::filesystem::path path = dialog.selectedFiles().front().toStdString();
  if (path.filename() == "config.json") path = path.parent_path();
  studio_.openModel(path);
}

void MainWindow::openStore() {
  const QString file = QFileDialog::getSaveFileName(this, tr("Open or create a store"), {},
                                                    tr("Stores (*.interleave *.store *.sqlite *.db);;All files (*)"),
                                                    nullptr, QFileDialog::DontConfirmOverwrite);
  if (!file.isEmpty()) studio_.openStore(file.toStdString());
}

void MainWindow::startOrPause() {
  RunController& controller = studio_.controller();
  if (!controller.active()) return studio_.startRun();
  // What was asked for last counts: a pause that the engine has not come to yet can be withdrawn.
  controller.pauseWanted() ? controller.resume() : controller.pause();
  refreshActions();
}

void MainWindow::forkShown() {
  if (const StepEvent* step = studio_.run().step()) studio_.forkRun(studio_.run().record().id, step->step);
}

void MainWindow::exportPlacement() {
  QStringList formats;
  for (const std::string& format : studio_.workshop().exportFormats()) formats << qt(format);
  bool taken = false;
  const QString format = QInputDialog::getItem(this, tr("Export placement"), tr("Format"), formats, 0, false, &taken);
  if (!taken) return;
  const QString folder = QFileDialog::getExistingDirectory(this, tr("Folder for the files"));
  if (!folder.isEmpty()) studio_.exportShown(format.toStdString(), folder.toStdString());
}

void MainWindow::saveLayout() {
  bool taken = false;
  const QString name = QInputDialog::getText(this, tr("Save layout"), tr("Name"), QLineEdit::Normal, {}, &taken);
  if (taken && !name.trimmed().isEmpty()) gui::saveLayout(*this, name.trimmed());
}

void MainWindow::about() {
  QMessageBox::about(this, tr("About Interleave"),
                     tr("<b>Interleave %1</b><p>Where should a pretrained Transformer keep softmax attention?</p>"
                        "<p>DASH is a re-implementation from a published outline; settings marked ≈ are inferred.</p>"
                        "<p>GPL-3.0-or-later. Uses Qt, QCustomPlot, SQLite and LibTorch.</p>")
                         .arg(QApplication::applicationVersion()));
}

void MainWindow::showEvent(QShowEvent* event) {
  QMainWindow::showEvent(event);
  if (std::exchange(shown_, true)) return;
  // Docks take the sizes asked for only once the window has its own.
  const bool restored = remember_ && restoreState(QSettings().value(u"window/state"_s).toByteArray(), kLayoutVersion);
  setFocus();
  QTimer::singleShot(0, this, [this, restored] {
    if (!restored) arrangeAs(Arrangement::Search);
    refreshBanner();
    refreshTabs();
  });
}

void MainWindow::closeEvent(QCloseEvent* event) {
  if (remember_) {
    QSettings settings;
    settings.setValue(u"window/geometry"_s, saveGeometry());
    settings.setValue(u"window/state"_s, saveState(kLayoutVersion));
  }
  QMainWindow::closeEvent(event);
}

void MainWindow::dragEnterEvent(QDragEnterEvent* event) {
  if (event->mimeData()->hasUrls()) event->acceptProposedAction();
}

void MainWindow::dropEvent(QDropEvent* event) {
  for (const QUrl& url : event->mimeData()->urls()) {
    const std::filesystem::path path = url.toLocalFile().toStdString();
    if (path.empty()) continue;
    std::error_code unreadable;  // then opening it tells why
    const bool model = std::filesystem::is_directory(path, unreadable) || path.extension() == ".gguf";
    model ? studio_.openModel(path) : studio_.openStore(path);
  }
}

}  // namespace interleave::gui
