#!/usr/bin/env bash
# SPDX-FileCopyrightText: The Consilium authors
# SPDX-License-Identifier: Apache-2.0
# Numbers leave a device only in the files listed here, so that no step of training or prediction waits for a copy.
set -euo pipefail
cd "${1:-$(dirname "$0")/../..}"
allowed=(
  learning/tensors.cc          # parameters, samples and results in and out; never inside a step
  learning/gpu/gpu_module.cc   # self-test of the GPU, once at start
)
pattern='\.cpu\(\)|kCPU|DeviceType::CPU|\.item[<(]|\.accessor<|packed_accessor|\.tolist\(|\.to\("cpu"'
files=$(find learning -name '*.cc' -o -name '*.h' | sort)
bad=0
for file in $files; do
  for good in "${allowed[@]}"; do [ "$file" = "$good" ] && continue 2; done
  if hits=$(sed 's@//.*@@' "$file" | grep -nE "$pattern"); then
    while IFS= read -r hit; do echo "$file:$hit: copies to the host; only ${allowed[*]} may"; done <<<"$hits"
    bad=1
  fi
done
for good in "${allowed[@]}"; do [ -e "$good" ] || { echo "$good is listed and does not exist"; bad=1; }; done
echo "check_device_copies: $(wc -w <<<"$files") files"
exit $bad
