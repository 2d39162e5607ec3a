// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <QObject>
#include <QTimer>
#include <filesystem>
#include <functional>
#include <utility>

#include "gui/app/run_library.h"
#include "gui/model/job_list.h"

namespace interleave::gui {

/// A value that is read from the open store on a job's thread: when somebody wants it, and again when he does after the
/// store has changed, with a rest in between. Lives in the window's thread, as a part of the object that it tells. The
/// list of its jobs is not one that windows show: while a run is recorded the store changes each second.
template <class Key, class Value>
class StoreReading {
 public:
  using Read = std::function<Value(const Store&, const Key&)>;

  /// `changed` is called when there is another value, or it is time to want it again. `title` and `slot` are the job's.
  StoreReading(QObject& owner, JobList& jobs, RunLibrary& library, QString title, QString slot, Read read,
               std::function<void()> changed)
      : jobs_(jobs),
        library_(library),
        title_(std::move(title)),
        slot_(std::move(slot)),
        read_(std::move(read)),
        changed_(std::move(changed)) {
    rest_.setSingleShot(true);
    rest_.setInterval(kRest);
    QObject::connect(&library_, &RunLibrary::changed, &owner, [this] {
      outdated_ = true;
      if (library_.file() != file_) forget();
    });
    const auto again = [this] {
      if (outdated_) changed_();
    };
    QObject::connect(&rest_, &QTimer::timeout, &owner, again);
    QObject::connect(&jobs_, &JobList::finished, &owner, [this, again](const QString& finished) {
      if (finished == slot_) again();  // what was wanted meanwhile
    });
  }

  const Value& value() const { return value_; }  ///< Of the key that was wanted last; empty until it is read.

  /// With this key, unless what was read last still stands; `changed` tells.
  void want(const Key& key) {
    if (!(key == key_)) {
      forget();
      key_ = key;
    }
    if (!outdated_ || rest_.isActive() || jobs_.running(slot_) || !library_.isOpen()) return;
    outdated_ = false;
    file_ = library_.file();
    rest_.start();
    jobs_.start(title_, slot_, [this, key, read = read_, file = file_](Progress&) -> std::function<void()> {
      Value found = read(Store::open(file), key);
      return [this, key, file, found = std::move(found)] {
        if (!(key == key_) || file != file_ || found == value_) return;
        value_ = found;
        changed_();
      };
    });
  }

  /// There is nothing to read.
  void clear() {
    if (!(value_ == Value{}) || !(key_ == Key{})) forget();
    key_ = {};
  }

 private:
  void forget() {
    jobs_.cancelSlot(slot_);
    rest_.stop();
    value_ = {};
    outdated_ = true;
  }

  static constexpr int kRest = 500;  // milliseconds: the list of runs is read anew each second while one goes on

  JobList& jobs_;
  RunLibrary& library_;
  QString title_, slot_;
  Read read_;
  std::function<void()> changed_;
  QTimer rest_;
  Key key_{};
  std::filesystem::path file_;  ///< The store that was read last.
  bool outdated_ = true;        ///< The store may tell more than the value.
  Value value_;
};

}  // namespace interleave::gui
