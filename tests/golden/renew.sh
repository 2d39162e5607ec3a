#!/bin/bash
# SPDX-License-Identifier: GPL-3.0-or-later
# Makes the golden files anew from the programs of a build; README.md beside this says when that may be done.
#   tests/golden/renew.sh [BUILD]            what today's programs make of the inputs
#   tests/golden/renew.sh --inputs [BUILD]   the inputs first: model, bank, store
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
inputs=0
if [ "${1:-}" = --inputs ]; then inputs=1 && shift; fi
build=$(cd "${1:-$here/../../build/release}" && pwd)
data=$here/data
set -a
. "$here/plain.env"
set +a

# What stores tell of paths is of this folder, whoever made them.
work=/tmp/interleave-golden
cli=$build/bin/interleave-cli
made=$build/bin/golden_make_inputs

# A search in its own words, stopped when it has done some of its steps: the one that can be gone on with.
stopped_search() {
  "$cli" search model --bank bank --store store.sqlite --title "stopped on its way" --budget 2 --seed 5 \
    --set operators=full,swa --set steps=24 --set text_tokens=512 --set text_positions=64 --set prompt_tokens=340 \
    --set hard_every=6 --set side_budgets= --set extract=1 --set precision=fp32 2> log > /dev/null &
  local search=$!
  until grep -q "step [5-9]/24" log; do kill -0 $search && sleep 0.01; done
  kill -TERM $search
  wait $search || [ $? = 4 ]
}

make_inputs() {
  cmake --build "$build" --target interleave_cli golden_make_inputs
  rm -rf "$work" && mkdir -p "$work" && cd "$work"
  "$made" model model
  "$made" even-model even-model
  cp "$here/recipes/batch.json" .
  "$cli" batch batch.json
  stopped_search
  "$made" changed-run store.sqlite
  "$cli" heal model --bank bank --placement layers:1,4 --out healed --store store.sqlite --title "healed" --set steps=6 \
    --set text_tokens=96 --set learning_rate=3e-3 --set judge_tokens=1024 --set judge_prompts=2 \
    --set judge_prompt_tokens=340 --set held_out_every=3 --set held_out_batches=1 --set precision=fp32
  "$cli" search --store store.sqlite --fork 1@6 --budget 12KB@128 --title "a fork"
  "$cli" cost model --store store.sqlite --run 1 --lengths 64,128 --new-tokens 2 --repeats 2
  "$cli" transfer 1 2 --store store.sqlite --under operator=swa --tokens 256 --sequence 128 --prompts 2 --prompt-tokens 340
  "$cli" export --store store.sqlite --run 1 --format interleave --out found
  "$made" marks store.sqlite
  sqlite3 store.sqlite "PRAGMA wal_checkpoint(TRUNCATE); VACUUM;" > /dev/null
  "$cli" store check store.sqlite
  mkdir -p "$data"
  rm -rf "$data"/{model,even-model,bank,store.sqlite,placement.json}
  cp -r model even-model bank store.sqlite found/placement.json "$data"
  cd "$here" && rm -rf "$work"
}

if [ $inputs = 1 ]; then make_inputs; fi
INTERLEAVE_GOLDEN_RENEW=1 ctest --test-dir "$build" -R Golden --output-on-failure
