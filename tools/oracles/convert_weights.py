# SPDX-FileCopyrightText: The Consilium authors
# SPDX-License-Identifier: Apache-2.0
"""tools/convert_weights.py against nnU-Net and MONAI themselves, both ways; writes what the tests in C++ read.

Pinned: as tools/oracles/networks.py.
Run:  python tools/oracles/convert_weights.py tests/learning/oracles

A checkpoint as nnUNetTrainer.save_checkpoint writes it (channels CT, PET) and a state_dict of MONAI's SegResNet (axes x,
y, z) become from_nnunet.safetensors and from_monai.safetensors, model files of Consilium. Beside each stand an image in
Consilium's channels and axes and the logits of the Python network. The model files are then exported again and opened
by nnUNetPredictor and SegResNet: their logits must be the same but for
rounding.
"""
import json
import sys
import tempfile
from pathlib import Path

import numpy as np
import torch
from monai.networks.nets import SegResNet
from nnunetv2.inference.predict_from_raw_data import nnUNetPredictor
from nnunetv2.utilities.get_network_from_plans import get_network_from_plans
from safetensors.numpy import save_file

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
import convert_weights as converter  # noqa: E402

UNET = "dynamic_network_architectures.architectures.unet.ResidualEncoderUNet"
CT = {"mean": 99.48, "median": 98.0, "std": 37.13, "min": -950.0, "max": 3000.0, "percentile_00_5": -58.0,
      "percentile_99_5": 182.0}
PET = {"mean": 7.063, "median": 4.68, "std": 7.96, "min": 0.0, "max": 381.0, "percentile_00_5": 1.0433,
       "percentile_99_5": 51.211}


def nnunet_plans():
    kwargs = {"n_stages": 3, "features_per_stage": [4, 6, 6], "conv_op": "torch.nn.modules.conv.Conv3d",
              "kernel_sizes": [[3, 3, 3]] * 3, "strides": [[1, 1, 1], [2, 2, 2], [2, 2, 2]],
              "n_blocks_per_stage": [1, 2, 1], "n_conv_per_stage_decoder": [1, 1], "conv_bias": True,
              "norm_op": "torch.nn.modules.instancenorm.InstanceNorm3d", "norm_op_kwargs": {"eps": 1e-05, "affine": True},
              "dropout_op": None, "dropout_op_kwargs": None, "nonlin": "torch.nn.LeakyReLU",
              "nonlin_kwargs": {"inplace": True}}
    configuration = {"patch_size": [16, 16, 16], "spacing": [3.0, 3.0, 3.0],
                     "normalization_schemes": ["CTNormalization", "CTNormalization"],
                     "architecture": {"network_class_name": UNET, "arch_kwargs": kwargs,
                                      "_kw_requires_import": ["conv_op", "norm_op", "dropout_op", "nonlin"]}}
    return {"transpose_forward": [0, 1, 2], "foreground_intensity_properties_per_channel": {"0": CT, "1": PET},
            "configurations": {"3d_fullres": configuration,
                               "3d_ours": {"inherits_from": "3d_fullres", "batch_size": 2}}}


def drawn(network):
    """Norms and biases not the usual ones and zeros."""
    for name, p in network.named_parameters():
        if p.ndim == 1:
            p.data = torch.randn_like(p) * 0.2 + (1.0 if name.endswith(".weight") else 0.0)
    return network.eval()


def trained_nnunet(folder):
    plans = nnunet_plans()
    kwargs = plans["configurations"]["3d_fullres"]["architecture"]
    network = drawn(get_network_from_plans(UNET, kwargs["arch_kwargs"], kwargs["_kw_requires_import"], 2, 2,
                                           deep_supervision=False))
    (folder / "fold_0").mkdir(parents=True)
    (folder / "plans.json").write_text(json.dumps(plans), encoding="utf-8")
    dataset = {"channel_names": {"0": "CT", "1": "PET"}, "labels": {"background": 0, "tumour": 1}}
    (folder / "dataset.json").write_text(json.dumps(dataset), encoding="utf-8")
    # As nnUNetTrainer.save_checkpoint, with the numpy numbers that its logger holds.
    torch.save({"network_weights": network.state_dict(), "optimizer_state": {"state": {}, "param_groups": []},
                "grad_scaler_state": None, "logging": {"ema_fg_dice": [np.float64(0.5), np.float32(0.6)]},
                "_best_ema": np.float64(0.61), "current_epoch": 1000,
                "init_args": {"plans": plans, "configuration": "3d_ours", "fold": 0, "dataset_json": dataset},
                "trainer_name": "nnUNetTrainer", "inference_allowed_mirroring_axes": (0, 1, 2)},
               folder / "fold_0/checkpoint_final.pth")
    return network


