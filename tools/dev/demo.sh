#!/usr/bin/env bash
# SPDX-FileCopyrightText: The Consilium authors
# SPDX-License-Identifier: Apache-2.0
# ./dev demo [OPTIONS]: sets up, builds, and runs a federation on this machine.
set -euo pipefail
source tools/dev/lib.sh
source tools/dev/data.sh

arguments=()
while [ $# -gt 0 ]; do
  case "$1" in
    --data) [ $# -gt 1 ] || die "--data needs a folder" "./dev demo --help"
      data=$2; shift 2 ;;
    *) arguments+=("$1"); shift ;;
  esac
done
export CONSILIUM_STEPS=5
start=$(date +%s)
bash tools/dev/setup.sh
bash tools/dev/build.sh release --quiet consilium consilium-hub consilium-site consilium-desktop
if [ -n "${data:-}" ]; then arguments+=(--data "$(unpacked_data "$data")"); fi
exec build/release/bin/consilium demo --steps-before 3 --setup-seconds "$(elapsed_since "$start")" "${arguments[@]}"
