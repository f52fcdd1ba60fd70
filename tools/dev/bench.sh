#!/usr/bin/env bash
# SPDX-FileCopyrightText: The Consilium authors
# SPDX-License-Identifier: Apache-2.0
# ./dev bench NAME [--json FILE]: tests/bench/NAME.sh measures ours and a peer in the same run.
set -euo pipefail
source tools/dev/lib.sh
list() { for file in tests/bench/*.sh; do printf '  %-14s %s\n' "$(basename "$file" .sh)" "$(sed -n 's/^# bench: //p' "$file")"; done; }
case "${1:-}" in
  -h|--help|'') echo "usage: ./dev bench NAME [--json FILE]"; list; exit 0 ;;
esac
name=$1; shift
[ -e "tests/bench/$name.sh" ] || { list >&2; die "there is no bench '$name'" "The list above has those that exist."; }
bash tools/dev/build.sh release --quiet
exec bash "tests/bench/$name.sh" "$@"
