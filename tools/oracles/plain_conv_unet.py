# SPDX-FileCopyrightText: The Consilium authors
# SPDX-License-Identifier: Apache-2.0
"""Oracles of learning/: nnU-Net's own network, loss, optimiser and sliding window on small inputs.

Pinned: torch 2.11.0, numpy 1.26.4, scipy 1.13 or newer, safetensors 0.5 or newer, nnunetv2 2.6.2,
dynamic-network-architectures 0.4.2, acvl-utils 0.2.5 (the last three with pip install --no-deps).
Run:  python tools/oracles/plain_conv_unet.py tests/learning/oracles
"""
import sys
from pathlib import Path

import numpy as np
import torch
from dynamic_network_architectures.architectures.unet import PlainConvUNet
from nnunetv2.inference.sliding_window_prediction import compute_gaussian, compute_steps_for_sliding_window
from nnunetv2.training.loss.compound_losses import DC_and_CE_loss
from nnunetv2.training.loss.deep_supervision import DeepSupervisionWrapper
from nnunetv2.training.loss.dice import MemoryEfficientSoftDiceLoss
from nnunetv2.training.lr_scheduler.polylr import PolyLRScheduler
from safetensors.numpy import save_file

FEATURES = [3, 4, 5, 6]
STEPS, TOTAL, CLIP = 5, 8, 0.3
AIR = np.array([-1.25, -3.5], np.float32)  # any two padding values


def network(deep_supervision):
    torch.manual_seed(7)
    net = PlainConvUNet(2, len(FEATURES), FEATURES, torch.nn.Conv3d, 3, [1] + [2] * (len(FEATURES) - 1), 2, 2, 2, True,
                        torch.nn.InstanceNorm3d, {"eps": 1e-5, "affine": True}, None, None, torch.nn.LeakyReLU,
                        {"inplace": True}, deep_supervision=deep_supervision)
    for name, p in net.named_parameters():
        if p.ndim > 1:
            torch.nn.init.kaiming_normal_(p, a=0.01)
        else:  # not the usual zeros and ones: a bias or a scale that is left out must show
            p.data = torch.randn_like(p) * 0.2 + (1.0 if name.endswith("norm.weight") else 0.0)
    return net


def deep_loss():
    weights = np.array([1 / 2 ** i for i in range(len(FEATURES) - 1)])
    weights[-1] = 0
    weights /= weights.sum()
    loss = DC_and_CE_loss({"batch_dice": False, "smooth": 1e-5, "do_bg": False, "ddp": False}, {}, weight_ce=1,
                          weight_dice=1, ignore_label=None, dice_class=MemoryEfficientSoftDiceLoss)
    return loss, DeepSupervisionWrapper(loss, weights)


def targets(label, outputs):  # batchgeneratorsv2: deep_supervision_downsampling, nearest-exact
    return [torch.nn.functional.interpolate(label, o.shape[2:], mode="nearest-exact") for o in outputs]


def save(folder, name, arrays):
    save_file({k: np.ascontiguousarray(np.asarray(v, np.float32)) for k, v in arrays.items()}, folder / name)


def network_and_loss(folder, image, label):
    net = network(True)
    outputs = net(image)
    one_level, wrapped = deep_loss()
    loss = wrapped(outputs, targets(label, outputs))
    loss.backward()
    arrays = {"weights/" + n: p.detach() for n, p in net.named_parameters()}
    arrays |= {"gradients/" + n: p.grad for n, p in net.named_parameters() if p.grad is not None}
    arrays |= {f"outputs/{i}": o.detach() for i, o in enumerate(outputs)}
    arrays |= {"image": image, "label": label, "loss": [loss.item()],
               "finest_loss": [one_level(outputs[0], label).item()]}
    save(folder, "network.safetensors", arrays)


