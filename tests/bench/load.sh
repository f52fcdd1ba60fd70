#!/usr/bin/env bash
# SPDX-FileCopyrightText: The Consilium authors
# SPDX-License-Identifier: Apache-2.0
# bench: DICOM series to an int16 volume against pydicom and SimpleITK: CT of 600 slices, compressed, real patients
set -euo pipefail
cd "$(dirname "$0")/../.."
source tools/dev/lib.sh
source tests/bench/environment.sh
program=build/release/tests/bench_load
[ -x "$program" ] || die "$program is not built" "./dev build"
bench_python load pydicom==3.0.1 SimpleITK==2.5.2 numpy==2.2.6 pyjpegls==1.5.1 pylibjpeg==2.1.0 pylibjpeg-openjpeg==2.5.0
exec "$python" tests/bench/load.py "$program" "$@"
