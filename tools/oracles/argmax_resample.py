# SPDX-FileCopyrightText: The Consilium authors
# SPDX-License-Identifier: Apache-2.0
"""Oracle for cuda/ops/argmax_resample: nnU-Net's default export, skimage's resize of every class, then argmax.

Made with: python 3.11, nnunetv2 2.6.2, scikit-image 0.26.0, numpy 2.2.6.
Run: python tools/oracles/argmax_resample.py tests/cuda/oracles/argmax_resample.json
Voxels whose two best scores differ by less than 1e-4 are left out (null): rounding decides there.
"""
import json
import sys

import numpy as np
from nnunetv2.preprocessing.resampling.default_resampling import resample_data_or_seg_to_shape


def case(rng, classes, size, out):
    scores = np.round(rng.normal(0, 4, (classes, *size)), 3).astype(np.float32)
    resampled = resample_data_or_seg_to_shape(scores, out, (1, 1, 1), (1, 1, 1), order=1, order_z=0, force_separate_z=None)
    best = np.sort(resampled, axis=0)
    sure = best[-1] - best[-2] > 1e-4
    labels = [int(label) if known else None for label, known in zip(resampled.argmax(0).ravel(), sure.ravel())]
    return {"classes": classes, "size": size[::-1], "output_size": out[::-1], "scores": [round(float(s), 3) for s in scores.ravel()],
            "labels": labels}


rng = np.random.default_rng(20261201)
cases = [case(rng, 5, (5, 6, 7), (8, 9, 11)), case(rng, 3, (9, 4, 8), (5, 11, 3)), case(rng, 2, (1, 5, 6), (4, 5, 13))]
with open(sys.argv[1], "w") as file:
    json.dump({"cases": cases}, file, separators=(",", ":"))
