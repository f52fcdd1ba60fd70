#!/usr/bin/env python3
# SPDX-FileCopyrightText: The Consilium authors
# SPDX-License-Identifier: Apache-2.0
"""Writes tests/core/oracles/planner.json: what nnU-Net's own planner makes of many data sets.

Needs (in a virtual environment of its own): torch==2.11.0 nnunetv2==2.6.2 dynamic-network-architectures==0.4.2
Run: python tools/oracles/planner.py tests/core/oracles/planner.json   (some minutes: it builds each network it weighs)

"networks": spacing and median shape -> patch, strides, kernels, features, batch, by get_plans_for_configuration.
"cubes": the same for isotropic voxels and a cubic patch: nnU-Net's topology and memory estimate in its own loop, but
  all three axes get shorter together.
"data_sets": spacings and shapes of cases -> target spacing and median shape, as plan_experiment does. Values lie at the
  centres of the bins of a fingerprint ("exact") or anywhere.
"""
import json
import os
import random
import sys
import tempfile

import numpy as np

SCRATCH = tempfile.mkdtemp()
for place in ("nnUNet_raw", "nnUNet_preprocessed", "nnUNet_results"):
    os.environ[place] = os.path.join(SCRATCH, place)

from nnunetv2.experiment_planning.experiment_planners.default_experiment_planner import ExperimentPlanner  # noqa: E402
from nnunetv2.experiment_planning.experiment_planners.network_topology import get_pool_and_conv_props  # noqa: E402
from nnunetv2.experiment_planning.experiment_planners.residual_unets.residual_encoder_unet_planners import (  # noqa: E402
    nnUNetPlannerResEncM)
from nnunetv2.preprocessing.resampling.default_resampling import compute_new_shape  # noqa: E402

NAME = "Dataset001_Oracle"
RATIO = 1.04  # of the fingerprint's bins


def planner_for(network, spacings=((1.0, 1.0, 1.0),), shapes=((64, 64, 64),)):
    """nnU-Net's planner on a data set that is nothing but a fingerprint."""
    raw, preprocessed = (os.path.join(os.environ[p], NAME) for p in ("nnUNet_raw", "nnUNet_preprocessed"))
    os.makedirs(raw, exist_ok=True)
    os.makedirs(preprocessed, exist_ok=True)
    dataset = {"channel_names": {str(c): "CT" for c in range(network["channels"])},
               "labels": {str(c): c for c in range(network["classes"])}, "numTraining": len(spacings),
               "file_ending": ".nii.gz", "dataset": {}}
    with open(os.path.join(raw, "dataset.json"), "w") as file:
        json.dump(dataset, file)
    with open(os.path.join(preprocessed, "dataset_fingerprint.json"), "w") as file:
        json.dump({"spacings": [list(s) for s in spacings], "shapes_after_crop": [list(s) for s in shapes],
                   "median_relative_size_after_cropping": 1.0}, file)
    kind = nnUNetPlannerResEncM if network["architecture"] == "res_enc_unet" else ExperimentPlanner
    planner = kind(NAME, gpu_memory_target_in_gb=network["memory_gb"])
    planner.UNet_base_num_features = network["first_features"]
    return planner


def plain(value):
    return json.loads(json.dumps(value, default=lambda v: v.tolist()))


def network_case(network):
    planner = planner_for(network)
    plan = planner.get_plans_for_configuration(np.array(network["spacing"]), np.array(network["median_shape"]), "oracle",
                                               network["dataset_voxels"], {})
    arch = plan["architecture"]["arch_kwargs"]
    return plain({**network, "patch": [int(p) for p in plan["patch_size"]], "batch": plan["batch_size"],
                  "strides": arch["strides"], "kernels": arch["kernel_sizes"], "features": arch["features_per_stage"]})


def cube_case(network):
    """get_plans_for_configuration with all axes reduced together."""
    planner = planner_for(network)
    residual = network["architecture"] == "res_enc_unet"
    seen = planner.get_plans_for_configuration(np.array([1.0] * 3), np.array([32] * 3), "oracle", 1e9, {})
    arch = seen["architecture"]
    edge = min(256, network["median_shape"][0])

    def topology(patch):
        _, strides, kernels, padded, divisor = get_pool_and_conv_props(network["spacing"], patch, 4, 999999)
        return strides, kernels, padded, divisor

    def weigh(patch, strides, kernels):
        n = len(strides)
        features = [min(320, network["first_features"] * 2 ** i) for i in range(n)]
        kwargs = dict(arch["arch_kwargs"], n_stages=n, kernel_sizes=kernels, strides=strides, features_per_stage=features,
                      n_conv_per_stage_decoder=planner.UNet_blocks_per_stage_decoder[:n - 1])
        kwargs["n_blocks_per_stage" if residual else "n_conv_per_stage"] = planner.UNet_blocks_per_stage_encoder[:n]
        return features, planner.static_estimate_VRAM_usage(patch, network["channels"], network["classes"],
                                                            arch["network_class_name"], kwargs,
                                                            arch["_kw_requires_import"])

    strides, kernels, patch, divisor = topology([edge] * 3)
    features, estimate = weigh(patch, strides, kernels)
    reference = planner.UNet_reference_val_3d * planner.UNet_vram_target_GB / 8
    while estimate > reference:
        _, _, _, divisor = topology([patch[a] - divisor[a] for a in range(3)])
        strides, kernels, patch, divisor = topology([patch[a] - divisor[a] for a in range(3)])
        features, estimate = weigh(patch, strides, kernels)
    batch = round(reference / estimate * 2)
    batch = max(min(batch, round(network["dataset_voxels"] * planner.max_dataset_covered / np.prod(patch, dtype=float))), 2)
    return plain({**network, "patch": [int(p) for p in patch], "batch": batch, "strides": strides, "kernels": kernels,
                  "features": features})


