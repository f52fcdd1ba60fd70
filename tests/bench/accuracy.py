# SPDX-FileCopyrightText: The Consilium authors
# SPDX-License-Identifier: Apache-2.0
"""Called by accuracy.sh: PROGRAM DATA [--folds N --fold K --seed S --plan TOML --arms A --out DIR --json FILE].

`consilium study` and MONAI's DynUNet train on the same patients of DATA (SITE/PATIENT/{PET,CT}), with the plan's
network size, grid, patch, batch, optimiser, learning rate and total of steps, and are scored on the same held-out
patients: Dice on the PET's own grid, probability 0.5, specks below 0.1 ml left out. MONAI's side is written as its
tutorials write it: RandCropByPosNegLabel, flips, affine, noise, smoothing,
intensity scale and shift, DiceCELoss with deep supervision, AdamW with WarmupCosineSchedule, sliding window with
overlap 0.5 and Gaussian weights. Its images are SUV and HU as `consilium convert` writes them, brought to the grid by
SimpleITK; its contours are the reference masks that lie beside the series. Everything that is trained is kept in
--out, so that a stopped bench goes on. `equal` says that both sides scored the same patients after the same steps."""
import argparse
import json
import pathlib
import resource
import statistics
import subprocess
import sys
import time
import tomllib

import monai
import numpy as np
import SimpleITK as sitk
import torch
from monai import transforms as mt
from monai.inferers import sliding_window_inference
from monai.losses import DeepSupervisionLoss, DiceCELoss
from monai.networks.nets import DynUNet
from monai.optimizers import WarmupCosineSchedule

SMALLEST_ML = 0.1


def split(data, folds, fold):
    """Training, validation and held-out patients as `consilium study --folds` makes them: by name, of each hospital."""
    groups = {"training": [], "validation": [], "held_out": []}
    for site in sorted(p for p in data.iterdir() if p.is_dir()):
        patients = sorted(p for p in site.iterdir() if p.is_dir())
        rest = [p for i, p in enumerate(patients) if i % folds != fold]
        groups["held_out"] += [p for i, p in enumerate(patients) if i % folds == fold]
        groups["training"] += rest[:-1]
        groups["validation"] += rest[-1:]
    return groups


def converted(program, series, file):
    if not file.exists():
        file.parent.mkdir(parents=True, exist_ok=True)
        subprocess.run([program, "convert", series, "--out", file], check=True, capture_output=True)
    return sitk.ReadImage(str(file), sitk.sitkFloat32)


class Patient:
    def __init__(self, program, folder, prep, cache):
        self.name = folder.name
        pet = converted(program, folder / "PET/image", cache / f"{self.name}-PET.nii.gz")
        ct = converted(program, folder / "CT/image", cache / f"{self.name}-CT.nii.gz")
        self.reference = sitk.ReadImage(str(folder / "PET/reference_mask.nii.gz"), sitk.sitkUInt8)
        self.reference.CopyInformation(pet)
        edge = prep["spacing_mm"]
        size = [int(np.ceil(n * s / edge - 1e-6)) for n, s in zip(pet.GetSize(), pet.GetSpacing())]
        origin = pet.TransformContinuousIndexToPhysicalPoint([-0.5 + edge / s / 2 for s in pet.GetSpacing()])
        self.pet = pet

        def to_grid(image, how, outside):
            return sitk.GetArrayFromImage(sitk.Resample(image, size, sitk.Transform(3, sitk.sitkIdentity), how, origin, [edge] * 3,
                                                        pet.GetDirection(), outside, sitk.sitkFloat32))
        self.grid = sitk.Image(size, sitk.sitkFloat32)
        self.grid.SetOrigin(origin)
        self.grid.SetSpacing([edge] * 3)
        self.grid.SetDirection(pet.GetDirection())

        def scaled(values, of):
            return (np.clip(values, prep[f"{of}_low"], prep[f"{of}_high"]) - prep[f"{of}_mean"]) / prep[f"{of}_sd"]
        self.image = torch.from_numpy(np.stack([scaled(to_grid(pet, sitk.sitkLinear, prep["pet_outside"]), "pet"),
                                                scaled(to_grid(ct, sitk.sitkLinear, prep["ct_outside"]), "ct")]).astype(np.float32))
        self.label = torch.from_numpy((to_grid(self.reference, sitk.sitkLinear, 0) >= 0.5).astype(np.float32))[None]
        self.padding = torch.tensor([scaled(prep["pet_outside"], "pet"), scaled(prep["ct_outside"], "ct")], dtype=torch.float32)

    def dice(self, tumour):
        """Of a probability map [z, y, x] on the grid."""
        picture = sitk.GetImageFromArray(tumour)
        picture.CopyInformation(self.grid)
        on_pet = sitk.Resample(picture, self.pet, sitk.Transform(3, sitk.sitkIdentity), sitk.sitkLinear, 0.0, sitk.sitkFloat32)
        parts = sitk.RelabelComponent(sitk.ConnectedComponent(on_pet >= 0.5, True))
        voxel_ml = float(np.prod(self.pet.GetSpacing())) / 1000
        found = sitk.GetArrayFromImage(parts)
        sizes = np.bincount(found.ravel())
        keep = sizes * voxel_ml >= SMALLEST_ML
        keep[0] = False
        mask, reference = keep[found], sitk.GetArrayFromImage(self.reference) > 0
        both = int(mask.sum() + reference.sum())
        return 2 * int((mask & reference).sum()) / both if both else 1.0