def run(*arguments):
    code = converter.main([str(a) for a in arguments])
    assert code == 0, arguments


def save(out, name, image, logits):
    save_file({"image": image.numpy(), "logits": np.ascontiguousarray(logits.numpy())}, out / name)


def nnunet_both_ways(out, work):
    network = trained_nnunet(work / "theirs")
    model = out / "from_nnunet.safetensors"
    run("import", "--nnunet", work / "theirs", "--out", model)
    image = torch.randn(1, 2, 8, 12, 16)  # PET, CT; z, y, x
    logits = network(image[:, [1, 0]])
    save(out, "from_nnunet_logits.safetensors", image, logits)

    run("export", model, "--nnunet", work / "ours")
    predictor = nnUNetPredictor(device=torch.device("cpu"), perform_everything_on_device=False)
    predictor.initialize_from_trained_model_folder(str(work / "ours"), (0,))
    again = predictor.network.eval()(image)
    assert torch.allclose(again, logits, rtol=0, atol=1e-5), (again - logits).abs().max()  # channels summed otherwise
    assert predictor.allowed_mirroring_axes == (0, 1, 2)
    properties = predictor.plans_manager.foreground_intensity_properties_per_channel
    assert properties["0"]["percentile_99_5"] == PET["percentile_99_5"] and properties["1"]["mean"] == CT["mean"]
    run("import", "--nnunet", work / "ours", "--out", work / "again.safetensors")
    assert (work / "again.safetensors").read_bytes() == model.read_bytes()


def monai_both_ways(out, work):
    network = drawn(SegResNet(init_filters=8, in_channels=2, out_channels=2, blocks_down=(1, 2), blocks_up=(1,)))
    torch.save({"state_dict": network.state_dict()}, work / "monai.pth")
    model = out / "from_monai.safetensors"
    run("import", "--monai", work / "monai.pth", "--axes", "xyz", "--patch", 32, "--like",
        out / "from_nnunet.safetensors", "--out", model)
    image = torch.randn(1, 2, 8, 12, 16)  # z, y, x
    logits = network(image.permute(0, 1, 4, 3, 2)).permute(0, 1, 4, 3, 2)
    save(out, "from_monai_logits.safetensors", image, logits)

    run("export", model, "--monai", work / "ours.pth")
    again = SegResNet(init_filters=8, in_channels=2, out_channels=2, blocks_down=(1, 2), blocks_up=(1,)).eval()
    again.load_state_dict(torch.load(work / "ours.pth", weights_only=True))
    assert torch.allclose(again(image), logits, rtol=0, atol=1e-5), (again(image) - logits).abs().max()


class Bomb:
    def __reduce__(self):
        return (exec, ("raise SystemExit('a pickle ran a program')",))


def refusals(work):
    def refused(words, *arguments):
        try:
            converter.run_import(converter.parse([str(a) for a in arguments] + ["--out", str(work / "x.safetensors")]))
        except converter.Refused as error:
            assert words in str(error), error
            return
        raise AssertionError(f"not refused: {words}")

    torch.save({"state_dict": {"a": torch.zeros(1)}, "more": Bomb()}, work / "bomb.pth")
    refused("to read it could run a program", "import", "--monai", work / "bomb.pth")
    group = SegResNet(init_filters=8, in_channels=2, out_channels=2, upsample_mode="deconv")
    torch.save(group.state_dict(), work / "deconv.pth")
    refused("has no array up_samples.0.1.deconv.weight", "import", "--monai", work / "deconv.pth")
    torch.save(SegResNet(init_filters=8, in_channels=2, out_channels=2).state_dict(), work / "plain.pth")
    refused("how images were prepared is not known: spacing_mm", "import", "--monai", work / "plain.pth", "--patch", 32)


if __name__ == "__main__":
    torch.manual_seed(5)
    target = Path(sys.argv[1])
    with tempfile.TemporaryDirectory() as temporary, torch.no_grad():
        nnunet_both_ways(target, Path(temporary))
        monai_both_ways(target, Path(temporary))
        refusals(Path(temporary))
