#!/usr/bin/env bash
# SPDX-FileCopyrightText: The Consilium authors
# SPDX-License-Identifier: Apache-2.0
# bench: class scores to labels on the patient's grid (resample and argmax) against nnU-Net's export
set -euo pipefail
cd "$(dirname "$0")/../.."
source tools/dev/lib.sh
source tests/bench/environment.sh
program=build/release/tests/bench_export
[ -x "$program" ] || die "$program is not built" "./dev build"
bench_python nnunet source:nnunetv2==2.6.2 source:acvl-utils==0.2.5 source:batchgenerators==0.25.5 source:batchgeneratorsv2==0.3.6 torch==2.11.0
exec "$python" tests/bench/export.py "$program" "$@"
