#!/usr/bin/env bash
# SPDX-FileCopyrightText: The Consilium authors
# SPDX-License-Identifier: Apache-2.0
# bench: the hub's exact fixed-point average against plain numpy, in one run
set -euo pipefail
cd "$(dirname "$0")/../.."
source tools/dev/lib.sh
python=${CONSILIUM_PYTHON:-/usr/bin/python3}
"$python" -c 'import numpy' 2>/dev/null || die "numpy is missing" "sudo apt-get install python3-numpy, or set CONSILIUM_PYTHON to a Python that has it."
program=build/release/tests/bench_aggregate
[ -x "$program" ] || die "$program is not built" "./dev build"
exec "$python" tests/bench/aggregate.py "$program" "$@"