def padded(patient, patch):
    """At least a patch in every direction, with the value of air on each channel."""
    image, label = patient.image, patient.label
    for dim in (1, 2, 3):
        lack = max(0, patch - image.shape[dim])
        if lack:
            def air(n, like):
                shape = list(like.shape)
                shape[dim] = n
                value = patient.padding if like is image else torch.zeros(1)
                return value.reshape(-1, 1, 1, 1).expand(shape).clone()
            low, high = lack // 2, lack - lack // 2
            image, label = (torch.cat([air(low, x), x, air(high, x)], dim) for x in (image, label))
    return image, label


def monai_network(plan):
    features = plan["network"]["features"]
    stages = len(features)
    supervised = plan["network"]["deep_supervision"] and stages >= 3
    return DynUNet(3, 2, 2, kernel_size=[3] * stages, strides=[1] + [2] * (stages - 1), upsample_kernel_size=[2] * (stages - 1),
                   filters=features, norm_name=("INSTANCE", {"affine": True}), deep_supervision=supervised,
                   deep_supr_num=max(1, stages - 2))


def train_monai(patients, plan, steps, seed):
    monai.utils.set_determinism(seed)
    train, patch = plan["train"], plan["train"]["patch"]
    both = ["image", "label"]
    augmentation = mt.Compose([
        mt.RandCropByPosNegLabeld(both, label_key="label", spatial_size=[patch] * 3, pos=1, neg=1, num_samples=1),
        mt.RandAffined(both, prob=0.2, rotate_range=[0.52] * 3, scale_range=[0.3] * 3, mode=("bilinear", "nearest"),
                       padding_mode="border"),
        mt.RandFlipd(both, prob=0.5, spatial_axis=0), mt.RandFlipd(both, prob=0.5, spatial_axis=1),
        mt.RandFlipd(both, prob=0.5, spatial_axis=2), mt.RandGaussianNoised("image", prob=0.1, std=0.1),
        mt.RandGaussianSmoothd("image", prob=0.2), mt.RandScaleIntensityd("image", factors=0.3, prob=0.5),
        mt.RandShiftIntensityd("image", offsets=0.1, prob=0.5)])
    network = monai_network(plan)
    optimizer = torch.optim.AdamW(network.parameters(), lr=train["learning_rate"], weight_decay=train["weight_decay"])
    schedule = WarmupCosineSchedule(optimizer, warmup_steps=max(1, train["warmup_steps"]), t_total=steps, warmup_multiplier=0.1)
    loss_of = DiceCELoss(to_onehot_y=True, softmax=True, include_background=False)
    supervision = DeepSupervisionLoss(loss_of)
    ready = [dict(zip(both, padded(p, patch))) for p in patients]
    random = np.random.RandomState(seed)
    began = time.perf_counter()
    network.train()
    for step in range(steps):
        drawn = [augmentation(ready[random.randint(len(ready))])[0] for _ in range(train["batch"])]
        image, label = (torch.stack([d[k].as_tensor() if hasattr(d[k], "as_tensor") else d[k] for d in drawn]) for k in both)
        out = network(image)
        loss = supervision(list(torch.unbind(out, dim=1)), label) if out.dim() == 6 else loss_of(out, label)
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(network.parameters(), train["gradient_clip"])
        optimizer.step()
        schedule.step()
        if step % 50 == 49:
            left = (time.perf_counter() - began) / (step + 1) * (steps - step - 1)
            print(f"\rMONAI    {100 * (step + 1) // steps:3} %  loss {loss.item():.3f}, {left:.0f} s left", end="", file=sys.stderr)
    print(file=sys.stderr)
    return network.eval(), time.perf_counter() - began


