# SPDX-FileCopyrightText: The Consilium authors
# SPDX-License-Identifier: Apache-2.0
"""Oracle for imaging/prepare: SimpleITK's resampling of an oblique PET and CT to the common grid, then clip and scale.

Made with: python 3.11, SimpleITK and numpy as printed into the result ("made_with").
Run: python tools/oracles/prepare.py tests/imaging/oracles/prepare.json
The images are given by formulas, so that the file stays small: PET stored(i, j, k) = (7 i + 13 j + 29 k + i j k) mod 60,
times 0.5 + 0.1 k; CT stored = (37 i + 11 j + 53 k + i j k) mod 1500 - 700. Only the default constants of the plan.
"""
import json
import sys

import numpy as np
import SimpleITK as sitk

C = float(np.sqrt(0.5))
DIRECTION = [[C, C, 0], [-0.6 * C, 0.6 * C, 0.8], [0.8 * C, -0.8 * C, 0.6]]  # rows: unit vectors of i, j, k
PET = {"size": [9, 8, 7], "spacing": [4.0, 4.5, 5.0], "origin": [-20.0, 10.0, 30.0], "direction": DIRECTION}
CT = {"size": [16, 15, 10], "spacing": [2.0, 2.0, 3.0], "origin": [-22.0, 9.0, 29.0],
      "direction": [[1, 0, 0], [0, 1, 0], [0, 0, 1]]}
SPACING = 3.0


def image(grid, stored, scale):
    i, j, k = np.meshgrid(*(np.arange(n) for n in grid["size"]), indexing="ij")
    values = (stored(i, j, k) * scale(k)).astype(np.float64)
    out = sitk.GetImageFromArray(np.ascontiguousarray(values.transpose(2, 1, 0)))
    out.SetSpacing(grid["spacing"])
    out.SetOrigin(grid["origin"])
    out.SetDirection(np.asarray(grid["direction"], float).T.ravel().tolist())
    return out


def main(path):
    pet = image(PET, lambda i, j, k: (7 * i + 13 * j + 29 * k + i * j * k) % 60, lambda k: 0.5 + 0.1 * k)
    ct = image(CT, lambda i, j, k: (37 * i + 11 * j + 53 * k + i * j * k) % 1500 - 700, lambda k: 1.0 + 0 * k)
    size = [int(np.ceil(n * s / SPACING - 1e-6)) for n, s in zip(PET["size"], PET["spacing"])]
    low_edge = pet.TransformContinuousIndexToPhysicalPoint([-0.5 + SPACING / s / 2 for s in PET["spacing"]])
    channels = []
    for picture, outside, low, high, mean, sd in ((pet, 0.0, 1.04, 51.2, 7.06, 7.96),
                                                  (ct, -1024.0, -832.0, 1128.0, 108.0, 286.0)):
        done = sitk.Resample(picture, size, sitk.Transform(3, sitk.sitkIdentity), sitk.sitkLinear, low_edge,
                             [SPACING] * 3, pet.GetDirection(), outside, sitk.sitkFloat64)
        values = (np.clip(sitk.GetArrayFromImage(done), low, high) - mean) / sd
        channels.append([round(float(v), 5) for v in values.ravel()])
    with open(path, "w", encoding="utf-8") as out:
        json.dump({"made_with": f"SimpleITK {sitk.Version.VersionString()}, numpy {np.__version__}", "pet": PET, "ct": CT,
                   "spacing": SPACING, "size": size, "origin": list(low_edge), "channels": channels}, out)
        out.write("\n")


main(sys.argv[1])
