// SPDX-License-Identifier: GPL-3.0-or-later
#include <QSignalSpy>

#include "support.h"

namespace interleave::gui {

class PlacementTest final : public QObject {
  Q_OBJECT
 private Q_SLOTS:
  void init() { failOnWarnings(); }

  void editsByMouseWithUndoAndRedo() {
    Scene scene;
    QVERIFY(scene.search());
    PlacementEditor& editor = scene.studio.editor();
    const Placement before = editor.placement();
    QCOMPARE(before.layers(), 30);
    ChipGrid& chips = scene.window.placement().chips();
    QTRY_VERIFY(chips.chip(5).isValid() && chips.isVisible());
    QTest::mouseClick(&chips, Qt::LeftButton, {}, chips.chip(5).center());
    QVERIFY(editor.placement() != before);
    QCOMPARE(differingLayers(editor.placement(), before), std::vector<int>{5});
    QVERIFY(editor.edited());
    scene.window.actions().undo->trigger();
    QCOMPARE(editor.placement(), before);
    scene.window.actions().redo->trigger();
    QCOMPARE(differingLayers(editor.placement(), before), std::vector<int>{5});
  }

  void aChipDraggedOntoAnotherExchangesThem() {
    Scene scene;
    QVERIFY(scene.search());
    PlacementEditor& editor = scene.studio.editor();
    ChipGrid& chips = scene.window.placement().chips();
    QTRY_VERIFY(chips.isVisible());
    const Placement before = editor.placement();
    const int full = before.kept().front();
    int other = 0;
    while (before[other] == MixerKind::Full) ++other;
    const auto drag = [&](int from, int onto) {
      QTest::mousePress(&chips, Qt::LeftButton, {}, chips.chip(from).center());
      QTest::mouseMove(&chips, chips.chip(onto).center());
      QTest::mouseRelease(&chips, Qt::LeftButton, {}, chips.chip(onto).center());
    };
    drag(full, other);
    QCOMPARE(editor.placement().fullCount(), before.fullCount());
    QCOMPARE(editor.placement()[other], MixerKind::Full);
    QVERIFY(editor.placement()[full] != MixerKind::Full);
    QCOMPARE(editor.undoStack().count(), 1);  // one step
    scene.window.actions().undo->trigger();
    QCOMPARE(editor.placement(), before);
    editor.setPinned(other, true);
    drag(full, other);
    QCOMPARE(editor.placement(), before);
    QTest::mousePress(&chips, Qt::LeftButton, {}, chips.chip(full).center());  // dropped outside: nothing
    QTest::mouseRelease(&chips, Qt::LeftButton, {}, QPoint(-50, -50));
    QCOMPARE(editor.placement(), before);
  }

  void chipsKeepTheHeightOfTheirLetters() {
    ChipGrid grid;
    grid.setPlacement(Placement(30, MixerKind::GdnWindow), {MixerKind::Full, MixerKind::GdnWindow}, {});
    for (const int width : {180, 250, 600}) {
      grid.resize(width, 40);
      grid.resize(width, grid.minimumSizeHint().height());
      for (int layer = 0; layer < 30; ++layer) {
        QVERIFY(grid.chip(layer).height() >= 14);
        QVERIFY(grid.rect().contains(grid.chip(layer)));
      }
    }
  }

  void editsByKeyboard() {
    Scene scene;
    QVERIFY(scene.search());
    PlacementEditor& editor = scene.studio.editor();
    ChipGrid& chips = scene.window.placement().chips();
    QTRY_VERIFY(chips.isVisible());
    QTest::keyClick(&chips, Qt::Key_Home);
    QTest::keyClick(&chips, Qt::Key_Down);
    QTest::keyClick(&chips, Qt::Key_Down);
    QCOMPARE(chips.current(), 2);
    QTest::keyClick(&chips, Qt::Key_Right);
    const int layer = chips.current();
    QVERIFY(layer > 2);
    QTest::keyClick(&chips, Qt::Key_F);
    QCOMPARE(editor.placement()[layer], MixerKind::Full);
    QTest::keyClick(&chips, Qt::Key_H);
    QCOMPARE(editor.placement()[layer], MixerKind::GdnWindow);
    QTest::keyClick(&chips, Qt::Key_F);
    QTest::keyClick(&chips, Qt::Key_G);  // the bank's only Gated DeltaNet
    QCOMPARE(editor.placement()[layer], MixerKind::GdnWindow);
    QTest::keyClick(&chips, Qt::Key_W);  // not offered
    QCOMPARE(editor.placement()[layer], MixerKind::GdnWindow);
    QTest::keyClick(&chips, Qt::Key_P);
    QTest::keyClick(&chips, Qt::Key_F);
    QCOMPARE(editor.placement()[layer], MixerKind::GdnWindow);
  }

  void anEditIsJudgedBesideBaselineAndTeacher() {
    Scene scene;
    QVERIFY(scene.search());
    Studio& studio = scene.studio;
    studio.editor().set(0, studio.editor().placement()[0] == MixerKind::Full ? MixerKind::GdnWindow : MixerKind::Full);
    const Placement edited = studio.editor().placement();
    for (const Placement& placement :
         {edited, studio.comparisons().baseline().placement, studio.comparisons().teacher()}) {
      QTRY_VERIFY(studio.book().find(placement) != nullptr && !studio.book().find(placement)->scores.empty());
    }
    QVERIFY(scoreOf(studio.book().find(edited)->scores, "kl")->value > 0);
    QTRY_VERIFY(scoreOf(studio.book().find(edited)->scores, "passkey_nll") != nullptr);  // the part after text
    QCOMPARE(scoreOf(studio.book().find(studio.comparisons().teacher())->scores, "kl")->value, 0.0);
  }

  void aJudgementThatALaterEditOvertookIsDropped() {
    Scene scene({.steps = 8}, 400);
    QVERIFY(scene.search());
    Studio& studio = scene.studio;
    const auto flip = [&](int layer) {
      const bool full = studio.editor().placement()[layer] == MixerKind::Full;
      studio.editor().set(layer, full ? MixerKind::GdnWindow : MixerKind::Full);
      return studio.editor().placement();
    };
    const Placement first = flip(1);
    QTRY_VERIFY(studio.jobs().running(QStringLiteral("what-if")));
    const Placement second = flip(2);
    QTRY_VERIFY(studio.book().find(second) != nullptr && !studio.book().find(second)->scores.empty());
    QVERIFY(studio.book().find(first) == nullptr);
  }
};

}  // namespace interleave::gui

int main(int argc, char** argv) { return interleave::gui::runGuiTest<interleave::gui::PlacementTest>(argc, argv); }

#include "placement_test.moc"
