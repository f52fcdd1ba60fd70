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

# run_labelled TITLE BUDGET_MINUTES BUILD_DIR CTEST_ARGUMENTS...
run_labelled() {
  local title=$1 budget=$2 dir=$3; shift 3
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
  record "$title" "$(elapsed_since "$start")" "$budget" "$p passed, $f failed, $s skipped"
}
record() {   # TITLE SECONDS BUDGET_MINUTES TEXT
  local mark=''
  [ "$2" -gt $(($3 * 60)) ] && mark="  OVER its budget of $3 min"
  timing+=("$(printf '%-22s %5d s  %s%s' "$1" "$2" "${4:-}" "$mark")")
  printf '%-22s %5d s  %s%s\n' "$1" "$2" "${4:-}" "$mark"
}

start=$(date +%s); bash tools/dev/setup.sh; record "set-up" "$(elapsed_since "$start")" 5
start=$(date +%s); bash tools/dev/build.sh release --quiet; record "build" "$(elapsed_since "$start")" 12

if [ $# -gt 0 ]; then
  run_labelled "matching $1" 15 build/release -R "$1"
else
  run_labelled "lints and unit" 3 build/release -L '^unit$' -j2
  run_labelled "gui" 3 build/release -L '^gui$' -j2
  run_labelled "e2e" 8 build/release -L '^e2e$'
  run_labelled "real" 6 build/release -L '^real$'
  run_labelled "gpu" 3 build/release -L '^gpu$'
  start=$(date +%s); bash tools/dev/build.sh asan --quiet; record "build asan" "$(elapsed_since "$start")" 7
  ASAN_OPTIONS=detect_leaks=1:halt_on_error=1 UBSAN_OPTIONS=print_stacktrace=1 \
    LSAN_OPTIONS=suppressions=$PWD/tests/support/lsan.supp:print_suppressions=0 \
    run_labelled "asan+ubsan" 4 build/asan -L '^(unit|gui)$' -j2
fi

echo
printf '%s\n' "${timing[@]}"
[ "$skipped" -gt 0 ] && echo "$skipped tests were skipped: no GPU, or the public patients are not given (docs/real-data.md)."
echo "$passed passed, $failed failed, $skipped skipped"
[ "$failed" -eq 0 ] && [ "$passed" -gt 0 ]
