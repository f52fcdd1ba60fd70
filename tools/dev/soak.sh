#!/usr/bin/env bash
# SPDX-FileCopyrightText: The Consilium authors
# SPDX-License-Identifier: Apache-2.0
# ./dev soak: what is too long for every change.
set -euo pipefail
source tools/dev/lib.sh
source tools/dev/data.sh
case "${1:-}" in
  -h|--help)
    echo "usage: ./dev soak [asan|tsan|tidy|asan-torch|fuzz|slow]...   (all of them without a name)"
    echo "  asan        address and undefined-behaviour sanitizers over all but Torch code, e2e tests too"
    echo "  tsan        thread sanitizer over all but Torch code"
    echo "  tidy        clang-tidy over every source"
    echo "  asan-torch  address and undefined-behaviour sanitizers with Torch code"
    echo "  fuzz        each fuzzer for CONSILIUM_FUZZ_SECONDS (default 60)"
    echo "  slow        the tests labelled slow"
    exit 0 ;;
esac
for variable in CONSILIUM_STS CONSILIUM_STS_TRIMMED; do
  if [ -n "${!variable:-}" ]; then export "$variable=$(unpacked_data "${!variable}")"; fi
done
export QT_QPA_PLATFORM=offscreen
parts=("$@")
[ ${#parts[@]} -gt 0 ] || parts=(tidy asan tsan asan-torch fuzz slow)
for part in "${parts[@]}"; do
  echo "== $part"
  case "$part" in
    tidy) bash tools/dev/build.sh tidy --quiet ;;
    asan) bash tools/dev/build.sh asan --quiet
      LSAN_OPTIONS=suppressions=$PWD/tests/support/lsan.supp \
        ctest --test-dir build/asan -L '^(unit|gui|e2e|real)$' --output-on-failure ;;
    tsan) bash tools/dev/build.sh tsan --quiet
      # Debian's libraries are not built with the sanitizer: what they do to memory themselves is left out.
      TSAN_OPTIONS=halt_on_error=1:ignore_noninstrumented_modules=1:suppressions=$PWD/tests/support/tsan.supp \
        ctest --test-dir build/tsan -L '^(unit|gui)$' --output-on-failure ;;
    asan-torch) bash tools/dev/build.sh asan-torch --quiet
      LSAN_OPTIONS=suppressions=$PWD/tests/support/lsan.supp \
        ctest --test-dir build/asan-torch -L '^(unit|gui|e2e)$' --output-on-failure ;;
    fuzz)
      bash tools/dev/build.sh fuzz --quiet
      declare -A seeds=([safetensors]=tests/core/oracles [config]=packaging)  # files to start from
      for fuzzer in build/fuzz/fuzz/*_fuzz; do
        name=$(basename "$fuzzer" _fuzz)
        corpus=build/fuzz/corpus/$name
        echo "-- $name"
        mkdir -p "$corpus"
        "$fuzzer" -max_total_time="${CONSILIUM_FUZZ_SECONDS:-60}" -rss_limit_mb=2048 -print_final_stats=1 \
          -artifact_prefix="build/fuzz/$name-" "$corpus" "${seeds[$name]:-$corpus}" > "build/fuzz/$name.log" 2>&1 \
          || { tail -40 "build/fuzz/$name.log"; die "the $name fuzzer found a fault" "See build/fuzz/$name.log."; }
        tail -5 "build/fuzz/$name.log"
      done ;;
    slow) bash tools/dev/build.sh release --quiet
      ctest --test-dir build/release -L '^slow$' --output-on-failure ;;
    *) die "./dev soak has no part '$part'" "./dev soak --help" ;;
  esac
done
