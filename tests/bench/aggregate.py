# SPDX-FileCopyrightText: The Consilium authors
# SPDX-License-Identifier: Apache-2.0
"""Called by aggregate.sh: PROGRAM [--json FILE]. Weighted mean of updates by our hub's code and by numpy, in turns, numbers in
memory in both. `ratio` is peer / ours for times (above 1: we are faster). `equal`: ours differs from the mean in float64
by at most one float32 step of the mean and one of the result, and has the same bits for every order of the updates."""
import argparse
import json
import pathlib
import statistics
import subprocess
import tempfile
import time

import numpy as np

REPEATS, ORDERS = 5, 6


def numpy_mean(base, updates, weights):
    """The plain way, in place: float32 throughout, as the usual frameworks do it."""
    total, term = np.zeros_like(base), np.empty_like(base)
    for update, weight in zip(updates, weights):
        np.multiply(update, np.float32(weight), out=term)
        total += term
    total /= np.float32(sum(weights))
    total += base
    return total


def timed(function, *arguments):
    began = time.perf_counter()
    result = function(*arguments)
    return (time.perf_counter() - began) * 1e3, result


def measure(program, sites, numbers):
    random = np.random.default_rng(7)
    weights = [int(w) for w in random.integers(3, 200, sites)]
    base = random.normal(0, 0.1, numbers).astype(np.float32)
    updates = [random.normal(0, 0.01, numbers).astype(np.float32) for _ in range(sites)]
    with tempfile.TemporaryDirectory() as folder:
        place = pathlib.Path(folder)

        def ours(order):
            base.tofile(place / "base.f32")
            for at, site in enumerate(order):
                updates[site].tofile(place / f"{at}.f32")
            done = subprocess.run([program, folder, *[str(weights[site]) for site in order]], capture_output=True, text=True, check=True)
            return float(done.stdout), np.fromfile(place / "ours.f32", np.float32)

        plain = list(range(sites))
        pairs = []
        for _ in range(REPEATS):
            mine, result = ours(plain)
            theirs, peer = timed(numpy_mean, base, updates, weights)
            pairs.append((mine, theirs))
        same_ours = same_peer = 1
        for _ in range(ORDERS - 1):
            order = [int(i) for i in random.permutation(sites)]
            same_ours += int(np.array_equal(ours(order)[1], result))
            same_peer += int(np.array_equal(numpy_mean(base, [updates[i] for i in order], [weights[i] for i in order]), peer))
    mean = sum(w * u.astype(np.float64) for w, u in zip(weights, updates)) / sum(weights)
    exact = base + mean
    # The hub rounds each number to 2^-32, the mean to float32, and the sum with the base to float32.
    allowed = 2.0**-33 + sum(np.spacing(np.abs(part).astype(np.float32)).astype(np.float64) for part in (mean, exact))
    equal = bool(np.all(np.abs(result - exact) <= allowed)) and same_ours == ORDERS
    mine, theirs = (statistics.median(column) for column in zip(*pairs))
    name = f"numpy {np.__version__}, float32"
    title = f"{sites} updates of {numbers:,} numbers"
    return [
        {"what": f"mean of {title}", "unit": "ms", "ours": round(mine, 2), "peer": round(theirs, 2), "peer_name": name,
         "ratio": round(theirs / mine, 3), "equal": equal},
        {"what": f"orders of {title} with the same bits, of {ORDERS}", "unit": "orders", "ours": same_ours, "peer": same_peer,
         "peer_name": name, "ratio": round(same_ours / same_peer, 3), "equal": equal},
    ]


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("program")
    parser.add_argument("--json")
    options = parser.parse_args()
    rows = [row for sites, numbers in ((3, 1 << 20), (8, 1 << 23)) for row in measure(options.program, sites, numbers)]
    for row in rows:
        print(f"{row['what']:60} ours {row['ours']:>9} {row['unit']:6} {row['peer_name']} {row['peer']:>9}  ratio {row['ratio']:.2f}"
              f"{'' if row['equal'] else '  NOT EQUAL'}")
    if options.json:
        pathlib.Path(options.json).write_text(json.dumps({"name": "aggregate", "rows": rows}, indent=1) + "\n")
    return 0 if all(row["equal"] for row in rows) else 1


raise SystemExit(main())
