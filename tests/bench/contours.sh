#!/usr/bin/env bash
# SPDX-FileCopyrightText: The Consilium authors
# SPDX-License-Identifier: Apache-2.0
# bench: RTSTRUCT to a mask in .nii.gz against dcmrtstruct2nii, on the real patients
set -euo pipefail
cd "$(dirname "$0")/../.."
source tools/dev/lib.sh
source tests/bench/environment.sh
[ -n "${CONSILIUM_STS:-}" ] || die "CONSILIUM_STS is not set" "See docs/real-data.md."
program=build/release/tests/bench_contours
[ -x "$program" ] || die "$program is not built" "./dev build"
bench_python contours source:dcmrtstruct2nii==5 pydicom==3.0.1 SimpleITK==2.5.2 numpy==2.2.6 scikit-image==0.25.2
exec "$python" tests/bench/contours.py "$program" "$@"
