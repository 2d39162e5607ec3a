#!/bin/bash
# SPDX-License-Identifier: GPL-3.0-or-later
usage="usage: packaging/test.sh [CMake option…]

Installs what is missing (Debian packages, with root or sudo; Python wheels, into .deps/), builds Interleave into
build/release, and runs its tests. A second call installs nothing and builds only what has changed. Options such as
-DINTERLEAVE_WERROR=ON or -DLIBTORCH_ROOT=FOLDER are passed to CMake.

Needs Debian 12 on x86-64, about 6 GB of disk, and package registries that apt and pip reach."
if [ "${1-}" = --help ] || [ "${1-}" = -h ]; then
  echo "$usage"
  exit
fi
. "$(dirname "$0")/setup.sh"

say "Step 1 of 4: Debian packages"
install_packages "$root/packaging/apt-packages.txt"
say "Step 2 of 4: Python wheels (LibTorch, and what tests compare with)"
install_wheels run
install_wheels test
install_transformers 4.51 4.57 5
# Beside a CUDA 13 toolkit torch imports as it is; elsewhere it needs NVIDIA's libraries from wheels.
"$python" -c 'import torch' 2>/dev/null || install_wheels cuda
say "Step 3 of 4: building everything"
build release "$@"

say "Step 4 of 4: testing"
cd "$root"
# As many tests as processors, each with one thread: programs that share processors would wait for each other.
OMP_NUM_THREADS=1 ctest --preset release -j "$(nproc)"
