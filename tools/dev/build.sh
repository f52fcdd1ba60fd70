#!/usr/bin/env bash
# SPDX-FileCopyrightText: The Consilium authors
# SPDX-License-Identifier: Apache-2.0
# ./dev build [PRESET] [--quiet] [TARGET...]
set -euo pipefail
source tools/dev/lib.sh

case "${1:-}" in
  -h|--help)
    echo "usage: ./dev build [PRESET] [--quiet] [TARGET...]"
    echo "  Configures when needed and builds. Presets (default release):"
    cmake --list-presets 2>/dev/null | sed -n 's/^  "/    "/p'
    exit 0 ;;
esac
preset=release quiet=0 targets=()
for word in "$@"; do
  case "$word" in
    --quiet) quiet=1 ;;
    release|dev|cuda|asan|asan-torch|tsan|tidy|fuzz) preset=$word ;;
    -*) die "./dev build has no option '$word'" "./dev build --help" ;;
    *) targets+=("$word") ;;
  esac
done

CONSILIUM_STEPS= bash tools/dev/setup.sh
# One cache for every clone: paths are taken relative, the precompiled header's macros do not count.
export CCACHE_BASEDIR=$PWD CCACHE_NOHASHDIR=1 CCACHE_SLOPPINESS=pch_defines,time_macros,include_file_mtime,include_file_ctime
mkdir -p out
if [ ! -e "build/$preset/build.ninja" ]; then
  cmake --preset "$preset" > "out/configure-$preset.log" 2>&1 || {
    grep -n -A12 'CMake Error' "out/configure-$preset.log" | head -40 >&2
    die "CMake could not configure the preset '$preset' (whole output: out/configure-$preset.log)" \
      "A missing package is the usual cause: ./dev setup"
  }
fi
build=(cmake --build "build/$preset")
[ ${#targets[@]} -gt 0 ] && build+=(--target "${targets[@]}")
if [ "$quiet" = 1 ]; then
  "${build[@]}" 2>&1 | tee "out/build-$preset.log" | python3 tools/dev/progress.py "$preset" || {
    grep -n -m5 -A8 -E 'error:|FAILED' "out/build-$preset.log" >&2
    die "the build failed (whole output: out/build-$preset.log)"
  }
else
  "${build[@]}"
fi
