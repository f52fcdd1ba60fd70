#!/usr/bin/env python3
# SPDX-FileCopyrightText: The Consilium authors
# SPDX-License-Identifier: Apache-2.0
"""Weights of nnU-Net and MONAI <-> a model file of Consilium (safetensors with a model card: docs/formats.md).

    convert_weights.py import --nnunet FOLDER --out MODEL.safetensors     FOLDER: plans.json, dataset.json, fold_0/
    convert_weights.py import --monai STATE.pth --patch 64 --prep PREP.json --out MODEL.safetensors
    convert_weights.py export MODEL.safetensors --nnunet FOLDER
    convert_weights.py export MODEL.safetensors --monai STATE.pth

It runs in your own Python, with torch==2.11.0 and numpy (nnunetv2==2.6.2 or monai==1.5.2 then read what it writes).
Consilium itself never opens a .pth file: a pickle can run any program. Here it is read with weights_only=True.

The network is found from the arrays: PlainConvUNet and ResidualEncoderUNet of nnU-Net with 3x3x3 kernels and strides of
2 in every axis, and MONAI's SegResNet as it comes (8 groups, no dropout, nontrainable upsampling). Anything else is
refused. Consilium's channels are PET, CT, and its axes z, y, x, as nnU-Net's; MONAI reads NIfTI as x, y, z (--axes xyz).
Directions are kept as they are: MONAI's RAS and Consilium's LPS differ by mirrored axes.
"""
import argparse
import json
import re
import struct
import sys
from collections import namedtuple
from pathlib import Path

Array = namedtuple("Array", "shape data")  # data: float32, little-endian

CARD = "consilium.card"
PREP = ["spacing_mm", "pet_low", "pet_high", "pet_mean", "pet_sd", "ct_low", "ct_high", "ct_mean", "ct_sd", "ct_outside",
        "pet_outside"]
OUTSIDE = {"ct_outside": -1024, "pet_outside": 0}  # air, and nothing


class Refused(Exception):
    """What a person reads, without a traceback."""


def require(condition, words):
    if not condition:
        raise Refused(words)


# --- safetensors ------------------------------------------------------------------------------------------------------

def write_safetensors(path, arrays, metadata):
    header, offset = {"__metadata__": metadata}, 0
    for name, array in arrays.items():
        header[name] = {"dtype": "F32", "shape": list(array.shape), "data_offsets": [offset, offset + len(array.data)]}
        offset += len(array.data)
    text = json.dumps(header, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)
    with open(path, "wb") as out:
        out.write(struct.pack("<Q", len(text)) + text)
        for array in arrays.values():
            out.write(array.data)


def read_safetensors(path):
    content = Path(path).read_bytes()
    require(len(content) > 8 and content[8:9] == b"{", f"{path} is no safetensors file")
    length = struct.unpack("<Q", content[:8])[0]
    header = json.loads(content[8:8 + length])
    metadata, arrays = header.pop("__metadata__", {}), {}
    for name, entry in header.items():
        require(entry["dtype"] == "F32", f"{path}: array {name} is {entry['dtype']}, not F32")
        begin, end = (8 + length + offset for offset in entry["data_offsets"])
        arrays[name] = Array(tuple(entry["shape"]), content[begin:end])
    return arrays, metadata


# --- networks: as core/model/network_spec.cc --------------------------------------------------------------------------

