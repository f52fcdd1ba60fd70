#!/usr/bin/env bash
# SPDX-FileCopyrightText: The Consilium authors
# SPDX-License-Identifier: Apache-2.0
# clang-tidy (the short list of .clang-tidy) over the folders that every other builds on. ./dev soak tidy does all.
# usage: check_tidy.sh BUILD_DIR
set -euo pipefail
cd "$(dirname "$0")/../.."
mapfile -t all < <(git ls-files 'core/*.cc' 'cuda/*.cc')
printf '%s\n' "${all[@]}" | xargs -P "$(nproc)" -n 4 clang-tidy-14 --quiet -p "$1" 2> /dev/null
echo "check_tidy: ${#all[@]} files"
