#!/usr/bin/env bash
# SPDX-FileCopyrightText: The Consilium authors
# SPDX-License-Identifier: Apache-2.0
# Every source is as clang-format 14 lays it out; ./dev fmt mends it.
set -euo pipefail
cd "$(dirname "$0")/../.."
source tools/dev/lib.sh
mapfile -t all < <(sources)
[ ${#all[@]} -gt 0 ] || die "no source was found" "Run it in a checkout."
clang-format-14 --dry-run -Werror "${all[@]}" 2>&1 | grep -E 'error:' | sed 's/: error:.*//' | cut -d: -f1 | sort | uniq -c || true
clang-format-14 --dry-run -Werror "${all[@]}" 2> /dev/null || die "the files above are not formatted" "./dev fmt"
echo "check_format: ${#all[@]} files"
