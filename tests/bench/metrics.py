# SPDX-FileCopyrightText: The Consilium authors
# SPDX-License-Identifier: Apache-2.0
"""Called by metrics.sh: PROGRAM [--json FILE]. Dice, 95th percentile Hausdorff, surface Dice at 2 mm and average surface
distance of one pair of masks, by ours and by MONAI, in turns. MONAI has one function for each number and works on two
threads; ours makes all in one call. `equal`: every number agrees to 1e-6 of its size."""
import argparse
import json
import pathlib
import statistics
import subprocess
import tempfile
import time
import warnings

import monai
import numpy as np
import torch
from monai.metrics import compute_average_surface_distance, compute_dice, compute_hausdorff_distance, compute_surface_dice

REPEATS = 7
warnings.filterwarnings("ignore")
torch.set_num_threads(2)


def ball(edge, centre, radius):
    k, j, i = np.ogrid[:edge, :edge, :edge]
    return (i - centre[0]) ** 2 + (j - centre[1]) ** 2 + (k - centre[2]) ** 2 <= radius**2


def lobed(edge, shift):
    """A tumour of several lobes that fills about 120 voxels of the edge, moved a little, and a second small one."""
    c = edge // 2 + shift
    mask = ball(edge, (c, c, c), 50) | ball(edge, (c + 35, c - 10, c + 20), 30) | ball(edge, (c - 30, c + 25, c - 25), 25)
    return mask | ball(edge, (edge // 8 + shift, edge // 8, edge // 8), 8)


def monai_numbers(p, r, spacing):
    options = {"include_background": True, "spacing": spacing}
    return {"dice": compute_dice(p, r), "hd95": compute_hausdorff_distance(p, r, percentile=95, **options),
            "nsd2": compute_surface_dice(p, r, [2.0], **options), "assd": compute_average_surface_distance(p, r, symmetric=True, **options)}


def measure(program, edge, spacing):
    p, r = lobed(edge, 0), lobed(edge, 3)
    tensors = [torch.from_numpy(m[None, None].astype(np.float32)) for m in (p, r)]
    with tempfile.NamedTemporaryFile() as file:
        file.write(p.astype(np.uint8).tobytes() + r.astype(np.uint8).tobytes())
        file.flush()
        words = [str(edge)] * 3 + [str(s) for s in spacing]
        monai_numbers(*tensors, list(spacing[::-1]))
        times, equal = [], True
        for _ in range(REPEATS):
            ours = json.loads(subprocess.run([program, file.name, *words], capture_output=True, text=True, check=True).stdout)
            began = time.perf_counter()
            peer = monai_numbers(*tensors, list(spacing[::-1]))
            times.append((ours.pop("ms"), (time.perf_counter() - began) * 1e3))
            equal &= all(abs(float(peer[name]) - value) <= 1e-6 * max(1.0, abs(value)) for name, value in ours.items())
    mine, theirs = (statistics.median(column) for column in zip(*times))
    what = "x".join(str(s) for s in spacing)
    return {"what": f"Dice, HD95, surface Dice and ASSD, {edge}^3 masks of {what} mm, MONAI", "unit": "ms", "ours": round(mine, 2),
            "peer": round(theirs, 2), "peer_name": f"MONAI {monai.__version__}, torch {torch.__version__}", "ratio": round(theirs / mine, 2),
            "equal": equal}


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("program")
    parser.add_argument("--json")
    options = parser.parse_args()
    rows = [measure(options.program, 200, (1.0, 1.0, 1.0)), measure(options.program, 200, (0.98, 0.98, 3.27))]
    for row in rows:
        print(f"{row['what']:75} ours {row['ours']:>8} {row['unit']}   {row['peer_name']} {row['peer']:>8}   ratio {row['ratio']:.2f}"
              f"{'' if row['equal'] else '  NOT EQUAL'}")
    if options.json:
        pathlib.Path(options.json).write_text(json.dumps({"name": "metrics", "rows": rows}, indent=1) + "\n")
    return 0 if all(row["equal"] for row in rows) else 1


raise SystemExit(main())
