# SPDX-FileCopyrightText: The Consilium authors
# SPDX-License-Identifier: Apache-2.0
# Sourced. bench_python NAME REQUIREMENT...: a private environment of Python packages for the peers, made once in the
# cache; sets `python`. The project itself never depends on them. Only wheels are installed: a package that has none is
# written source:NAME==VERSION.
bench_python() {
  local dir; dir="$(cache_dir)/bench-$1-$(printf '%s\n' "$@" | sha256sum | cut -c1-12)"; shift
  if [ ! -e "$dir/.complete" ]; then
    echo "Peers: $* (once, into $dir)" >&2
    mkdir -p out "$(cache_dir)"
    rm -rf "$dir"
    local wanted=() sources=() package
    for package in "$@"; do
      [[ $package == source:* ]] && sources+=(--no-binary "$(sed 's/^source://; s/==.*//' <<< "$package")")
      wanted+=("${package#source:}")
    done
    { /usr/bin/python3 -m venv "$dir" && "$dir/bin/pip" install --quiet --only-binary=:all: "${sources[@]}" "${wanted[@]}"; } > out/bench-peers.log 2>&1 || {
      tail -n 3 out/bench-peers.log >&2
      rm -rf "$dir"
      die "the peers could not be installed (whole output: out/bench-peers.log)" "Is the network up? The Debian package python3-venv is needed."
    }
    touch "$dir/.complete"
  fi
  python=$dir/bin/python
}
