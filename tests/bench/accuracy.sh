#!/usr/bin/env bash
# SPDX-FileCopyrightText: The Consilium authors
# SPDX-License-Identifier: Apache-2.0
# bench: Dice of pooled, federated and single hospitals on real patients against MONAI's DynUNet of the same size and steps
set -euo pipefail
cd "$(dirname "$0")/../.."
source tools/dev/lib.sh
source tests/bench/environment.sh
[ -n "${CONSILIUM_STS_TRIMMED:-}" ] || die "CONSILIUM_STS_TRIMMED is not set" "See docs/real-data.md."
program=build/release/bin/consilium
[ -x "$program" ] || die "$program is not built" "./dev build"
bench_python accuracy monai==1.5.2 torch==2.11.0 numpy==1.26.4 SimpleITK==2.5.2
exec "$python" tests/bench/accuracy.py "$program" "$CONSILIUM_STS_TRIMMED" "$@"