@torch.inference_mode()
def monai_tumour(network, patient, plan):
    patch = plan["train"]["patch"]
    low = [max(0, patch - n) // 2 for n in patient.image.shape[1:]]
    image, _ = padded(patient, patch)

    def predict(x):
        return sliding_window_inference(x, [patch] * 3, 4, network, overlap=0.5, mode="gaussian").softmax(1)
    image = image[None]
    flips = [[d for d, on in zip((2, 3, 4), f"{n:03b}") if on == "1"] for n in range(8 if plan["predict"]["mirror"] else 1)]
    tumour = sum(predict(image.flip(axes)).flip(axes)[0, 1] for axes in flips) / len(flips)
    z, y, x = (slice(s, s + n) for s, n in zip(low, patient.image.shape[1:]))
    return tumour[z, y, x].numpy()


def core_minutes(who):
    use = resource.getrusage(who)
    return (use.ru_utime + use.ru_stime) / 60


def study(options, plan_file, out):
    command = [options.program, "study", "--plan", plan_file, "--data", options.data, "--out", out / "study", "--folds", options.folds,
               "--fold", options.fold, "--seed", options.seed, "--arms", options.arms, "--threads", 2, "--json", out / "study.json"]
    before = core_minutes(resource.RUSAGE_CHILDREN)
    subprocess.run([str(word) for word in command], check=True, stdout=sys.stderr)
    return json.loads((out / "study.json").read_text()), core_minutes(resource.RUSAGE_CHILDREN) - before


def bootstrap(differences, resamples=10000):
    draws = np.random.RandomState(0).choice(differences, (resamples, len(differences)))
    return np.quantile(draws.mean(1), [0.025, 0.975])


def peer(options, plan, steps, out):
    kept = out / "monai.json"
    if kept.exists():
        return json.loads(kept.read_text())
    groups = split(options.data, options.folds, options.fold)
    load = {role: [Patient(options.program, p, plan["prep"], options.out / "images") for p in patients]
            for role, patients in groups.items() if role != "validation"}
    before = core_minutes(resource.RUSAGE_SELF)
    network, seconds = train_monai(load["training"], plan, steps, options.seed)
    minutes = core_minutes(resource.RUSAGE_SELF) - before
    dice = {p.name: p.dice(monai_tumour(network, p, plan)) for p in load["held_out"]}
    result = {"dice": dice, "seconds": seconds, "core_minutes": minutes, "steps": steps}
    kept.write_text(json.dumps(result, indent=1) + "\n")
    return result


def arguments():
    parser = argparse.ArgumentParser(prog="./dev bench accuracy")
    parser.add_argument("program")
    parser.add_argument("data", type=pathlib.Path)
    parser.add_argument("--plan", type=pathlib.Path, default=pathlib.Path("packaging/study-plan.toml"))
    parser.add_argument("--folds", type=int, default=4)
    parser.add_argument("--fold", type=int, default=0)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--arms", default="pooled,federated,local")
    parser.add_argument("--out", type=pathlib.Path, default=pathlib.Path("out/bench-accuracy"))
    parser.add_argument("--json")
    return parser.parse_args()


def main():
    options = arguments()
    torch.set_num_threads(2)
    out = options.out / f"fold{options.fold}-seed{options.seed}"
    out.mkdir(parents=True, exist_ok=True)
    ours, minutes = study(options, options.plan, out)
    plan = tomllib.loads((out / "study/plan.toml").read_text())  # with every key
    theirs = peer(options, plan, ours["steps"], out)
    rows = []
    for arm, dice in ours["test"].items():
        same = set(dice) == set(theirs["dice"])
        differences = [dice[name] - theirs["dice"][name] for name in sorted(dice)] if same else [0.0]
        low, high = bootstrap(differences)
        mine, peers = statistics.mean(dice.values()), statistics.mean(theirs["dice"].values())
        rows.append({"what": f"{arm}, {len(dice)} patients of fold {options.fold} of {options.folds}, seed {options.seed}, {ours['steps']} steps, float32, MONAI",
                     "unit": "Dice", "ours": round(mine, 4), "peer": round(peers, 4), "peer_name": f"MONAI {monai.__version__} DynUNet pooled",
                     "ratio": round(mine / peers, 3), "difference": [round(statistics.mean(differences), 4), round(low, 4), round(high, 4)], "equal": same})
        print(f"{arm:16} ours {mine:.3f}   MONAI {peers:.3f}   difference {statistics.mean(differences):+.3f} [{low:+.3f}, {high:+.3f}]")
    pooled_seconds = ours.get("training_seconds", {}).get("pooled")
    if pooled_seconds:
        rows.append({"what": f"pooled training, {ours['steps']} steps, 2 threads, float32, MONAI", "unit": "s", "ours": round(pooled_seconds, 1),
                     "peer": round(theirs["seconds"], 1), "peer_name": f"MONAI {monai.__version__}, torch {torch.__version__}",
                     "ratio": round(theirs["seconds"] / pooled_seconds, 2), "equal": True})
        print(f"pooled training  ours {pooled_seconds:.0f} s   MONAI {theirs['seconds']:.0f} s ({theirs['core_minutes']:.1f} core-minutes)")
    print(f"this call of the study took {minutes:.1f} core-minutes")
    if options.json:
        pathlib.Path(options.json).write_text(json.dumps({"name": "accuracy", "rows": rows}, indent=1) + "\n")
    return 0 if all(row["equal"] for row in rows) else 1


sys.exit(main())
