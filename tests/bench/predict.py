# SPDX-FileCopyrightText: The Consilium authors
# SPDX-License-Identifier: Apache-2.0
"""Called by predict.sh: PROGRAM [--pairs N] [--json FILE]. One patient of 128 voxels cubed, 27 tiles of 64 cubed that overlap
by half, on two threads, in turns: our Predictor, and MONAI's sliding_window_inference over nnU-Net's PlainConvUNet with the
same weights (float32, as it ships), the same tiles, the same Gaussian weights and the softmax after it. The first row is
ours as the processor lets it choose its precision, the second in float32; where both are float32 they are one measurement.
`equal`: no probability differs by more than 1e-4 in float32 (sums in another order), 0.02 in bfloat16."""
import argparse
import json
import pathlib
import random
import statistics
import struct
import subprocess
import tempfile
import time

import monai
import numpy as np
import torch
from dynamic_network_architectures.architectures.unet import PlainConvUNet
from monai.inferers import sliding_window_inference

EDGE, PATCH, THREADS = 128, 64, 2
TOLERANCE = {"float32": 1e-4, "bfloat16": 0.02}
torch.set_num_threads(THREADS)


def read_model(file):
    """Safetensors: header length, JSON header, data."""
    data = file.read_bytes()
    length = struct.unpack("<Q", data[:8])[0]
    header = json.loads(data[8:8 + length])
    header.pop("__metadata__", None)
    return {name: torch.from_numpy(np.frombuffer(data, np.float32, offset=8 + length + entry["data_offsets"][0],
                                                 count=int(np.prod(entry["shape"]))).reshape(entry["shape"]).copy())
            for name, entry in header.items()}


def network(model):
    net = PlainConvUNet(2, 4, [16, 32, 64, 128], torch.nn.Conv3d, 3, [1, 2, 2, 2], 2, 2, 2, conv_bias=True,
                        norm_op=torch.nn.InstanceNorm3d, norm_op_kwargs={"eps": 1e-5, "affine": True}, nonlin=torch.nn.LeakyReLU,
                        nonlin_kwargs={"inplace": True}, deep_supervision=False)

    def once(name):  # nnU-Net keeps every array under several names
        return name.replace("decoder.encoder.", "encoder.").replace("all_modules.0", "conv").replace("all_modules.1", "norm")

    net.load_state_dict({name: model[once(name)] for name in net.state_dict()})
    return net.eval()


def weights():
    line = torch.exp(-0.5 * ((torch.arange(PATCH) - PATCH // 2) / (PATCH / 8)) ** 2)
    return line[:, None, None] * line[None, :, None] * line[None, None, :]


def interval(ratios):
    """95 % of the median, by bootstrap."""
    draw = random.Random(1)
    medians = sorted(statistics.median(draw.choices(ratios, k=len(ratios))) for _ in range(4000))
    return [round(medians[100], 3), round(medians[3899], 3)]


def measure(program, precision, pairs, folder):
    image = np.random.default_rng(3).normal(0, 1, (2, EDGE, EDGE, EDGE)).astype(np.float32)
    image.tofile(folder / "image")
    words = [program, str(folder / "model"), str(folder / "image"), str(EDGE), str(PATCH), precision, str(THREADS), str(folder / "out")]

    def ours():
        return json.loads(subprocess.run(words, capture_output=True, text=True, check=True).stdout)

    chosen = ours()["precision"]
    net, blend, inputs = network(read_model(folder / "model")), weights(), torch.from_numpy(image)[None]

    def peer(batch):
        began = time.perf_counter()
        with torch.inference_mode():
            scores = sliding_window_inference(inputs, (PATCH,) * 3, batch, net, overlap=0.5, mode="gaussian", roi_weight_map=blend)
            tumour = torch.softmax(scores, 1)[0, 1]
        return (time.perf_counter() - began) * 1e3, tumour

    batch = min((1, 4), key=lambda n: min(peer(n)[0] for _ in range(2)))  # MONAI's faster way on this machine
    times = []
    for _ in range(pairs):
        mine = ours()
        took, tumour = peer(batch)
        times.append((mine["ms"], took))
    far = float(np.abs(np.fromfile(folder / "out", np.float32) - tumour.numpy().ravel()).max())
    ratios = [b / a for a, b in times]
    return {"what": f"{EDGE}^3, 27 tiles of {PATCH}^3, {mine['parameters']} parameters, ours in {chosen}", "unit": "ms", "precision": chosen,
            "ours": round(statistics.median(a for a, _ in times)), "peer": round(statistics.median(b for _, b in times)),
            "peer_name": f"MONAI {monai.__version__}, torch {torch.__version__}, float32, {batch} at once", "pairs": pairs,
            "ratio": round(statistics.median(ratios), 3), "interval": interval(ratios), "largest_difference": far,
            "ours_megabytes": mine["megabytes"], "equal": far <= TOLERANCE[chosen]}


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("program")
    parser.add_argument("--pairs", type=int, default=20)
    parser.add_argument("--json")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        rows = [measure(options.program, "auto", options.pairs, pathlib.Path(folder))]
        if rows[0]["precision"] != "float32":
            rows.append(measure(options.program, "float32", options.pairs, pathlib.Path(folder)))
    for row in rows:
        print(f"{row['what']:75} ours {row['ours']:>6} {row['unit']}   {row['peer_name']} {row['peer']:>6}   ratio {row['ratio']:.2f} "
              f"({row['interval'][0]:.2f} to {row['interval'][1]:.2f}, {row['pairs']} pairs)   largest difference {row['largest_difference']:.1e}"
              f"{'' if row['equal'] else '  NOT EQUAL'}")
    if options.json:
        pathlib.Path(options.json).write_text(json.dumps({"name": "predict", "rows": rows}, indent=1) + "\n")
    return 0 if all(row["equal"] for row in rows) else 1


raise SystemExit(main())