def data_set_case(exact, spacings, shapes):
    planner = planner_for({"architecture": "plain_conv_unet", "channels": 2, "classes": 2, "memory_gb": 8,
                           "first_features": 32}, spacings, shapes)
    target = planner.determine_fullres_target_spacing()
    new_shapes = [compute_new_shape(shape, spacing, target) for spacing, shape in zip(spacings, shapes)]
    return plain({"exact": exact, "spacings": spacings, "shapes": shapes, "target": target,
                  "median_shape": np.median(new_shapes, 0)})


def centre(low, value):
    """The centre of the fingerprint's bin that holds the value."""
    edge = low
    while edge * RATIO <= value:
        edge *= RATIO
    return edge * RATIO ** 0.5


def networks(rng):
    common = {"architecture": "plain_conv_unet", "channels": 2, "classes": 2, "memory_gb": 8, "first_features": 32}
    fixed = [([3.27, 0.98, 0.98], [60, 512, 512]), ([2.0] * 3, [100, 85, 85]), ([3.27] * 3, [62, 52, 52]),
             ([1.0] * 3, [200, 170, 170]), ([10.0, 1.56, 1.56], [9, 256, 216]), ([5.0, 0.74, 0.74], [97, 512, 512]),
             ([3.0, 2.036, 2.036], [326, 400, 400]), ([1.0] * 3, [20, 20, 20]), ([0.5, 0.5, 0.5], [500, 500, 500]),
             ([4.0] * 3, [45.5, 39, 63.5])]
    for spacing, shape in fixed:
        yield {**common, "spacing": spacing, "median_shape": shape, "dataset_voxels": 41.0 * float(np.prod(shape))}
    for halves in (2.5, 3.5):  # of a batch: Python rounds to the even neighbour
        yield {**common, "spacing": [1.0] * 3, "median_shape": [16] * 3, "dataset_voxels": halves * 16 ** 3 / 0.05}
    for n in range(38):
        in_plane, anisotropy = rng.choice([0.7, 0.98, 1.37, 2.04, 4.07]), rng.choice([1, 1, 1.2, 2, 2.5, 3.3, 5])
        spacing = [round(in_plane * anisotropy, 3), in_plane, round(in_plane * rng.choice([1, 1, 1.1]), 3)]
        shape = [rng.randrange(16, 2 * int(rng.choice([100, 400]))) / 2 for _ in range(3)]
        yield {**common, "architecture": rng.choice(["plain_conv_unet", "plain_conv_unet", "res_enc_unet"]),
               "classes": rng.choice([2, 3]), "memory_gb": rng.choice([2, 4, 8, 8, 16]),
               "first_features": rng.choice([8, 16, 32, 32]), "spacing": spacing, "median_shape": shape,
               "dataset_voxels": rng.choice([3.0, 20.0, 500.0]) * float(np.prod(shape))}


def cubes(rng):
    for n in range(24):
        spacing, edge = rng.choice([1.0, 2.0, 3.68, 4.0]), rng.randrange(9, 300)
        yield {"architecture": rng.choice(["plain_conv_unet", "res_enc_unet"]), "channels": 2, "classes": 2,
               "memory_gb": rng.choice([1, 2, 8, 24]), "first_features": rng.choice([8, 16, 32]),
               "spacing": [spacing] * 3, "median_shape": [edge] * 3,
               "dataset_voxels": rng.choice([6.0, 30.0, 800.0]) * float(edge) ** 3}


def data_sets(rng):
    scanners = [(3.27, 5.47, 5.47), (3.0, 4.07, 4.07), (2.0, 2.04, 2.04), (5.0, 4.0, 4.0), (4.25, 4.69, 4.69)]
    slabs = [(10.0, 1.5, 1.5), (5.0, 1.5, 1.4), (6.0, 1.37, 1.37), (8.0, 1.25, 1.25)]
    for n in range(40):
        among = rng.choice([scanners, slabs, scanners + slabs])
        spacings, shapes = [], []
        for _ in range(rng.randrange(4, 60)):
            spacing = [s * rng.uniform(0.98, 1.02) for s in rng.choice(among)]
            extent = [rng.uniform(60, 110) if among is slabs else rng.uniform(120, 900), rng.uniform(250, 500),
                      rng.uniform(250, 500)]
            exact = n % 2 == 0
            if exact:
                spacing = [centre(0.2, s) for s in spacing]
                extent = [centre(10.0, e) for e in extent]
            shape = [e / s for e, s in zip(extent, spacing)]
            spacings.append(spacing)
            shapes.append(shape if exact else [max(2, round(s)) for s in shape])
        yield exact, spacings, shapes


def main():
    rng = random.Random(5)
    out = {"networks": [network_case(n) for n in networks(rng)], "cubes": [cube_case(n) for n in cubes(rng)],
           "data_sets": [data_set_case(*d) for d in data_sets(rng)]}
    with open(sys.argv[1], "w") as file:
        file.write("{\n" + ",\n".join(
            f'"{part}": [\n' + ",\n".join(json.dumps(case) for case in cases) + "\n]" for part, cases in out.items())
            + "\n}\n")


if __name__ == "__main__":
    main()
