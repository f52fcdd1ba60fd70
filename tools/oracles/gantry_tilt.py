#!/usr/bin/env python3
# SPDX-FileCopyrightText: The Consilium authors
# SPDX-License-Identifier: Apache-2.0
"""Writes tests/imaging/dicom/oracles/tilted/: CT of a tilted gantry, and tilted.json with its voxels on an upright grid.

Needs (in a virtual environment of its own): python 3.11, pydicom==3.0.1 numpy==2.2.6 SimpleITK==2.5.2
Run: python tools/oracles/gantry_tilt.py tests/imaging/dicom/oracles/tilted

No code of ours takes part. pydicom writes slices whose positions follow the table while their normal leans. SimpleITK
resamples each slice by itself (linear, air outside) onto its plane of the upright grid: whole voxels are added to rows
and columns until every slice fits, and the voxels of the slice with the lowest position along the normal stay where
they are.
"""
import json
import math
import os
import shutil
import sys

import numpy as np
import pydicom
import SimpleITK
from pydicom.dataset import FileDataset, FileMetaDataset
from pydicom.uid import ExplicitVRLittleEndian, generate_uid

ROWS, COLUMNS, SLICES = 13, 11, 6
SPACING = [1.75, 2.5]  # between rows, between columns
INTERCEPT = -1024


def cases():
    def turned(degrees):  # about the left-right axis: rows stay level
        a = math.radians(degrees)
        return [1, 0, 0, 0, math.cos(a), math.sin(a)]
    yield {"name": "head", "orientation": turned(-18), "step": [0, 0, 4.0]}
    yield {"name": "feet", "orientation": turned(11.5), "step": [0, 0, 2.5]}
    yield {"name": "swivel", "orientation": [math.cos(0.2), 0, math.sin(0.2), 0, 1, 0], "step": [0, 0.9, -3.0]}


def write(case, folder):
    os.makedirs(folder)
    rng = np.random.default_rng(len(case["name"]))
    slices = []
    for k in range(SLICES):
        meta = FileMetaDataset()
        meta.MediaStorageSOPClassUID = "1.2.840.10008.5.1.4.1.1.2"
        meta.MediaStorageSOPInstanceUID = generate_uid(entropy_srcs=["consilium tilt", case["name"], str(k)])
        meta.TransferSyntaxUID = ExplicitVRLittleEndian
        ds = FileDataset(None, {}, file_meta=meta, preamble=b"\0" * 128)
        ds.SOPClassUID, ds.SOPInstanceUID = meta.MediaStorageSOPClassUID, meta.MediaStorageSOPInstanceUID
        ds.PatientName, ds.PatientID = "Oracle^Tilt", "TILT"
        ds.StudyInstanceUID = generate_uid(entropy_srcs=["consilium tilt study"])
        ds.SeriesInstanceUID = generate_uid(entropy_srcs=["consilium tilt series", case["name"]])
        ds.FrameOfReferenceUID = generate_uid(entropy_srcs=["consilium tilt frame"])
        ds.Modality, ds.StudyDate, ds.InstanceNumber = "CT", "20200102", k + 1
        ds.ImageOrientationPatient = [f"{v:.10f}"[:16] for v in case["orientation"]]
        ds.ImagePositionPatient = [f"{v:.9f}"[:16] for v in np.array([-12.5, 30.25, 101.0]) + k * np.array(case["step"])]
        ds.PixelSpacing, ds.Rows, ds.Columns, ds.SamplesPerPixel = SPACING, ROWS, COLUMNS, 1
        ds.PhotometricInterpretation, ds.BitsAllocated, ds.BitsStored, ds.HighBit = "MONOCHROME2", 16, 16, 15
        ds.PixelRepresentation, ds.RescaleSlope, ds.RescaleIntercept = 1, 1, INTERCEPT
        pixels = rng.integers(0, 3000, (ROWS, COLUMNS)).astype("<i2")
        ds.PixelData = pixels.tobytes()
        ds["PixelData"].VR = "OW"
        ds.save_as(os.path.join(folder, f"{k:02d}.dcm"), enforce_file_format=True)
        slices.append((np.array(ds.ImagePositionPatient, float), pixels))
    return slices


def upright(case, slices):
    row, column = np.array(case["orientation"][:3]), np.array(case["orientation"][3:])
    normal = np.cross(row, column)
    slices = sorted(slices, key=lambda s: s[0] @ normal)
    first, line = slices[0][0], slices[-1][0] - slices[0][0]
    shift = [line @ row / SPACING[1], line @ column / SPACING[0]]
    low = [math.floor(min(s, 0)) for s in shift]
    size = [n + math.ceil(max(s, 0)) - l for n, s, l in zip((COLUMNS, ROWS), shift, low)]
    origin = first + low[0] * SPACING[1] * row + low[1] * SPACING[0] * column
    step = line @ normal / (SLICES - 1)
    direction = np.stack([row, column, normal], axis=1).ravel().tolist()
    voxels = []
    for k, (position, pixels) in enumerate(slices):
        image = SimpleITK.GetImageFromArray(pixels[None].astype(np.float64) + INTERCEPT)
        image.SetSpacing([SPACING[1], SPACING[0], step])
        image.SetOrigin(position.tolist())
        image.SetDirection(direction)
        on = SimpleITK.Resample(image, [*size, 1], SimpleITK.Transform(), SimpleITK.sitkLinear,
                                (origin + k * step * normal).tolist(), [SPACING[1], SPACING[0], step], direction, -1000.0)
        voxels += SimpleITK.GetArrayFromImage(on).ravel().tolist()
    return {"name": case["name"], "size": [*size, SLICES], "origin": origin.tolist(),
            "spacing": [SPACING[1], SPACING[0], step], "direction": direction,
            "lean": math.degrees(math.acos(line @ normal / np.linalg.norm(line))),
            "hu": [round(v, 4) for v in voxels]}


def main(out):
    shutil.rmtree(out, ignore_errors=True)
    result = [upright(case, write(case, os.path.join(out, case["name"]))) for case in cases()]
    with open(os.path.join(out, "tilted.json"), "w", encoding="utf-8") as file:
        json.dump({"made_with": f"pydicom {pydicom.__version__}, SimpleITK {SimpleITK.__version__}",
                   "series": result}, file)
        file.write("\n")


main(sys.argv[1])
