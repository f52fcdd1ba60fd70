# SPDX-FileCopyrightText: The Consilium authors
# SPDX-License-Identifier: Apache-2.0
# Sourced. unpacked_data DIR: prints a folder SITE/STS_nnn/...; SITE.tar.zst archives are unpacked once into the cache.
unpacked_data() {
  local dir; dir=$(readlink -f "$1") || die "there is no folder $1" "docs/real-data.md says where the patients are to be had."
  if ! compgen -G "$dir/*.tar.zst" > /dev/null; then echo "$dir"; return; fi
  local name; name=$(cd "$dir" && sha256sum ./*.tar.zst | sha256sum | cut -c1-12)
  local target; target="$(cache_dir)/data-$name"
  if [ ! -e "$target/.complete" ]; then
    mkdir -p "$target"
    for archive in "$dir"/*.tar.zst; do
      tar --zstd -xf "$archive" -C "$target" || die "cannot unpack $archive" "Is there room in $(cache_dir)?"
    done
    touch "$target/.complete"
  fi
  echo "$target"
}
