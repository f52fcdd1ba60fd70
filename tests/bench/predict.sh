#!/usr/bin/env bash
# SPDX-FileCopyrightText: The Consilium authors
# SPDX-License-Identifier: Apache-2.0
# bench: prediction of a whole patient against MONAI's sliding window with the same network
set -euo pipefail
cd "$(dirname "$0")/../.."
source tools/dev/lib.sh
source tests/bench/environment.sh
program=build/release/tests/bench_predict
[ -x "$program" ] || die "$program is not built" "./dev build"
bench_python networks monai==1.5.2 torch==2.11.0 numpy==1.26.4 source:dynamic-network-architectures==0.4.2
exec "$python" tests/bench/predict.py "$program" "$@"