def nnunet_layout(spec):
    features, layout = spec["features"], {}

    def conv(name, *shape, bias=True):
        layout[name + ".weight"] = shape
        if bias:
            layout[name + ".bias"] = (shape[0],)

    def norm(name, channels):
        layout[name + ".weight"] = layout[name + ".bias"] = (channels,)

    def convs(name, count, channels, output):
        for c in range(count):
            conv(f"{name}.convs.{c}.conv", output, channels if c == 0 else output, 3, 3, 3)
            norm(f"{name}.convs.{c}.norm", output)

    before = spec["input_channels"]
    if spec["architecture"] == "res_enc_unet":
        convs("encoder.stem", 1, before, features[0])
        before = features[0]
    for s, width in enumerate(features):
        if spec["architecture"] == "plain_conv_unet":
            convs(f"encoder.stages.{s}.0", spec["convs_per_stage"], before, width)
        else:
            for b in range(spec["blocks_per_stage"][s]):
                block = f"encoder.stages.{s}.blocks.{b}"
                for c in (1, 2):
                    conv(f"{block}.conv{c}.conv", width, before if b == 0 and c == 1 else width, 3, 3, 3)
                    norm(f"{block}.conv{c}.norm", width)
                if b == 0 and before != width:
                    conv(f"{block}.skip.1.conv", width, before, 1, 1, 1, bias=False)
                    norm(f"{block}.skip.1.norm", width)
        before = width
    fine, coarse = features[-2::-1], features[:0:-1]
    for level, width in enumerate(fine):
        convs(f"decoder.stages.{level}", spec["convs_per_stage"], 2 * width, width)
    for level, width in enumerate(fine):
        layout[f"decoder.transpconvs.{level}.weight"] = (coarse[level], width, 2, 2, 2)
        layout[f"decoder.transpconvs.{level}.bias"] = (width,)
    for level, width in enumerate(fine):
        conv(f"decoder.seg_layers.{level}", spec["classes"], width, 1, 1, 1)
    return layout


def monai_layout(spec):
    features, layout = spec["features"], {}

    def block(name, width):
        for n in (1, 2):
            layout[f"{name}.norm{n}.weight"] = layout[f"{name}.norm{n}.bias"] = (width,)
        for n in (1, 2):
            layout[f"{name}.conv{n}.conv.weight"] = (width, width, 3, 3, 3)

    layout["convInit.conv.weight"] = (features[0], spec["input_channels"], 3, 3, 3)
    for s, width in enumerate(features):
        if s > 0:
            layout[f"down_layers.{s}.0.conv.weight"] = (width, features[s - 1], 3, 3, 3)
        for b in range(spec["blocks_per_stage"][s]):
            block(f"down_layers.{s}.{b + 1}", width)
    for up, width in enumerate(features[-2::-1]):
        block(f"up_layers.{up}.0", width)
    for up, width in enumerate(features[-2::-1]):
        layout[f"up_samples.{up}.0.conv.weight"] = (width, 2 * width, 1, 1, 1)
    layout["conv_final.0.weight"] = layout["conv_final.0.bias"] = (features[0],)
    layout["conv_final.2.conv.weight"] = (spec["classes"], features[0], 1, 1, 1)
    layout["conv_final.2.conv.bias"] = (spec["classes"],)
    return layout


def layout_of(spec):
    return monai_layout(spec) if spec["architecture"] == "seg_res_net" else nnunet_layout(spec)


def numbered(arrays, pattern):
    """How many numbers fit the pattern's one group."""
    return len({m.group(1) for m in (re.match(pattern, name) for name in arrays) if m})


def spec_of(arrays):
    """The network that has these arrays; refused if there is none."""
    def shape(name):
        require(name in arrays, f"the weights have no array {name}: not a network that Consilium knows")
        return arrays[name].shape

    if "convInit.conv.weight" in arrays:
        stages = numbered(arrays, r"down_layers\.(\d+)\.")
        first = shape("convInit.conv.weight")
        spec = {"architecture": "seg_res_net", "input_channels": first[1],
                "classes": shape("conv_final.2.conv.weight")[0], "features": [first[0] * 2 ** s for s in range(stages)],
                "convs_per_stage": 2, "deep_supervision": False,
                "blocks_per_stage": [numbered(arrays, rf"down_layers\.{s}\.(\d+)\.conv1") for s in range(stages)]}
    else:
        stages, residual = numbered(arrays, r"encoder\.stages\.(\d+)\."), "encoder.stem.convs.0.conv.weight" in arrays
        widths = "encoder.stages.{}.blocks.0.conv1.conv.bias" if residual else "encoder.stages.{}.0.convs.0.conv.bias"
        first = shape("encoder.stem.convs.0.conv.weight" if residual else "encoder.stages.0.0.convs.0.conv.weight")
        spec = {"architecture": "res_enc_unet" if residual else "plain_conv_unet", "input_channels": first[1],
                "classes": shape("decoder.seg_layers.0.weight")[0],
                "features": [shape(widths.format(s))[0] for s in range(stages)],
                "convs_per_stage": numbered(arrays, r"decoder\.stages\.0\.convs\.(\d+)\."), "deep_supervision": True,
                "blocks_per_stage": [numbered(arrays, rf"encoder\.stages\.{s}\.blocks\.(\d+)\.") for s in range(stages)]
                if residual else []}
    layout = layout_of(spec)
    for name, wanted in layout.items():
        require(shape(name) == wanted, f"array {name} is {list(shape(name))}, and {spec['architecture']} of these features "
                f"has {list(wanted)} (Consilium's kernels are 3x3x3 and its strides 2 in every axis)")
    extra = next((name for name in arrays if name not in layout), None)
    require(extra is None, f"{spec['architecture']} has no array {extra}")
    return spec


