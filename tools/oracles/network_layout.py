#!/usr/bin/env python3
# SPDX-FileCopyrightText: The Consilium authors
# SPDX-License-Identifier: Apache-2.0
"""Writes tests/core/oracles/network_layout.json: names, shapes and initial spread of the arrays of the three networks.

Needs (in a virtual environment of its own): torch==2.11.0 dynamic-network-architectures==0.4.2 monai==1.5.2
Run: python tools/oracles/network_layout.py tests/core/oracles/network_layout.json
"""
import json
import sys

import torch
from dynamic_network_architectures.architectures.unet import PlainConvUNet, ResidualEncoderUNet
from monai.networks.nets import SegResNet

NETWORKS = [
    {"features": [16, 32, 64, 128], "convs": 2, "deep_supervision": True, "input": 2, "classes": 2},
    {"features": [32, 64, 128, 256, 320, 320], "convs": 2, "deep_supervision": True, "input": 2, "classes": 2},
    {"features": [32, 64, 128, 256, 320], "convs": 2, "deep_supervision": True, "input": 2, "classes": 2},
    {"features": [32, 64, 128, 256], "convs": 2, "deep_supervision": True, "input": 2, "classes": 2},
    {"features": [4, 6, 10], "convs": 1, "deep_supervision": False, "input": 1, "classes": 3},
    {"features": [4, 6, 10], "convs": 3, "deep_supervision": True, "input": 3, "classes": 2},
    {"architecture": "res_enc_unet", "features": [32, 64, 128, 256, 320, 320], "convs": 1, "deep_supervision": True,
     "input": 2, "classes": 2},  # preset M
    {"architecture": "res_enc_unet", "features": [32, 64, 128, 256, 320], "convs": 1, "deep_supervision": True,
     "input": 2, "classes": 2},
    {"architecture": "res_enc_unet", "features": [4, 6, 6, 8], "convs": 2, "blocks": [2, 1, 2, 1],
     "deep_supervision": True, "input": 1, "classes": 3},
    {"architecture": "seg_res_net", "features": [8, 16, 32, 64], "convs": 2, "deep_supervision": False, "input": 1,
     "classes": 2},
    {"architecture": "seg_res_net", "features": [16, 32, 64], "convs": 2, "blocks": [1, 1, 2],
     "deep_supervision": False, "input": 2, "classes": 3},
]
NNUNET_BLOCKS, MONAI_BLOCKS = [1, 3, 4, 6, 6, 6], [1, 2, 2, 4]  # their presets: M, and SegResNet's default


def build(n):
    """The network as its own package makes and initialises it."""
    stages, features = len(n["features"]), n["features"]
    if n.get("architecture") == "seg_res_net":
        return SegResNet(init_filters=features[0], in_channels=n["input"], out_channels=n["classes"],
                         blocks_down=n.get("blocks", MONAI_BLOCKS[:stages]), blocks_up=[1] * (stages - 1))
    common = dict(num_classes=n["classes"], n_conv_per_stage_decoder=[n["convs"]] * (stages - 1), conv_bias=True,
                  norm_op=torch.nn.InstanceNorm3d, norm_op_kwargs={"eps": 1e-5, "affine": True},
                  nonlin=torch.nn.LeakyReLU, nonlin_kwargs={"inplace": True}, deep_supervision=n["deep_supervision"])
    arguments = (n["input"], stages, features, torch.nn.Conv3d, 3, [1] + [2] * (stages - 1))
    if n.get("architecture") == "res_enc_unet":
        network = ResidualEncoderUNet(*arguments, n_blocks_per_stage=n.get("blocks", NNUNET_BLOCKS[:stages]), **common)
    else:
        network = PlainConvUNet(*arguments, n_conv_per_stage=n["convs"], **common)
    return network.apply(network.initialize)


def distinct(network):
    """state_dict without the second names that nnU-Net registers for the same arrays, in its order."""
    seen, out = set(), []
    for name, value in network.state_dict(keep_vars=True).items():
        if id(value) in seen:
            continue
        seen.add(id(value))
        out.append((name, value.detach()))
    return out


def main(path):
    torch.manual_seed(0)
    networks = []
    for n in NETWORKS:
        network = build(n)
        monai = n.get("architecture") == "seg_res_net"
        arrays = []
        for name, value in distinct(network):
            entry = {"name": name, "shape": list(value.shape)}
            if monai and (value.dim() > 1 or name == "conv_final.2.conv.bias"):
                # Torch's own start of a convolution: uniform, and the bound is 1 / sqrt(fan_in) of its weight.
                weight = network.state_dict()[name.replace(".bias", ".weight")]
                entry["bound"] = weight[0].numel() ** -0.5
                low, high = -entry["bound"], entry["bound"]
                assert low <= value.min() and value.max() <= high
                assert value.numel() < 1000 or value.max() > 0.99 * high
            elif value.dim() > 1:
                fan_in = torch.nn.init._calculate_correct_fan(value, "fan_in")
                entry["sd"] = torch.nn.init.calculate_gain("leaky_relu", 1e-2) / fan_in ** 0.5
            else:
                assert bool((value == value[0]).all())
                entry["constant"] = float(value[0])
            arrays.append(entry)
        # Every name of the state_dict, for two small ones: tools/convert_weights.py writes them all.
        small = {"all_names": list(network.state_dict())} if n["features"] in ([4, 6, 6, 8], [4, 6, 10]) and n["input"] == 1 else {}
        networks.append({**n, **small, "count": sum(v.numel() for _, v in distinct(network)), "arrays": arrays})
    # How Torch's own first numbers are spread: quantiles of all weights of the first network, each over its array's sd.
    network = build(NETWORKS[0])
    sds = {a["name"]: a["sd"] for a in networks[0]["arrays"] if "sd" in a}
    pooled = torch.cat([v.flatten() / sds[name] for name, v in distinct(network) if name in sds]).double()
    pooled, _ = torch.sort(pooled)
    quantiles = [[p, float(pooled[int(p * (len(pooled) - 1))])]
                 for p in (0.001, 0.01, 0.05, 0.1, 0.25, 0.5, 0.75, 0.9, 0.95, 0.99, 0.999)]
    with open(path, "w", encoding="utf-8") as out:
        json.dump({"torch": torch.__version__.split("+")[0], "networks": networks, "quantiles": quantiles}, out, indent=None,
                  separators=(",", ":"))
        out.write("\n")


if __name__ == "__main__":
    main(sys.argv[1])
