-- SPDX-License-Identifier: GPL-3.0-or-later
-- Version 1. Steps lie in chunks of up to 256, column by column, so that a curve reads few pages; the newest chunk of a
-- run may still be in several parts. `seq` orders all that a run recorded.
CREATE TABLE runs (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  created TEXT NOT NULL,                      -- ISO 8601, UTC
  spec TEXT NOT NULL,                         -- JSON, as backend/core/run_spec.h writes it
  title TEXT NOT NULL,
  phase INTEGER NOT NULL,                     -- Phase, as last recorded
  reason TEXT NOT NULL DEFAULT '',
  model_name TEXT NOT NULL DEFAULT '',
  model_fingerprint TEXT NOT NULL DEFAULT '',
  step INTEGER NOT NULL DEFAULT 0,
  steps INTEGER NOT NULL DEFAULT 0,
  tokens INTEGER NOT NULL DEFAULT 0,
  seconds REAL NOT NULL DEFAULT 0
) STRICT;

CREATE TABLE chunks (
  run INTEGER NOT NULL REFERENCES runs (id) ON DELETE CASCADE,
  first INTEGER NOT NULL,                     -- step of the first row
  last INTEGER NOT NULL,
  count INTEGER NOT NULL CHECK (count > 0),
  operators BLOB NOT NULL,                    -- MixerKind, one byte each
  head BLOB NOT NULL,                         -- int64 step, seq, steps, tokens; double seconds: a column of `count` each
  metrics BLOB NOT NULL,                      -- double, a column of `count` for each Metric
  logits BLOB NOT NULL,                       -- float, a row for each step
  probabilities BLOB NOT NULL,                -- float, a row for each step
  placements BLOB NOT NULL,                   -- MixerKind, a row of one byte a layer for each step
  PRIMARY KEY (run, first)
) STRICT;

CREATE TABLE checkpoints (
  run INTEGER NOT NULL REFERENCES runs (id) ON DELETE CASCADE,
  step INTEGER NOT NULL,
  state BLOB NOT NULL,
  PRIMARY KEY (run, step)
) STRICT;

CREATE TABLE events (
  run INTEGER NOT NULL REFERENCES runs (id) ON DELETE CASCADE,
  seq INTEGER NOT NULL,
  kind INTEGER NOT NULL,                      -- index of the event's type
  topic TEXT NOT NULL,                        -- a newer event of the same kind and topic replaces those from its step on
  step INTEGER NOT NULL,
  data TEXT NOT NULL,                         -- JSON
  PRIMARY KEY (run, seq)
) STRICT;
CREATE INDEX events_by_topic ON events (run, kind, topic, step);

CREATE TABLE exports (
  id INTEGER PRIMARY KEY,
  run INTEGER NOT NULL REFERENCES runs (id) ON DELETE CASCADE,
  created TEXT NOT NULL,
  format TEXT NOT NULL,
  path TEXT NOT NULL,
  provenance TEXT NOT NULL                    -- JSON
) STRICT;
CREATE INDEX exports_by_run ON exports (run);
