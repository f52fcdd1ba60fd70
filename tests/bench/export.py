# SPDX-FileCopyrightText: The Consilium authors
# SPDX-License-Identifier: Apache-2.0
"""Called by export.sh: PROGRAM [--json FILE]. Scores of 100 classes on a network's grid become labels on a patient's grid of
256 x 256 x 150, by ours and by nnU-Net's convert_predicted_logits_to_segmentation_with_correct_shape with the resampling its
planner writes into every plan (skimage's resize of order 1, class by class), in turns. Both use what threads they use.
`equal`: the same label wherever nnU-Net's two best resampled scores differ by more than 1e-4, and our memory at most 1.5
times scores and labels."""
import argparse
import functools
import json
import pathlib
import resource
import statistics
import subprocess
import tempfile
import time
import types

import numpy as np
import torch
from importlib.metadata import version
from nnunetv2.inference.export_prediction import convert_predicted_logits_to_segmentation_with_correct_shape
from nnunetv2.preprocessing.resampling.default_resampling import resample_data_or_seg_to_shape
from nnunetv2.utilities.label_handling.label_handling import LabelManager

CLASSES, OUTPUT = 100, (150, 256, 256)
OURS, PAIRS = 7, 2  # ours is short: several for each of nnU-Net's
MOST_MEMORY = 1.5


def organs(rng, size, noise):
    """Scores as a network gives them: within an organ its class leads by several units, at its rim the lead crosses 0."""
    k, j, i = (np.arange(n, dtype=np.float32) for n in size)
    scores = np.empty((CLASSES, *size), np.float32)
    for c in range(CLASSES):
        centre, radius = rng.uniform(0, 1, 3) * size, rng.uniform(6, 22, 3)
        squared = sum((((axis - at) / r) ** 2).reshape([-1 if d == n else 1 for d in range(3)])
                      for n, (axis, at, r) in enumerate(zip((k, j, i), centre, radius)))
        np.clip(8 * (1 - squared), -10, 10, out=scores[c])
        scores[c] += rng.uniform(-noise, noise, size).astype(np.float32)
    scores[0] = rng.uniform(-noise, noise, size).astype(np.float32)  # background: leads where no organ is
    return scores


class NnUNet:
    """The export as nnUNetPredictor calls it, for a patient that needed no crop."""

    def __init__(self, size):
        resample = functools.partial(resample_data_or_seg_to_shape, is_seg=False, order=1, order_z=0, force_separate_z=None)
        self.resampled = None
        self.keep = False

        def keeping(*arguments):
            resampled = resample(*arguments)
            if self.keep:
                self.resampled = resampled
            return resampled

        self.plans = types.SimpleNamespace(transpose_forward=[0, 1, 2], transpose_backward=[0, 1, 2])
        self.configuration = types.SimpleNamespace(spacing=[OUTPUT[n] / size[n] for n in range(3)], resampling_fn_probabilities=keeping)
        self.labels = LabelManager({"background": 0, **{f"organ {c}": c for c in range(1, CLASSES)}}, regions_class_order=None)
        self.properties = {"spacing": [1.0, 1.0, 1.0], "shape_after_cropping_and_before_resampling": OUTPUT,
                           "shape_before_cropping": OUTPUT, "bbox_used_for_cropping": [[0, n] for n in OUTPUT]}

    def __call__(self, scores):
        return convert_predicted_logits_to_segmentation_with_correct_shape(torch.from_numpy(scores), self.plans, self.configuration,
                                                                           self.labels, self.properties)


def sure(resampled):
    """Where the two best of [class, z, y, x] differ by more than 1e-4, a slice at a time."""
    def of(plane):
        best = np.partition(plane, -2, axis=0)[-2:]
        return best[1] - best[0] > 1e-4
    return np.stack([of(resampled[:, z]) for z in range(resampled.shape[1])])


def measure(program, size, noise, folder):
    scores = organs(np.random.default_rng(7), size, noise)
    nnunet = NnUNet(size)
    source, target = folder / "scores", folder / "labels"
    scores.tofile(source)
    words = [program, str(source), str(CLASSES), *map(str, size[::-1]), *map(str, OUTPUT[::-1]), str(target)]
    mine, theirs, share = [], [], 0.0
    for pair in range(PAIRS):
        for _ in range(OURS):
            ours = json.loads(subprocess.run(words, capture_output=True, text=True, check=True).stdout)
            mine.append(ours["ms"])
            share = max(share, ours["share"])
        nnunet.keep = pair + 1 == PAIRS
        began = time.perf_counter()
        peer = nnunet(scores)
        theirs.append((time.perf_counter() - began) * 1e3)
    labels = np.fromfile(target, np.uint8).reshape(OUTPUT)
    known = sure(nnunet.resampled)
    wrong = int(np.count_nonzero((labels != peer) & known))
    ours, peer = statistics.median(mine), statistics.median(theirs)
    return {"what": f"{CLASSES} classes, {'x'.join(map(str, size[::-1]))} to {'x'.join(map(str, OUTPUT[::-1]))}, noise {noise:g}",
            "unit": "ms", "ours": round(ours, 1), "ours_all": [round(t, 1) for t in mine], "peer": round(peer, 1),
            "peer_all": [round(t) for t in theirs], "peer_name": f"nnU-Net {version('nnunetv2')}", "ratio": round(peer / ours, 1),
            "different": wrong, "too_close_to_say": int(np.count_nonzero(~known)), "memory_of_scores_and_labels": round(share, 3),
            "peer_memory_of_scores_and_labels": round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 / (scores.nbytes + labels.size), 1),
            "equal": wrong == 0 and share <= MOST_MEMORY}


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("program")
    parser.add_argument("--json")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        rows = [measure(options.program, (100, 160, 160), noise, pathlib.Path(folder)) for noise in (0.5, 4.0)]
    for row in rows:
        print(f"{row['what']:60} ours {row['ours']:>8} {row['unit']}   {row['peer_name']} {row['peer']:>10}   ratio {row['ratio']:.1f}"
              f"   memory {row['memory_of_scores_and_labels']:.2f} x (scores + labels), peer {row['peer_memory_of_scores_and_labels']:.1f} x"
              f"   {row['different']} labels differ, {row['too_close_to_say']} too close to say{'' if row['equal'] else '  NOT EQUAL'}")
    if options.json:
        pathlib.Path(options.json).write_text(json.dumps({"name": "export", "rows": rows}, indent=1) + "\n")
    return 0 if all(row["equal"] for row in rows) else 1


raise SystemExit(main())
