#!/usr/bin/env bash
# SPDX-FileCopyrightText: The Consilium authors
# SPDX-License-Identifier: Apache-2.0
# bench: Dice, Hausdorff, surface Dice and surface distance of a mask pair against MONAI
set -euo pipefail
cd "$(dirname "$0")/../.."
source tools/dev/lib.sh
source tests/bench/environment.sh
program=build/release/tests/bench_metrics
[ -x "$program" ] || die "$program is not built" "./dev build"
bench_python monai monai==1.5.2 torch==2.11.0 numpy==1.26.4 scipy==1.13.1 scikit-image==0.25.2
exec "$python" tests/bench/metrics.py "$program" "$@"
