-- SPDX-License-Identifier: GPL-3.0-or-later
-- Version 2. What a researcher notes about a run, the bin, and what a full disk cost.
ALTER TABLE runs ADD COLUMN note TEXT NOT NULL DEFAULT '';
ALTER TABLE runs ADD COLUMN tags TEXT NOT NULL DEFAULT '[]';
ALTER TABLE runs ADD COLUMN baseline INTEGER NOT NULL DEFAULT 0;
ALTER TABLE runs ADD COLUMN deleted INTEGER NOT NULL DEFAULT 0;
ALTER TABLE runs ADD COLUMN dropped INTEGER NOT NULL DEFAULT 0;
