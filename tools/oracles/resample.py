# SPDX-FileCopyrightText: The Consilium authors
# SPDX-License-Identifier: Apache-2.0
"""Oracle for cuda/ops/resample: scipy's spline interpolation of order 1, an independent trilinear interpolation.

Made with: python 3.11, numpy 1.26.4, scipy 1.11.4.   Run: python tools/oracles/resample.py tests/cuda/oracles/resample.json
The image is PET-like: int16 with another slope in every slice, interpolated as physical values. A point is inside up
to half a voxel beyond the outermost centres, where the edge voxel's value holds; outside it is `outside`. Then
clip and normalise. Points within 1e-6 voxels of the border are left out (null): rounding decides there.
"""
import json
import sys

import numpy as np
from scipy.ndimage import map_coordinates

SIZE = (9, 8, 6)  # x, y, z
NORMAL = {"low": 1.04, "high": 51.2, "mean": 7.06, "sd": 7.96}


def case(rng, affine, out, normal, outside, physical):
    k, j, i = np.meshgrid(*(np.arange(n) for n in out[::-1]), indexing="ij")
    index = np.stack([i, j, k, np.ones_like(i)]).reshape(4, -1).astype(np.float64)
    p = np.asarray(affine).reshape(3, 4) @ index  # rows x, y, z
    value = map_coordinates(physical, p[::-1], order=1, mode="nearest", prefilter=False)
    last = np.asarray(SIZE, dtype=np.float64)[:, None] - 1
    margin = np.minimum(p + 0.5, last + 0.5 - p).min(axis=0)
    value = np.where(margin > 0, value, outside)
    value = (np.clip(value, normal["low"], normal["high"]) - normal["mean"]) / normal["sd"]
    expected = [None if abs(m) < 1e-6 else round(float(v), 7) for m, v in zip(margin, value)]
    return {"output_size": out, "affine": [float(a) for a in affine], "normalisation": normal, "outside": outside,
            "expected": expected}


def main(path):
    rng = np.random.default_rng(20260302)
    voxels = rng.integers(-32768, 32768, SIZE[::-1])
    slope = rng.uniform(2e-4, 2e-3, SIZE[2]).astype(np.float32)
    intercept = rng.uniform(-1, 40, SIZE[2]).astype(np.float32)
    physical = voxels * slope.astype(np.float64)[:, None, None] + intercept.astype(np.float64)[:, None, None]
    plain = {"low": -1000.0, "high": 1000.0, "mean": 0.0, "sd": 1.0}
    parallel = [0.71, 0, 0, -0.93, 0, -0.83, 0, 7.7, 0, 0, 0.59, -0.77]
    turned = [0.61, -0.42, 0.11, 1.3, 0.37, 0.66, -0.21, 0.4, -0.08, 0.17, 0.55, -0.6]
    cases = [case(rng, parallel, [14, 11, 12], NORMAL, 0.0, physical), case(rng, turned, [12, 11, 10], plain, -77.0, physical)]
    with open(path, "w") as out:
        json.dump({"size": SIZE, "voxels": voxels.ravel().tolist(), "slope": [float(s) for s in slope],
                   "intercept": [float(s) for s in intercept], "cases": cases}, out, separators=(",", ":"))


main(sys.argv[1])