def each_once(names):
    """nnU-Net registers most arrays twice or more; the name that Consilium keeps of each."""
    return [n for n in names if ".all_modules." not in n and not n.startswith("decoder.encoder.")]


def all_names(name):
    """Every name that nnU-Net's state_dict has for this array."""
    names = [name]
    for part, index in ((".conv.", 0), (".norm.", 1)):
        if part in name:
            names.append(name.replace(part, f".all_modules.{index}."))
    if name.startswith("encoder."):
        names += ["decoder." + n for n in names]
    return names


# --- model card -------------------------------------------------------------------------------------------------------

def card_of(spec, prep, patch, mirror, run):
    missing = [key for key in PREP if key not in prep]
    require(not missing, "how images were prepared is not known: " + ", ".join(missing) +
            ". Give them with --prep FILE (JSON), or --like MODEL.safetensors. "
            "A channel is (clip(v, low, high) - mean) / sd.")
    unknown = [key for key in prep if key not in PREP]
    require(not unknown, f"--prep has an unknown key {unknown and unknown[0]}; there are " + ", ".join(PREP))
    factor = 2 ** (len(spec["features"]) - 1)
    require(patch and patch % factor == 0 and patch >= 2 * factor,
            f"--patch is {patch}; it must be a multiple of {factor}, at least twice that (the edge of a cubic tile)")
    return {"format": 1, "network": spec, "prep": {key: prep[key] for key in PREP}, "patch": patch, "mirror": mirror,
            "label": "SCT 108369006 Neoplasm", "federation": "imported", "run": run, "version": 0, "seed": 0,
            "parent": "0" * 64, "sites": 0, "samples": 0}


def channel_order(dataset):
    """Where PET and CT lie among nnU-Net's channels."""
    names = {int(k): v.upper() for k, v in dataset.get("channel_names", {}).items()}
    pet = [k for k, v in names.items() if v in ("PET", "PT", "SUV") or v.startswith("PET")]
    ct = [k for k, v in names.items() if v.startswith("CT")]
    require(len(pet) == 1 and len(ct) == 1 and len(names) == 2,
            f"the channels of dataset.json are {list(names.values())}; Consilium's networks see PET and CT. "
            "Give --channels, the numbers of PET and CT, as 0,1")
    return [pet[0], ct[0]]


def prep_of_plans(plans, configuration, order):
    """What nnU-Net's plans say: CTNormalization is Consilium's rule, any other has no constants."""
    prep = dict(OUTSIDE)
    spacing = configuration["spacing"]
    if max(spacing) - min(spacing) < 1e-3 * max(spacing):
        prep["spacing_mm"] = float(spacing[0])
    for channel, name in zip(order, ("pet", "ct")):
        if configuration["normalization_schemes"][channel] == "CTNormalization":
            values = plans["foreground_intensity_properties_per_channel"][str(channel)]
            for ours, theirs in (("low", "percentile_00_5"), ("high", "percentile_99_5"), ("mean", "mean"), ("sd", "std")):
                prep[f"{name}_{ours}"] = float(values[theirs])
    return prep


