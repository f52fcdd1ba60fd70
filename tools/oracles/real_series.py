#!/usr/bin/env python3
# SPDX-FileCopyrightText: The Consilium authors
# SPDX-License-Identifier: Apache-2.0
"""Writes tests/imaging/dicom/oracles/real_series.json: digests of the public patients' series as pydicom reads them.

Needs (in a virtual environment of its own): python 3.11, pydicom==3.0.1 numpy==2.2.6
Run: python tools/oracles/real_series.py DATA tests/imaging/dicom/oracles/real_series.json
DATA is laid out as docs/real-data.md says: SITE/PATIENT/(PET|CT|MR_T1)/image/*.dcm.

Only numbers about pixels are kept; no pixel, no tag of a patient and no UID. For each series, slices in the order of
their positions along row x column: the shape (columns, rows, slices), the spacing, SHA-256 of the stored integers
(int32, little endian), SHA-256 of stored * slope + intercept computed in float32, and the largest value.
"""
import hashlib
import json
import pathlib
import sys

import numpy as np
import pydicom


def digest(array, kind):
    return hashlib.sha256(np.ascontiguousarray(array, kind).tobytes()).hexdigest()


def numbers_of(folder):
    files = [pydicom.dcmread(f) for f in sorted(folder.glob("*.dcm"))]
    axes = np.array(files[0].ImageOrientationPatient, float)
    normal = np.cross(axes[:3], axes[3:])
    files.sort(key=lambda ds: float(np.dot(normal, np.array(ds.ImagePositionPatient, float))))
    along = [float(np.dot(normal, np.array(ds.ImagePositionPatient, float))) for ds in files]
    stored = np.stack([ds.pixel_array for ds in files]).astype(np.int32)
    slope = np.array([ds.get("RescaleSlope", 1) for ds in files], np.float32)[:, None, None]
    intercept = np.array([ds.get("RescaleIntercept", 0) for ds in files], np.float32)[:, None, None]
    values = stored.astype(np.float32) * slope + intercept
    row_spacing, column_spacing = (float(v) for v in files[0].PixelSpacing)
    return {"shape": [int(files[0].Columns), int(files[0].Rows), len(files)],
            "spacing": [round(column_spacing, 6), round(row_spacing, 6),
                        round((along[-1] - along[0]) / (len(files) - 1), 6)],
            "stored": digest(stored, "<i4"), "values": digest(values, "<f4"), "largest": float(values.max())}


def main(data, out):
    root = pathlib.Path(data)
    series = {str(image.parent.relative_to(root)): numbers_of(image) for image in sorted(root.glob("*/*/*/image"))}
    with open(out, "w", encoding="utf-8") as file:
        json.dump({"made_with": f"pydicom {pydicom.__version__}, numpy {np.__version__}", "series": series}, file,
                  indent=0)
        file.write("\n")


main(*sys.argv[1:])
