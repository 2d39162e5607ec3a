# SPDX-License-Identifier: GPL-3.0-or-later
# What run.sh, test.sh and .ci/run share: installing what is missing, and building. Sourced, not run.
set -euo pipefail
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
python=$root/.deps/python/bin/python
stamps=$root/.deps/stamps

say() { printf '\033[1m==> %s\033[0m\n' "$*" >&2; }
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

# build PRESET [CMake option…]: configures once, then builds what has changed, in build/PRESET.
build() {
  local preset=$1
  shift
  say "Building ($preset)"
  if [ $# -gt 0 ] || [ ! -e "$root/build/$preset/build.ninja" ]; then (cd "$root" && cmake --preset "$preset" "$@") || return; fi
  cmake --build "$root/build/$preset"
}