def configuration_of(plans, name):
    configuration = plans["configurations"][name]
    if "inherits_from" in configuration:
        configuration = {**configuration_of(plans, configuration["inherits_from"]), **configuration}
    require("architecture" in configuration, "plans.json is older than nnU-Net 2.5 and does not describe its network")
    kwargs = configuration["architecture"]["arch_kwargs"]
    for key, good in (("norm_op", "InstanceNorm3d"), ("nonlin", "LeakyReLU"), ("dropout_op", "None")):
        require(str(kwargs.get(key)).endswith(good), f"plans.json: {key} is {kwargs.get(key)}; Consilium's is {good}")
    require(all(set(stride) == {1 if i == 0 else 2} for i, stride in enumerate(kwargs["strides"])),
            f"plans.json: strides are {kwargs['strides']}; Consilium halves every axis at every stage but the first")
    return configuration


def plans_of(card, name):
    """Plans with which nnU-Net builds the card's network, and normalises as its prep says."""
    spec, prep = card["network"], card["prep"]
    stages = len(spec["features"])
    encoder = {"n_conv_per_stage": [spec["convs_per_stage"]] * stages}
    if spec["architecture"] == "res_enc_unet":
        encoder = {"n_blocks_per_stage": blocks_of(spec)}
    kwargs = {"n_stages": stages, "features_per_stage": spec["features"], "conv_op": "torch.nn.modules.conv.Conv3d",
              "kernel_sizes": [[3, 3, 3]] * stages, "strides": [[1, 1, 1]] + [[2, 2, 2]] * (stages - 1), **encoder,
              "n_conv_per_stage_decoder": [spec["convs_per_stage"]] * (stages - 1), "conv_bias": True,
              "norm_op": "torch.nn.modules.instancenorm.InstanceNorm3d", "norm_op_kwargs": {"eps": 1e-5, "affine": True},
              "dropout_op": None, "dropout_op_kwargs": None, "nonlin": "torch.nn.LeakyReLU",
              "nonlin_kwargs": {"inplace": True}}
    resampling = {"is_seg": False, "order": 3, "order_z": 0, "force_separate_z": None}
    seg, probabilities = {**resampling, "is_seg": True, "order": 1}, {**resampling, "order": 1}
    unet = "ResidualEncoderUNet" if spec["architecture"] == "res_enc_unet" else "PlainConvUNet"
    configuration = {
        "data_identifier": "consilium", "preprocessor_name": "DefaultPreprocessor", "batch_size": 2,
        "patch_size": [card["patch"]] * 3, "median_image_size_in_voxels": [float(card["patch"])] * 3,
        "spacing": [prep["spacing_mm"]] * 3, "normalization_schemes": ["CTNormalization"] * 2,
        "use_mask_for_norm": [False, False], "resampling_fn_data": "resample_data_or_seg_to_shape",
        "resampling_fn_seg": "resample_data_or_seg_to_shape", "resampling_fn_data_kwargs": resampling,
        "resampling_fn_seg_kwargs": seg, "resampling_fn_probabilities": "resample_data_or_seg_to_shape",
        "resampling_fn_probabilities_kwargs": probabilities, "batch_dice": False,
        "architecture": {"network_class_name": "dynamic_network_architectures.architectures.unet." + unet,
                         "arch_kwargs": kwargs, "_kw_requires_import": ["conv_op", "norm_op", "dropout_op", "nonlin"]}}
    properties = {str(i): {"mean": prep[f"{c}_mean"], "median": prep[f"{c}_mean"], "std": prep[f"{c}_sd"],
                           "min": prep[f"{c}_low"], "max": prep[f"{c}_high"], "percentile_00_5": prep[f"{c}_low"],
                           "percentile_99_5": prep[f"{c}_high"]} for i, c in enumerate(("pet", "ct"))}
    return {"dataset_name": name, "plans_name": "consiliumPlans", "image_reader_writer": "SimpleITKIO",
            "transpose_forward": [0, 1, 2], "transpose_backward": [0, 1, 2],
            "original_median_spacing_after_transp": [prep["spacing_mm"]] * 3,
            "original_median_shape_after_transp": [card["patch"]] * 3, "experiment_planner_used": "ExperimentPlanner",
            "label_manager": "LabelManager", "foreground_intensity_properties_per_channel": properties,
            "configurations": {"3d_fullres": configuration}}


