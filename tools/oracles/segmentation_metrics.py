# SPDX-FileCopyrightText: The Consilium authors
# SPDX-License-Identifier: Apache-2.0
"""Oracle of imaging/findings/segmentation_metrics: MONAI's own metrics on 520 pairs of small masks.

Pinned: monai 1.5.2, torch 2.11.0, scipy 1.13.1, numpy 1.26.4.
Run:  python tools/oracles/segmentation_metrics.py tests/imaging/oracles/segmentation_metrics.json
"""
import json
import sys
import warnings

import numpy as np
import torch
from monai.metrics import (compute_average_surface_distance, compute_dice, compute_hausdorff_distance,
                           compute_iou, compute_surface_dice)
from monai.metrics.confusion_matrix import compute_confusion_matrix_metric, get_confusion_matrix

warnings.filterwarnings("ignore")
SPACINGS = [(1, 1, 1), (0.98, 0.98, 3.27), (4, 4, 4), (0.6, 0.8, 1), (2.5, 1.25, 5)]  # x, y, z


def ball(size, centre, radius):
    z, y, x = np.mgrid[: size[2], : size[1], : size[0]]
    return ((x - centre[0]) ** 2 + (y - centre[1]) ** 2 + (z - centre[2]) ** 2) <= radius**2


def mask(random, size, kind):
    zyx = size[::-1]
    if kind == "empty":
        return np.zeros(zyx, bool)
    if kind == "full":
        return np.ones(zyx, bool)
    if kind == "voxel":
        out = np.zeros(zyx, bool)
        out[tuple(random.integers(0, n) for n in zyx)] = True
        return out
    if kind == "noise":
        return random.random(zyx) < random.choice([0.02, 0.3, 0.8])
    centre = [random.integers(0, n) for n in size]
    radius = random.uniform(1, max(size) / 2)
    out = ball(size, centre, radius)
    if kind == "hollow":
        out &= ~ball(size, centre, radius / 2)
    if kind == "two":
        out |= ball(size, [random.integers(0, n) for n in size], radius / 2)
    return out


def number(value):
    value = float(value)
    return "nan" if np.isnan(value) else "inf" if np.isinf(value) else value


def measured(p, r, spacing):
    """MONAI takes (batch, class, axes...) and a spacing for each axis: here k, j, i."""
    p, r = (torch.from_numpy(m[None, None].astype(np.float32)) for m in (p, r))
    mm = [float(s) for s in spacing[::-1]]
    confusion = get_confusion_matrix(p, r, include_background=True)
    with_spacing = {"include_background": True, "spacing": mm}
    return {
        "dice": number(compute_dice(p, r)),
        "iou": number(compute_iou(p, r)),
        "precision": number(compute_confusion_matrix_metric("precision", confusion)),
        "recall": number(compute_confusion_matrix_metric("sensitivity", confusion)),
        "hd": number(compute_hausdorff_distance(p, r, **with_spacing)),
        "hd95": number(compute_hausdorff_distance(p, r, percentile=95, **with_spacing)),
        "assd": number(compute_average_surface_distance(p, r, symmetric=True, **with_spacing)),
        "nsd2": number(compute_surface_dice(p, r, [2.0], **with_spacing)),
        "nsd3": number(compute_surface_dice(p, r, [3.0], **with_spacing)),
    }


def main():
    random = np.random.default_rng(2026)
    kinds = ["ball", "ball", "ball", "hollow", "two", "noise", "voxel", "full", "empty"]
    cases = []
    for n in range(520):
        size = [int(v) for v in random.integers(1, 11, 3)]
        spacing = SPACINGS[n % len(SPACINGS)]
        p, r = (mask(random, size, kinds[int(random.integers(len(kinds)))]) for _ in range(2))
        if n % 7 == 0:
            p = r.copy()
        packed = [np.packbits(m.ravel()).tobytes().hex() for m in (p, r)]
        cases.append({"size": size, "spacing": spacing, "prediction": packed[0], "reference": packed[1], "monai": measured(p, r, spacing)})
    with open(sys.argv[1], "w") as out:
        out.write("[" + ",\n".join(json.dumps(c, separators=(",", ":")) for c in cases) + "]\n")


main()
