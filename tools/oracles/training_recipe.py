# SPDX-FileCopyrightText: The Consilium authors
# SPDX-License-Identifier: Apache-2.0
"""Oracles of learning/: nnU-Net's augmentations and its loss with an ignore label, torch's AdamW, MONAI's schedule.

Pinned: torch 2.11.0, numpy 1.26.4, safetensors 0.5 or newer, monai 1.5.2, batchgeneratorsv2 0.3.6, nnunetv2 2.6.2,
dynamic-network-architectures 0.4.2, acvl-utils 0.2.5 (from batchgeneratorsv2 on with pip install --no-deps).
Run:  python tools/oracles/training_recipe.py tests/learning/oracles
Arrays are [channel, z, y, x]; the peers get their axes as x, y, z, so that their first axis is our x.
"""
import sys
from pathlib import Path

import numpy as np
import torch
from batchgeneratorsv2.transforms.intensity.contrast import ContrastTransform
from batchgeneratorsv2.transforms.intensity.gamma import GammaTransform
from batchgeneratorsv2.transforms.noise.gaussian_blur import GaussianBlurTransform
from batchgeneratorsv2.transforms.spatial.low_resolution import SimulateLowResolutionTransform
from batchgeneratorsv2.transforms.spatial.spatial import SpatialTransform
from monai.optimizers.lr_scheduler import WarmupCosineSchedule
from nnunetv2.training.loss.compound_losses import DC_and_CE_loss
from nnunetv2.training.loss.dice import MemoryEfficientSoftDiceLoss
from plain_conv_unet import deep_loss, network, save, targets

PATCH = 12
ANGLES, ZOOM = (0.35, -0.2, 0.5), 1.15
AIR = torch.tensor([-1.25, -3.5])


def xyz(a):
    return a.permute(0, 3, 2, 1).contiguous()


def spatial(image, label):
    """The peers take the middle of the volume: sizes differ from the patch by even numbers, so that it is a corner."""
    def moved(value_image):
        t = SpatialTransform((PATCH,) * 3, 0, False, p_rotation=1, rotation=lambda dim, **_: ANGLES[dim], p_scaling=1,
                             scaling=(ZOOM, ZOOM), p_synchronize_scaling_across_axes=1, padding_mode_image="constant",
                             padding_value_image=value_image, seg_tiebreak="lowest")
        t.patch_size = (PATCH,) * 3
        return t
    parts = []
    for channel, air in zip(image, AIR):
        t = moved(float(air))
        params = t.get_parameters(image=xyz(channel[None]))
        parts.append(t._apply_to_image(xyz(channel[None]), **params))
    t = moved(0.0)
    params = t.get_parameters(image=xyz(image))
    seg = t._apply_to_segmentation(xyz(torch.where(label == 255, 2, label).to(torch.int16)), **params)
    seg = torch.where(seg == 2, 255, seg)
    return {"moved/image": xyz(torch.cat(parts)), "moved/label": xyz(seg)}


def intensities(patch):
    out = {"patch": patch}
    both = torch.arange(2)
    blur = GaussianBlurTransform((0.5, 1.0))
    sigmas = [[0.5, 0.75, 1.0], [0.9, 0.6, 0.7]]
    out["blur"] = xyz(blur._apply_to_image(xyz(patch), apply_to_channel=torch.tensor([True, True]), sigmas=sigmas))
    contrast = ContrastTransform((0.75, 1.25), True, False)
    out["contrast"] = contrast._apply_to_image(patch.clone(), apply_to_channel=both, multipliers=torch.tensor([0.8, 1.2]))
    low = SimulateLowResolutionTransform((0.5, 1), False, True, None)
    scales = torch.tensor([[0.55] * 3, [0.875] * 3])
    out["resolution"] = low._apply_to_image(patch.clone(), apply_to_channel=both, scales=scales)
    gamma = GammaTransform((0.7, 1.5), 0, False, 1, 1)
    for name, inverted in (("gamma", False), ("inverted_gamma", True)):
        out[name] = gamma._apply_to_image(patch.clone(), apply_to_channel=both, retain_stats=torch.tensor([True, True]),
                                          invert_image=torch.tensor([inverted] * 2), gamma=torch.tensor([0.7, 1.4]))
    return {k if k == "patch" else "changed/" + k: v for k, v in out.items()}


def partly_labelled():
    scores = torch.randn(2, 2, 6, 6, 6, requires_grad=True)
    label = (torch.rand(2, 1, 6, 6, 6) < 0.3).float()
    label[0, 0, :3] = 255
    nobody = torch.full_like(label, 255)
    loss = DC_and_CE_loss({"batch_dice": False, "smooth": 1e-5, "do_bg": False, "ddp": False}, {}, weight_ce=1,
                          weight_dice=1, ignore_label=2, dice_class=MemoryEfficientSoftDiceLoss)
    value = loss(scores, torch.where(label == 255, 2.0, label))
    value.backward()
    return {"partly/scores": scores.detach(), "partly/label": label, "partly/loss": [value.item()],
            "partly/gradient": scores.grad,
            "partly/nobody": [loss(scores, torch.where(nobody == 255, 2.0, nobody)).item()]}


def adamw():
    """Five steps on one patch, as plain_conv_unet.py's sgd: first weights and patch are those of sgd.safetensors."""
    torch.manual_seed(11)
    image = torch.randn(1, 2, 16, 16, 16).repeat(2, 1, 1, 1, 1)
    label = torch.zeros(2, 1, 16, 16, 16)
    label[:, :, 3:10, 2:9, 5:14] = 1
    net = network(True)
    _, wrapped = deep_loss()
    optimizer = torch.optim.AdamW(net.parameters(), 2e-3, weight_decay=0.01)
    rate = WarmupCosineSchedule(optimizer, warmup_steps=2, t_total=9, warmup_multiplier=0.1)
    losses, rates = [], []
    average = [p.detach().clone() for p in net.parameters()]
    for step in range(5):
        optimizer.zero_grad()
        outputs = net(image)
        loss = wrapped(outputs, targets(label, outputs))
        loss.backward()
        torch.nn.utils.clip_grad_norm_(net.parameters(), 12)
        rates.append(optimizer.param_groups[0]["lr"])
        optimizer.step()
        rate.step()
        losses.append(loss.item())
        decay = min(0.5, (2 + step) / (11 + step))
        for a, p in zip(average, net.parameters()):
            a.mul_(decay).add_(p.detach(), alpha=1 - decay)
    arrays = {"weights/" + n: p.detach() for n, p in net.named_parameters()}
    arrays |= {"average/" + n: a for (n, _), a in zip(net.named_parameters(), average)}
    arrays |= {"image": image[:1], "label": label[:1], "mean_loss": [np.mean(losses)], "rates": rates}
    return arrays


if __name__ == "__main__":
    out = Path(sys.argv[1])
    torch.manual_seed(5)
    image = torch.randn(2, 16, 14, 12)
    label = (torch.rand(1, 16, 14, 12) < 0.4).to(torch.uint8)
    label[0, :, :4] = 255
    arrays = {"image": image, "label": label, "air": AIR, "angles": ANGLES, "zoom": [ZOOM]}
    arrays |= spatial(image, label)
    arrays |= intensities(torch.randn(2, PATCH, PATCH, PATCH) + torch.linspace(0, 3, PATCH))
    arrays |= partly_labelled()
    save(out, "recipe.safetensors", arrays)
    save(out, "adamw.safetensors", adamw())