def blocks_of(spec):
    """As NetworkSpec::Blocks."""
    if spec.get("blocks_per_stage") or spec["architecture"] == "plain_conv_unet":
        return spec.get("blocks_per_stage", [])
    usual, rest = ([1, 2, 2], 4) if spec["architecture"] == "seg_res_net" else ([1, 3, 4], 6)
    stages = len(spec["features"])
    return (usual + [rest] * stages)[:stages]


# --- torch ------------------------------------------------------------------------------------------------------------

def load(path, trust):
    import numpy
    import torch
    scalars = [numpy.dtype, *(type(numpy.dtype(t)) for t in (numpy.float64, numpy.float32, numpy.int64)),
               getattr(numpy, "_core", None) and numpy._core.multiarray.scalar or numpy.core.multiarray.scalar]
    try:
        with torch.serialization.safe_globals(scalars):  # nnU-Net keeps its best value as a numpy number
            return torch.load(path, map_location="cpu", weights_only=not trust)
    except Exception as error:
        raise Refused(f"{path} holds more than weights, and to read it could run a program: {str(error).splitlines()[0]}\n"
                      "If you trust who made it: --trust") from error


FIRST = ("encoder.stem.convs.0.conv.weight", "encoder.stages.0.0.convs.0.conv.weight", "convInit.conv.weight")


def arrays_of(state, order, axes):
    """float32 arrays in Consilium's channels and axes."""
    state = {re.sub(r"^((module|_orig_mod)\.)+", "", name): tensor for name, tensor in state.items()}
    arrays = {}
    for name in each_once(state):
        tensor = state[name].data.float()
        if name in FIRST:
            require(tensor.shape[1] == len(order), f"the network sees {tensor.shape[1]} channels; Consilium has PET and CT")
            tensor = tensor[:, order]
        if axes == "xyz" and tensor.ndim == 5:
            tensor = tensor.permute(0, 1, 4, 3, 2)
        tensor = tensor.contiguous()
        arrays[name] = Array(tuple(tensor.shape), tensor.numpy().astype("<f4").tobytes())
    return arrays


def tensors_of(arrays):
    import torch
    return {name: torch.frombuffer(bytearray(array.data), dtype=torch.float32).reshape(array.shape)
            for name, array in arrays.items()}


# --- commands ---------------------------------------------------------------------------------------------------------

def given_prep(args):
    prep = {}
    if args.like:
        prep = json.loads(read_safetensors(args.like)[1][CARD])["prep"]
    if args.prep:
        prep = {**OUTSIDE, **prep, **json.loads(Path(args.prep).read_text(encoding="utf-8"))}
    return prep


def import_nnunet(args):
    folder = Path(args.nnunet)
    plans, dataset = (json.loads((folder / name).read_text(encoding="utf-8")) for name in ("plans.json", "dataset.json"))
    checkpoint = load(folder / f"fold_{args.fold}" / args.checkpoint, args.trust)
    configuration = configuration_of(plans, checkpoint["init_args"]["configuration"])
    require(plans.get("transpose_forward", [0, 1, 2]) == [0, 1, 2],
            f"plans.json turns the axes ({plans.get('transpose_forward')}); Consilium keeps z, y, x")
    order = args.channels or channel_order(dataset)
    patch = configuration["patch_size"]
    mirror = checkpoint.get("inference_allowed_mirroring_axes")
    arrays = arrays_of(checkpoint["network_weights"], order, args.axes or "zyx")
    prep = {**prep_of_plans(plans, configuration, order), **given_prep(args)}
    cubic = patch[0] if len(set(patch)) == 1 else None
    return arrays, prep, args.patch or cubic, mirror is not None and len(mirror) == 3


def import_monai(args):
    state = load(args.monai, args.trust)
    for key in ("state_dict", "model", "net"):
        state = state[key] if isinstance(state.get(key), dict) else state
    return arrays_of(state, args.channels or [0, 1], args.axes or "zyx"), given_prep(args), args.patch, False


def run_import(args):
    arrays, prep, patch, mirror = import_nnunet(args) if args.nnunet else import_monai(args)
    spec = spec_of(arrays)
    card = card_of(spec, prep, patch, mirror, args.run)
    write_safetensors(args.out, {name: arrays[name] for name in layout_of(spec)}, {CARD: json.dumps(card)})
    print(f"{args.out}: {spec['architecture']}, features {spec['features']}, {len(arrays)} arrays. "
          f"Look at it: consilium inspect {args.out}")


