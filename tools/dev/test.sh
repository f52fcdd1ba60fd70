#!/usr/bin/env bash
# SPDX-FileCopyrightText: The Consilium authors
# SPDX-License-Identifier: Apache-2.0
# ./dev test [REGEX]: builds, then runs every test but those labelled slow and bench, then the sanitizer build.
set -euo pipefail
source tools/dev/lib.sh
source tools/dev/data.sh

case "${1:-}" in
  -h|--help)
    echo "usage: ./dev test [REGEX]"
    echo "  Without REGEX: lints, unit, gui, e2e, real (where CONSILIUM_STS and CONSILIUM_STS_TRIMMED name the public patients,"
    echo "  see docs/real-data.md), and unit and gui again under AddressSanitizer and UBSan (all but Torch code)."
    echo "  With REGEX: only the tests whose name matches, in the release build."
    exit 0 ;;
esac
for variable in CONSILIUM_STS CONSILIUM_STS_TRIMMED; do
  if [ -n "${!variable:-}" ]; then export "$variable=$(unpacked_data "${!variable}")"; fi
done
export QT_QPA_PLATFORM=${QT_QPA_PLATFORM:-offscreen}
mkdir -p out
passed=0 failed=0 skipped=0
declare -a timing=()

# The budgets in minutes on two cores, from nothing; each part of the run counts for one of them.
declare -A budget=([set-up]=5 [build]=12 [sanitizers]=8 [tests]=15) spent=([set-up]=0 [build]=0 [sanitizers]=0 [tests]=0)

# run_labelled TITLE BUDGET BUILD_DIR CTEST_ARGUMENTS...
run_labelled() {
  local title=$1 counts_for=$2 dir=$3; shift 3
  local start log; start=$(date +%s); log="out/test-$(echo "$title" | tr ' /' '--').log"
  ctest --test-dir "$dir" --output-on-failure --no-tests=ignore "$@" > "$log" 2>&1 || true
  local p f s
  p=$(grep -cE '^ *[0-9]+/[0-9]+ Test +#[0-9]+: .* Passed ' "$log" || true)
  s=$(grep -cE '^ *[0-9]+/[0-9]+ Test +#[0-9]+: .*\*\*\*Skipped ' "$log" || true)
  f=$(grep -E '^ *[0-9]+/[0-9]+ Test +#[0-9]+: ' "$log" | grep -cvE ' Passed |\*\*\*Skipped ' || true)
  grep -E '^ *[0-9]+/[0-9]+ Test +#[0-9]+: ' "$log" | grep -E '\*\*\*Skipped ' | sed -E 's/^.*#[0-9]+: ([^ ]+) .*/  skipped: \1/' || true
  if [ "$f" -gt 0 ] || grep -q 'No such file' <(grep -E '^(Errors|CMake Error)' "$log"); then
    sed -n '/^ *[0-9]*\/[0-9]* Test .*\(Failed\|Timeout\|Not Run\|Exception\)/,/^ *Start/p' "$log" | head -150
    echo "  whole output: $log"
  fi
  passed=$((passed + p)); failed=$((failed + f)); skipped=$((skipped + s))
  record "$title" "$(elapsed_since "$start")" "$counts_for" "$p passed, $f failed, $s skipped"
}
record() {   # TITLE SECONDS BUDGET TEXT
  spent[$3]=$((spent[$3] + $2))
  timing+=("$(printf '%-22s %5d s  %s' "$1" "$2" "${4:-}")")
  printf '%s\n' "${timing[-1]}"
}

start=$(date +%s); bash tools/dev/setup.sh; record "set-up" "$(elapsed_since "$start")" set-up
start=$(date +%s); bash tools/dev/build.sh release --quiet; record "build" "$(elapsed_since "$start")" build

if [ $# -gt 0 ]; then
  run_labelled "matching $1" tests build/release -R "$1"
else
  run_labelled "lints and unit" tests build/release -L '^unit$' -j2
  run_labelled "gui" tests build/release -L '^gui$' -j2
  run_labelled "e2e" tests build/release -L '^e2e$'
  run_labelled "real" tests build/release -L '^real$'
  run_labelled "gpu" tests build/release -L '^gpu$'
  start=$(date +%s); bash tools/dev/build.sh asan --quiet; record "build asan" "$(elapsed_since "$start")" sanitizers
  ASAN_OPTIONS=detect_leaks=1:halt_on_error=1 UBSAN_OPTIONS=print_stacktrace=1 \
    LSAN_OPTIONS=suppressions=$PWD/tests/support/lsan.supp:print_suppressions=0 \
    run_labelled "asan+ubsan" sanitizers build/asan -L '^(unit|gui)$' -j2
fi

echo
printf '%s\n' "${timing[@]}"
for part in set-up build sanitizers tests; do
  [ "${spent[$part]}" -le $((budget[$part] * 60)) ] || echo "OVER BUDGET: $part took ${spent[$part]} s of ${budget[$part]} min"
done
[ "$skipped" -gt 0 ] && echo "$skipped tests were skipped: no GPU, or the public patients are not given (docs/real-data.md)."
echo "$passed passed, $failed failed, $skipped skipped"
[ "$failed" -eq 0 ] && [ "$passed" -gt 0 ]
