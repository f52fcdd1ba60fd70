# SPDX-FileCopyrightText: The Consilium authors
# SPDX-License-Identifier: Apache-2.0
"""Oracle of imaging/findings/lesion_detection and calibration: MONAI's FROC, and calibration by its definition in numpy.

Pinned: monai 1.5.2, torch 2.11.0, numpy 1.26.4, scipy 1.13.1.
Run:  python tools/oracles/detection.py tests/imaging/oracles/detection.json
"""
import json
import sys

import numpy as np
from monai.metrics.froc import compute_froc_curve_data, compute_froc_score
from scipy.ndimage import distance_transform_edt

SIZE, SPACING, MARGIN, BINS = (9, 8, 7), (2.0, 2.0, 3.0), 5.0, 10  # x, y, z


def froc(random, cases):
    """Detections without double hits. MONAI leaves the lowest score out, so one false alarm far below all others is added
    for MONAI alone: then its curve holds every point of ours."""
    detections, fp, tp, lesions = [], [], [], 0
    for _ in range(cases):
        count = int(random.integers(0, 4))
        lesions += count
        mine = [[round(float(random.random()), 2), lesion + 1] for lesion in range(count) if random.random() < 0.7]
        mine += [[round(float(random.random()), 2), 0] for _ in range(int(random.integers(0, 6)))]
        detections.append({"lesions": count, "detections": mine})
        tp += [score for score, lesion in mine if lesion]
        fp += [score for score, lesion in mine if not lesion]
    fps, sensitivity = compute_froc_curve_data(np.array(fp + [-1.0]), np.array(tp), lesions, cases)
    return {"cases": detections, "false_alarms": fps.tolist(), "sensitivity": sensitivity.tolist(),
            "score": float(compute_froc_score(fps, sensitivity))}


def calibration(random):
    zyx = SIZE[::-1]
    truth = np.zeros(zyx, bool)
    truth[2:5, 2:5, 3:6] = True
    p = np.clip(np.where(truth, 0.8, 0.15) + random.normal(0, 0.2, zyx), 0, 1).astype(np.float32)
    p[0, 0, 0] = 1.0
    near = distance_transform_edt(~(truth | (p >= 0.5)), sampling=SPACING[::-1]) <= MARGIN
    q, y = p[near].astype(np.float64), truth[near]
    place = np.minimum((q * BINS).astype(int), BINS - 1)
    ece = sum(abs(y[place == b].sum() - q[place == b].sum()) for b in range(BINS)) / len(q)
    of_truth = np.where(y, q, 1 - q)
    return {"size": SIZE, "spacing": SPACING, "margin": MARGIN, "probability": p.ravel().tolist(), "truth": truth.ravel().astype(int).tolist(),
            "voxels": int(near.sum()), "ece": ece, "brier": float(np.mean((1 - of_truth) ** 2)),
            "log_loss": float(np.mean(-np.log(np.maximum(of_truth, 1e-7))))}


def main():
    random = np.random.default_rng(41)
    json.dump({"froc": [froc(random, n) for n in (1, 3, 12, 40)], "calibration": calibration(random)}, open(sys.argv[1], "w"))


main()
