# SPDX-License-Identifier: GPL-3.0-or-later
# What run.sh, test.sh and .ci/run share: installing what is missing, and building. Sourced, not run.
set -euo pipefail
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
python=$root/.deps/python/bin/python
stamps=$root/.deps/stamps

# Messages tell the time since the script began.
clock() { printf '%d:%02d' $(($1 / 60)) $(($1 % 60)); }
say() { printf '\033[1m==> %s  %s\033[0m\n' "$(clock $SECONDS)" "$*" >&2; }
die() { printf 'error: %s\n' "$*" >&2; exit 1; }

as_root() {
  if [ "$(id -u)" = 0 ]; then "$@"
  elif command -v sudo >/dev/null; then sudo "$@"
  else die "installing Debian packages needs root or sudo: $*"; fi
}

# install_packages FILE…: the Debian packages listed in files, those that are missing.
install_packages() {
  local wanted missing
  wanted=$(cat "$@" | grep -v '^#')
  missing=$(comm -23 <(sort -u <<<"$wanted") \
    <(dpkg-query -W -f '${db:Status-Status} ${Package}\n' 2>/dev/null | sed -n 's/^installed //p' | sort -u))
  [ -n "$missing" ] || return 0
  say "Installing Debian packages:" $missing
  as_root env DEBIAN_FRONTEND=noninteractive apt-get update -q </dev/null
  # shellcheck disable=SC2086  # a list of words
  as_root env DEBIAN_FRONTEND=noninteractive apt-get install -q -y --no-install-recommends $missing </dev/null
}

# install_wheels NAME: packaging/requirements-NAME.txt into .deps/python, once for each content of that file.
install_wheels() {
  local list=$root/packaging/requirements-$1.txt stamp=$stamps/$1
  [ "$(cat "$stamp" 2>/dev/null)" != "$(sha256sum <"$list")" ] || return 0
  say "Installing Python wheels ($1)"
  [ -x "$python" ] || /usr/bin/python3 -m venv "$root/.deps/python"
  "$python" -m pip install --no-input --disable-pip-version-check --no-deps --require-hashes --only-binary :all: \
    -r "$list" </dev/null
  mkdir -p "$stamps"
  sha256sum <"$list" >"$stamp"
}

# install_transformers VERSION…: packaging/requirements-transformers-VERSION.txt into .deps/transformers-VERSION, an
# environment that takes everything else, torch first of all, from .deps/python.
install_transformers() {
  local version list stamp folder
  for version in "$@"; do
    list=$root/packaging/requirements-transformers-$version.txt stamp=$stamps/transformers-$version
    folder=$root/.deps/transformers-$version
    [ "$(cat "$stamp" 2>/dev/null)" != "$(sha256sum <"$list")" ] || continue
    say "Installing Python wheels (transformers $version)"
    "$python" -m venv --without-pip --clear "$folder"
    (cd "$folder"/lib/python3*/site-packages && echo ../../../../python/lib/python3*/site-packages >shared.pth)
    "$python" -m pip --python "$folder/bin/python" install --no-input --disable-pip-version-check --no-deps \
      --ignore-installed --require-hashes --only-binary :all: -r "$list" </dev/null
    mkdir -p "$stamps"
    sha256sum <"$list" >"$stamp"
  done
}

# told: ninja's lines, those of $NINJA_STATUS as one that says how far it is, how long it took and what is left at that pace:
# in place on a terminal, a line every quarter of a minute elsewhere. Everything else passes.
told() {
  local line done all elapsed last=-15 ending='\n'
  if [ -t 2 ]; then ending='\033[K\r'; fi
  while IFS= read -r line; do
    if [[ $line != @* ]]; then printf '%s\n' "$line"; continue; fi
    read -r done all elapsed _ <<<"${line#@}"
    elapsed=${elapsed%.*}
    if ((done == 0)) || { [ ! -t 2 ] && ((elapsed < last + 15 && done < all)); }; then continue; fi
    last=$elapsed
    printf "    %d of %d built, %s so far, about %s left$ending" "$done" "$all" "$(clock "$elapsed")" \
      "$(clock $((elapsed * (all - done) / done)))" >&2
  done
  if [ -t 2 ]; then printf '\033[K' >&2; fi
}

# build PRESET [--target NAME] [CMake option…]: configures once, then builds what has changed, in build/PRESET: everything,
# or one target.
build() {
  local preset=$1 target=()
  shift
  if [ "${1-}" = --target ]; then
    target=(--target "$2")
    shift 2
  fi
  if [ $# -gt 0 ] || [ ! -e "$root/build/$preset/build.ninja" ]; then (cd "$root" && cmake --preset "$preset" "$@") || return; fi
  NINJA_STATUS='@%f %t %e ' cmake --build "$root/build/$preset" "${target[@]}" | told
}