def optimiser(folder):
    """The batch is one patch twice, so that the trainer's sampler, on one patient of one patch, has no choice."""
    image = torch.randn(1, 2, 16, 16, 16).repeat(2, 1, 1, 1, 1)
    label = torch.zeros(2, 1, 16, 16, 16)
    label[:, :, 4:11, 2:9, 5:14] = 1
    net = network(True)
    _, wrapped = deep_loss()
    sgd = torch.optim.SGD(net.parameters(), 0.01, weight_decay=3e-5, momentum=0.99, nesterov=True)
    rate = PolyLRScheduler(sgd, 0.01, TOTAL)
    losses, norms, rates = [], [], []
    for step in range(STEPS):
        rate.step(step)
        sgd.zero_grad()
        outputs = net(image)
        loss = wrapped(outputs, targets(label, outputs))
        loss.backward()
        norms.append(float(torch.nn.utils.clip_grad_norm_(net.parameters(), CLIP)))
        rates.append(sgd.param_groups[0]["lr"])
        sgd.step()
        losses.append(loss.item())
    print("gradient norms before clipping at", CLIP, norms)
    arrays = {"weights/" + n: p.detach() for n, p in net.named_parameters()}
    arrays |= {"image": image[:1], "label": label[:1], "mean_loss": [np.mean(losses)], "rates": rates}
    save(folder, "sgd.safetensors", arrays)


def sliding_window(folder):
    """nnU-Net's predict_sliding_window_return_logits with float32 sums and the padding of our plans."""
    net = network(False).eval()
    rng = np.random.default_rng(3)
    image = rng.normal(size=(2, 21, 19, 11)).astype(np.float32)  # z, y, x; x is smaller than a tile
    tile = (16, 16, 16)
    missing = [max(0, t - s) for s, t in zip(image.shape[1:], tile)]
    before = [m // 2 for m in missing]
    padded = np.stack([np.pad(c, [(b, m - b) for b, m in zip(before, missing)], constant_values=a)
                       for c, a in zip(image, AIR)])
    gaussian = compute_gaussian(tile, 1 / 8, 10, torch.float32, torch.device("cpu")).numpy()
    total, weight = np.zeros((2, *padded.shape[1:])), np.zeros(padded.shape[1:])
    for z, y, x in [(z, y, x) for zs, ys, xs in [compute_steps_for_sliding_window(padded.shape[1:], tile, 0.5)]
                    for z in zs for y in ys for x in xs]:
        place = np.s_[z:z + tile[0], y:y + tile[1], x:x + tile[2]]
        with torch.no_grad():
            total[(slice(None), *place)] += net(torch.from_numpy(padded[(slice(None), *place)])[None])[0].numpy() * gaussian
        weight[place] += gaussian
    logits = (total / weight)[(slice(None), *[slice(b, b + s) for b, s in zip(before, image.shape[1:])])]
    probability = torch.softmax(torch.from_numpy(logits), 0)[1]
    arrays = {"image": image, "probability": probability, "air": AIR}
    for size, edge, step in [(110, 64, 0.5), (64, 64, 0.5), (65, 64, 0.5), (200, 48, 0.5), (91, 32, 0.75), (77, 16, 0.3)]:
        arrays[f"corners/{size}/{edge}/{step}"] = compute_steps_for_sliding_window((size,), (edge,), step)[0]
    for edge in (16, 48):
        arrays[f"gaussian/{edge}"] = compute_gaussian((edge,), 1 / 8, 1, torch.float32, torch.device("cpu"))
    save(folder, "sliding_window.safetensors", arrays)


if __name__ == "__main__":
    out = Path(sys.argv[1])
    torch.manual_seed(1)
    image = torch.randn(2, 2, 16, 8, 24)
    label = torch.zeros(2, 1, 16, 8, 24)
    label[0, 0, 3:9, 1:6, 5:17] = 1  # the second item has no tumour
    network_and_loss(out, image, label)
    optimiser(out)
    sliding_window(out)