def export_model(args):
    import torch
    arrays, metadata = read_safetensors(args.model)
    require(CARD in metadata, f"{args.model} has no model card: not a model of Consilium")
    card = json.loads(metadata[CARD])
    spec = spec_of(arrays)
    tensors = tensors_of(arrays)
    if args.monai:
        require(spec["architecture"] == "seg_res_net", f"{args.model} is nnU-Net's {spec['architecture']}: use --nnunet")
        torch.save(tensors, args.monai)
        print(f"{args.monai}: state_dict of SegResNet(init_filters={spec['features'][0]}, in_channels="
              f"{spec['input_channels']}, out_channels={spec['classes']}, blocks_down={spec['blocks_per_stage']}, "
              f"blocks_up={[1] * (len(spec['features']) - 1)})")
        return
    require(spec["architecture"] != "seg_res_net", f"{args.model} is MONAI's SegResNet: use --monai")
    require(spec["input_channels"] == 2, "nnU-Net's folder is written for PET and CT: two channels")
    folder = Path(args.nnunet)
    (folder / "fold_0").mkdir(parents=True, exist_ok=True)
    card["network"] = spec
    plans = plans_of(card, folder.name)
    labels = {"background": 0, **{"tumour" if i == 1 else f"class {i}": i for i in range(1, spec["classes"])}}
    dataset = {"channel_names": {"0": "PET", "1": "CT"}, "labels": labels, "numTraining": card["samples"],
               "file_ending": ".nii.gz"}
    for name, content in (("plans.json", plans), ("dataset.json", dataset)):
        (folder / name).write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")
    torch.save({"network_weights": {n: tensor for name, tensor in tensors.items() for n in all_names(name)},
                "init_args": {"configuration": "3d_fullres", "fold": 0, "plans": plans, "dataset_json": dataset},
                "trainer_name": "nnUNetTrainer",
                "inference_allowed_mirroring_axes": (0, 1, 2) if card.get("mirror") else None},
               folder / "fold_0/checkpoint_final.pth")
    print(f"{folder}: plans.json, dataset.json, fold_0/checkpoint_final.pth; nnU-Net's channels are PET (SUV), CT (HU)")


def parse(arguments):
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = parser.add_subparsers(dest="command", required=True)
    take = commands.add_parser("import", help="a checkpoint becomes a model file of Consilium")
    source = take.add_mutually_exclusive_group(required=True)
    source.add_argument("--nnunet", help="folder of a trained nnU-Net: plans.json, dataset.json, fold_N/")
    source.add_argument("--monai", help="state_dict of a SegResNet, as torch.save wrote it")
    take.add_argument("--out", required=True, help="the model file to write")
    take.add_argument("--fold", default="0")
    take.add_argument("--checkpoint", default="checkpoint_final.pth")
    take.add_argument("--prep", help="JSON file: how images were prepared, the keys of a plan's [prep]")
    take.add_argument("--like", help="a model of Consilium whose prep it shares")
    take.add_argument("--patch", type=int, help="edge of the cubic tiles it predicts by")
    take.add_argument("--channels", type=lambda t: [int(c) for c in t.split(",")], help="numbers of PET and CT, as 0,1")
    take.add_argument("--axes", choices=("zyx", "xyz"), help="order of the network's axes; zyx if not given")
    take.add_argument("--run", default="imported", help="name in the model card")
    take.add_argument("--trust", action="store_true", help="unpickle the file whatever it holds: it can run any program")
    give = commands.add_parser("export", help="a model file of Consilium becomes a checkpoint")
    give.add_argument("model")
    target = give.add_mutually_exclusive_group(required=True)
    target.add_argument("--nnunet", help="folder to write, as nnUNetPredictor reads it")
    target.add_argument("--monai", help="state_dict to write")
    return parser.parse_args(arguments)


def main(arguments):
    args = parse(arguments)
    try:
        run_import(args) if args.command == "import" else export_model(args)
    except Refused as words:
        print(f"error: {words}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
