# SPDX-FileCopyrightText: The Consilium authors
# SPDX-License-Identifier: Apache-2.0
"""Oracles of learning/'s three networks: the reference's own code on small inputs, from the same weights.

Pinned: torch 2.11.0, numpy 2.2.6, safetensors 0.8.0, monai 1.5.2, nnunetv2 2.6.2, dynamic-network-architectures 0.4.2,
acvl-utils 0.2.5 (the last three with pip install --no-deps).
Run:  python tools/oracles/networks.py tests/learning/oracles

Each file holds image, label, outputs/LEVEL, loss, gradients, one step of SGD and the losses of 20 steps. Weights are
not stored: chirp() gives them here and in tests/learning/network_test.cc. Of gradients and of the step every SAMPLE-th
number is stored, and the norm of all of them.
"""
import sys
from pathlib import Path

import numpy as np
import torch
from dynamic_network_architectures.architectures.unet import PlainConvUNet, ResidualEncoderUNet
from monai.networks.nets import SegResNet
from nnunetv2.training.loss.compound_losses import DC_and_CE_loss
from nnunetv2.training.loss.deep_supervision import DeepSupervisionWrapper
from nnunetv2.training.loss.dice import MemoryEfficientSoftDiceLoss
from safetensors.numpy import save_file

CLASSES, STEPS = 3, 20


def nnunet(build, features, **options):
    stages = len(features)
    return build(2, stages, features, torch.nn.Conv3d, 3, [1] + [2] * (stages - 1), num_classes=CLASSES,
                 conv_bias=True, norm_op=torch.nn.InstanceNorm3d, norm_op_kwargs={"eps": 1e-5, "affine": True},
                 nonlin=torch.nn.LeakyReLU, nonlin_kwargs={"inplace": True}, deep_supervision=True, **options)


NETWORKS = {
    "plain_conv_unet": (lambda: nnunet(PlainConvUNet, [3, 4, 5, 6], n_conv_per_stage=2, n_conv_per_stage_decoder=2),
                        1),
    "res_enc_unet": (lambda: nnunet(ResidualEncoderUNet, [4, 6, 6, 8], n_blocks_per_stage=[1, 2, 2, 1],
                                    n_conv_per_stage_decoder=1), 5),
    "seg_res_net": (lambda: SegResNet(init_filters=8, in_channels=2, out_channels=CLASSES, blocks_down=(1, 2, 1),
                                      blocks_up=(1, 1)), 13),
}


def chirp(index, count):
    i = np.arange(count, dtype=np.float64)
    return np.sin(0.618034 * i * i + 1.7 * index + 1)


def set_weights(net):
    """Convolutions of He's size; norms and biases not the usual ones and zeros: one that is left out must show."""
    for index, (name, p) in enumerate(net.named_parameters()):
        values = chirp(index, p.numel())
        if p.ndim > 1:
            values = values * 2 / np.sqrt(p.numel() / p.shape[0])
        else:
            values = values * 0.2 + (1.0 if name.endswith(".weight") else 0.0)
        p.data = torch.from_numpy(values.astype(np.float32)).reshape(p.shape)


def loss_of(levels):
    one = DC_and_CE_loss({"batch_dice": False, "smooth": 1e-5, "do_bg": False, "ddp": False}, {}, weight_ce=1,
                         weight_dice=1, ignore_label=None, dice_class=MemoryEfficientSoftDiceLoss)
    weights = np.array([1 / 2 ** i for i in range(levels)])
    if levels > 1:
        weights[-1] = 0
    wrapped = DeepSupervisionWrapper(one, weights / weights.sum())
    return lambda outputs, label: wrapped(outputs, [torch.nn.functional.interpolate(label, o.shape[2:], mode="nearest-exact")
                                                    for o in outputs])


def forward(net, image):
    outputs = net(image)
    return outputs if isinstance(outputs, list) else [outputs]


def oracle(build, sample):
    torch.manual_seed(1)
    image = torch.randn(2, 2, 16, 8, 24)
    label = torch.zeros(2, 1, 16, 8, 24)
    label[0, 0, 3:9, 1:6, 5:17] = 1
    label[:, 0, 5:13, 2:5, 15:22] = 2
    net = build()
    set_weights(net)
    parameters = dict(net.named_parameters())
    before = {n: p.detach().clone() for n, p in parameters.items()}
    outputs = forward(net, image)
    loss = loss_of(len(outputs))
    arrays = {"image": image, "label": label, "sample": [sample]}
    arrays |= {f"outputs/{i}": o.detach() for i, o in enumerate(outputs)}

    sgd = torch.optim.SGD(net.parameters(), 0.01, weight_decay=3e-5, momentum=0.99, nesterov=True)
    losses = []
    for step in range(STEPS):
        sgd.zero_grad()
        value = loss(forward(net, image), label)
        value.backward()
        norm = torch.nn.utils.clip_grad_norm_(net.parameters(), 12)
        if step == 0:
            assert norm < 12, norm  # the stored gradients are not clipped
            for n, p in parameters.items():
                if p.grad is not None:
                    arrays["gradients/" + n] = p.grad.flatten()[::sample].clone()
                    arrays["gradient_norms/" + n] = [p.grad.norm()]
        sgd.step()
        if step == 0:
            for n, p in parameters.items():
                arrays["step/" + n] = (p.detach() - before[n]).flatten()[::sample]
        losses.append(value.item())
    arrays["losses"] = losses
    print([round(x, 4) for x in losses])
    return {k: np.ascontiguousarray(np.asarray(v, np.float32)) for k, v in arrays.items()}


if __name__ == "__main__":
    for name, (build, sample) in NETWORKS.items():
        save_file(oracle(build, sample), Path(sys.argv[1]) / f"{name}.safetensors")
