#!/usr/bin/env bash
# SPDX-FileCopyrightText: The Consilium authors
# SPDX-License-Identifier: Apache-2.0
# ./dev setup: Debian packages, then LibTorch by pinned hash into the per-user cache. Idempotent; offline when done.
set -euo pipefail
source tools/dev/lib.sh

case "${1:-}" in
  -h|--help)
    echo "usage: ./dev setup [--check]"
    echo "  Installs the packages of packaging/debian-packages.txt (with sudo when not root) and LibTorch (531 MB once,"
    echo "  kept in $(cache_dir)). --check only says what is missing (exit code 1)."
    exit 0 ;;
esac
check_only=${1:-}

# shellcheck disable=SC1091
release=$(. /etc/os-release && echo "${ID:-unknown} ${VERSION_ID:-}")
[ "$release" = "debian 12" ] || die "this is $release; Consilium is built on Debian 12 (bookworm)" \
  "Use a Debian 12 machine, container or chroot: packages of other releases have other versions."

wanted() { sed -e '/^#/d' -e '/^$/d' packaging/debian-packages.txt; }
missing_packages() {
  comm -23 <(wanted | sort -u) \
    <(dpkg-query -W -f '${db:Status-Abbrev} ${Package}\n' 2>/dev/null | sed -n 's/^ii  *//p' | sort -u)
}

free_mb() { df -Pm "$1" | awk 'NR==2 {print $4}'; }
need_room() {   # FOLDER MEGABYTES
  mkdir -p "$1" 2> /dev/null || die "cannot make the folder $1" "Set CONSILIUM_CACHE to a folder you may write to."
  [ "$(free_mb "$1")" -ge "$2" ] || die "no room: $1 has $(free_mb "$1") MB free, set-up needs $2 MB" \
    "Free some, or set CONSILIUM_CACHE to a folder on a larger disk."
}

install_packages() {
  local missing=("$@") sudo=()
  if [ "$(id -u)" -ne 0 ]; then
    command -v sudo >/dev/null || die "${#missing[@]} packages are missing and there is no sudo" \
      "As root: apt-get install --no-install-recommends ${missing[*]}"
    sudo=(sudo)
  fi
  need_room /var/tmp 500
  [ "$(free_mb /)" -ge 3500 ] || die "no room: / has $(free_mb /) MB free, the packages need 3,500 MB" "Free some."
  mkdir -p out
  step 1 Packages "${#missing[@]} missing, installing${sudo:+ (needs sudo)}"
  local start; start=$(date +%s)
  if ! { "${sudo[@]}" apt-get update -qq && DEBIAN_FRONTEND=noninteractive "${sudo[@]}" env DEBIAN_FRONTEND=noninteractive \
         apt-get install -y -qq --no-install-recommends "${missing[@]}"; } > out/packages.log 2>&1; then
    tail -n 5 out/packages.log >&2
    die "apt-get could not install the packages (whole output: out/packages.log)" \
      "Look at the lines above: no network, no rights and a broken mirror are the usual causes. Then ./dev setup again."
  fi
  step 1 Packages "installed   $(elapsed_since "$start") s"
}

# The wheels named by a requirements file, unpacked side by side into DIR. The folder is made whole or not at all.
fetch_wheels() {   # REQUIREMENTS DIR
  local work; work=$(mktemp -d "$(cache_dir)/fetch.XXXXXX")
  # shellcheck disable=SC2064
  trap "rm -rf '$work'" EXIT
  if ! /usr/bin/python3 -m pip download --quiet --no-deps --require-hashes --only-binary=:all: --dest "$work/wheels" \
       -r "$1" > out/libtorch.log 2>&1; then
    tail -n 3 out/libtorch.log >&2
    die "LibTorch could not be fetched (whole output: out/libtorch.log)" \
      "Is the network up? Behind a proxy set HTTPS_PROXY. A hash that differs means: do not go on, report it."
  fi
  mkdir "$work/tree"
  for wheel in "$work"/wheels/*.whl; do /usr/bin/python3 -m zipfile -e "$wheel" "$work/tree"; done
  mkdir -p "$2"
  cp -alf "$work/tree/." "$2/"  # also over what an interrupted run left
  touch "$2/.complete-$(basename "$1" .txt)"
  rm -rf "$work"
  trap - EXIT
}

libtorch_sets() {
  echo packaging/libtorch.txt
  if [ -e /proc/driver/nvidia/version ] || [ -e /dev/nvidiactl ]; then echo packaging/libtorch-gpu.txt; fi
}

mapfile -t missing < <(missing_packages)
torch_dir="$(cache_dir)/torch-2.11.0-$(cat packaging/libtorch.txt | sha256sum | cut -c1-12)"
missing_sets=()
for set in $(libtorch_sets); do
  [ -e "$torch_dir/.complete-$(basename "$set" .txt)" ] || missing_sets+=("$set")
done

if [ "$check_only" = --check ]; then
  [ ${#missing[@]} -eq 0 ] || echo "packages missing: ${missing[*]}"
  [ ${#missing_sets[@]} -eq 0 ] || echo "LibTorch missing: ${missing_sets[*]}"
  [ ${#missing[@]} -eq 0 ] && [ ${#missing_sets[@]} -eq 0 ]
  exit
fi

if [ ${#missing[@]} -gt 0 ]; then
  install_packages "${missing[@]}"
elif [ -n "${CONSILIUM_STEPS:-}" ]; then
  step 1 Packages "all there"
fi
if [ ${#missing_sets[@]} -gt 0 ]; then
  mkdir -p out
  need_room "$(cache_dir)" 2500
  step 2 LibTorch "2.11.0, fetching (544 MB; more with a GPU)"
  start=$(date +%s)
  for set in "${missing_sets[@]}"; do fetch_wheels "$set" "$torch_dir"; done
  kind="CPU (no GPU driver found)"
  libtorch_sets | grep -q gpu && kind="CPU and CUDA 13"
  step 2 LibTorch "2.11.0, $kind, in $(cache_dir)   $(elapsed_since "$start") s"
elif [ -n "${CONSILIUM_STEPS:-}" ]; then
  step 2 LibTorch "2.11.0, in $(cache_dir)"
fi
mkdir -p .deps
ln -sfn "$torch_dir" .deps/torch-2.11.0
