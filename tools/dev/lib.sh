# SPDX-FileCopyrightText: The Consilium authors
# SPDX-License-Identifier: Apache-2.0
# Shared by the scripts behind ./dev. Sourced from the repository root.

# die WHAT NEXT_STEP: one line what, one line what to do.
die() {
  printf 'error: %s\n' "$1" >&2
  [ $# -gt 1 ] && printf '  %s\n' "$2" >&2
  exit 1
}

cache_dir() { echo "${CONSILIUM_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/consilium}"; }

# Every source file that clang-format keeps.
sources() { git ls-files --cached --others --exclude-standard '*.cc' '*.h' '*.cu' '*.cuh'; }

elapsed_since() { echo $(($(date +%s) - $1)); }

# step NUMBER TITLE TEXT...: a line of progress; numbered, as [1/5], where CONSILIUM_STEPS says how many there are.
step() {
  [ -n "${CONSILIUM_STEPS:-}" ] && printf '[%s/%s] ' "$1" "$CONSILIUM_STEPS"
  printf '%-13s %s\n' "$2" "${*:3}"
}
