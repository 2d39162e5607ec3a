// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <QObject>
#include <functional>
#include <utility>

#include "gui/app/run_library.h"
#include "gui/model/job_list.h"

namespace interleave::gui {

/// A value that is read from the open store on a job's thread: when somebody wants it, and again when he does after the
/// store has changed. Lives in the window's thread, as a part of the object that it tells.
template <class Key, class Value>
class StoreReading {
 public:
  using Read = std::function<Value(const Store&, const Key&)>;

  /// `changed` is called when there is another value. `title` and `slot` are the job's.
  StoreReading(QObject& owner, JobList& jobs, RunLibrary& library, QString title, QString slot, Read read,
               std::function<void()> changed)
      : jobs_(jobs),
        library_(library),
        title_(std::move(title)),
        slot_(std::move(slot)),
        read_(std::move(read)),
        changed_(std::move(changed)) {
    QObject::connect(&library_, &RunLibrary::changed, &owner, [this] { outdated_ = true; });
  }

  const Value& value() const { return value_; }

  /// With this key, unless what was read last still stands; `changed` tells.
  void want(const Key& key) {
    if ((!outdated_ && key == key_) || !library_.isOpen()) return;
    outdated_ = false;
    key_ = key;
    jobs_.start(title_, slot_, [this, key, read = read_, file = library_.file()](Progress&) -> std::function<void()> {
      Value found = read(Store::open(file), key);
      return [this, found = std::move(found)] {
        if (found == value_) return;
        value_ = found;
        changed_();
      };
    });
  }

  /// There is nothing to read.
  void clear() {
    jobs_.cancelSlot(slot_);
    key_ = {};
    outdated_ = true;
    if (!(value_ == Value{})) value_ = {}, changed_();
  }

 private:
  JobList& jobs_;
  RunLibrary& library_;
  QString title_, slot_;
  Read read_;
  std::function<void()> changed_;
  Key key_{};
  bool outdated_ = true;
  Value value_;
};

}  // namespace interleave::gui
