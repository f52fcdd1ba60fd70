#!/usr/bin/env bash
# SPDX-FileCopyrightText: The Consilium authors
# SPDX-License-Identifier: Apache-2.0
# ./dev demo [OPTIONS]: sets up, builds, and runs a federation on this machine.
set -euo pipefail
source tools/dev/lib.sh
source tools/dev/data.sh

usage() {
  cat <<'TEXT'
usage: ./dev demo [OPTIONS]
  A federation on this machine, from DICOM to DICOM SEG: sets up, builds, starts a hub and hospitals as separate programs.
  --sites N       hospitals with phantom patients, 2 to 9 (default 3)
  --rounds N      rounds (default: the plan's)
  --seed S        of the phantoms and of the run (default 1)
  --data DIR      real patients instead: SITE/PATIENT/... or SITE.tar.zst archives (docs/real-data.md)
  --plan FILE     a run plan of your own
  --headless      do not open the desktop program
  --keep DIR      folder for everything it makes (default demo); an earlier demo in it is removed
  --json FILE     write the results as JSON
TEXT
}

arguments=() data=''
while [ $# -gt 0 ]; do
  case "$1" in
    -h|--help) usage; exit 0 ;;
    --headless) arguments+=("$1"); shift ;;
    --sites|--rounds|--seed|--data|--plan|--keep|--json)
      [ $# -gt 1 ] || die "$1 needs a value" "./dev demo --help"
      if [ "$1" = --data ]; then data=$2; else arguments+=("$1" "$2"); fi
      shift 2 ;;
    *) die "./dev demo has no option '$1'" "./dev demo --help" ;;
  esac
done
[ -z "$data" ] || [ -d "$data" ] || die "there is no folder $data" "docs/real-data.md says where the patients are to be had."
export CONSILIUM_STEPS=5
start=$(date +%s)
bash tools/dev/setup.sh
bash tools/dev/build.sh release --quiet consilium consilium-hub consilium-site consilium-desktop
if [ -n "$data" ]; then arguments+=(--data "$(unpacked_data "$data")"); fi
exec build/release/bin/consilium demo --steps-before 3 --setup-seconds "$(elapsed_since "$start")" "${arguments[@]}"
