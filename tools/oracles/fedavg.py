# SPDX-FileCopyrightText: The Consilium authors
# SPDX-License-Identifier: Apache-2.0
"""Oracle for hub/aggregate/fedavg: the weighted mean in exact rational arithmetic, and numpy's in float64 beside it.

Made with: python 3.11, numpy 2.2.6.   Run: python tools/oracles/fedavg.py tests/hub/oracles/fedavg.json
Numbers of many magnitudes, with both signs and near cancellation; weights from 1 to a thousand patients.
"""
import json
import sys
from fractions import Fraction

import numpy as np

COUNT = 300
WEIGHTS = [1, 37, 410, 1000]


def main(path):
    rng = np.random.default_rng(20260301)
    base = rng.normal(0, 0.3, COUNT).astype(np.float32)
    magnitude = 10.0 ** rng.uniform(-7, 2, COUNT)
    updates = (rng.normal(0, 1, (len(WEIGHTS), COUNT)) * magnitude).astype(np.float32)
    updates[3, :20] = -updates[2, :20] * np.float32(0.41)  # they cancel
    exact = []
    for i in range(COUNT):
        total = sum((Fraction(float(u[i])) * w for u, w in zip(updates, WEIGHTS)), Fraction(0))
        exact.append(float(Fraction(float(base[i])) + total / sum(WEIGHTS)))
    float64 = base.astype(np.float64) + np.average(updates.astype(np.float64), axis=0, weights=WEIGHTS)
    assert np.abs(float64 - exact).max() < 1e-13
    with open(path, "w", encoding="utf-8") as out:
        json.dump({"numpy": np.__version__, "weights": WEIGHTS, "base": base.tolist(), "updates": updates.tolist(),
                   "expected": exact}, out, separators=(",", ":"))
        out.write("\n")


main(sys.argv[1])
