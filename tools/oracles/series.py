#!/usr/bin/env python3
# SPDX-FileCopyrightText: The Consilium authors
# SPDX-License-Identifier: Apache-2.0
"""Writes tests/imaging/dicom/oracles/series/: small DICOM series, and series.json with what their voxels mean.

Needs (in a virtual environment of its own): python 3.11, pydicom==3.0.1 numpy==2.2.6 highdicom==0.28.2
  pyjpegls==1.5.1 python-gdcm==3.2.6 pillow==13.0.0 SimpleITK==2.5.2
Run: python tools/oracles/series.py tests/imaging/dicom/oracles/series

No code of ours takes part: pydicom writes the files (pyjpegls writes JPEG-LS, GDCM lossless JPEG), reads them back from
the disk and decodes them; highdicom orders the slices and gives the affine. In series.json, for each series:
  shape, affine   of highdicom: (slice, row, column) -> mm, LPS
  stored          decoded integers, slice after slice, in that order
  slope, intercept  one for each slice, as double; SUV factor included for PET in Bq/ml
  exact           true if slope, intercept and every product fit a float, so that values agree bit for bit
  itk             origin, spacing and direction (row by row) that SimpleITK gives to the same files
"""
import json
import math
import os
import random
import shutil
import sys

import gdcm
import highdicom
import numpy as np
import pydicom
import SimpleITK
from pydicom.dataset import Dataset, FileDataset, FileMetaDataset
from pydicom.uid import ExplicitVRLittleEndian, ImplicitVRLittleEndian, JPEGLSLossless, RLELossless, generate_uid

CLASSES = {"PT": "1.2.840.10008.5.1.4.1.1.128", "CT": "1.2.840.10008.5.1.4.1.1.2", "MR": "1.2.840.10008.5.1.4.1.1.4"}
COLUMNS, ROWS, SLICES = 7, 6, 5
C = math.sqrt(0.5)
AXIAL = [1, 0, 0, 0, 1, 0]
OBLIQUE = [C, C, 0, -0.6 * C, 0.6 * C, 0.8]
SAGITTAL = [0, 1, 0, 0, 0, -1]


def series(name, modality, **options):
    return {"name": name, "modality": modality, "bits": 16, "signed": True, "syntax": "explicit", "orientation": AXIAL,
            "photometric": "MONOCHROME2", "slope": lambda k: 1.0, "intercept": lambda k: -1024.0, "step": 3.27,
            "spacing": [2.5, 1.75], "exact": True, **options}


NOTHING = lambda k: 0.0  # noqa: E731
LIST = [
    series("pet-slopes", "PT", slope=lambda k: round(0.13427 * (k + 1) ** 1.5, 6), intercept=NOTHING, exact=False,
           spacing=[3.90625, 3.90625]),
    series("pet-becquerels", "PT", signed=False, bits=15, slope=lambda k: round(1.8731 + 0.37 * k, 5),
           intercept=NOTHING, exact=False, syntax="implicit", units="BQML"),
    series("ct-oblique", "CT", orientation=OBLIQUE, step=-1.5),
    series("ct-unsigned", "CT", signed=False, slope=lambda k: 0.5, intercept=lambda k: -1000.0 + k),
    series("mono1-implicit", "CT", signed=False, bits=12, photometric="MONOCHROME1", syntax="implicit"),
    series("mr-sagittal", "MR", signed=False, bits=12, orientation=SAGITTAL, slope=None, intercept=None, step=6.6),
    series("ct-8bit", "CT", signed=False, bits=8, slope=lambda k: 4.0 + k),
    series("ct-rle", "CT", syntax="rle"),
    series("pet-rle-slopes", "PT", syntax="rle", slope=lambda k: 0.25 * (k + 1), intercept=NOTHING),
    series("ct-jpeg-lossless", "CT", syntax="jpeg"),
    series("ct-jpeg-lossless-12", "CT", signed=False, bits=12, syntax="jpeg"),
    series("ct-jpegls", "CT", signed=False, bits=12, syntax="jpegls", orientation=OBLIQUE),
    series("ct-jpegls-16", "CT", signed=False, syntax="jpegls"),
]

# Raw PET by the conventions of three vendors. 81.5 kg, 310 MBq, half-life 6586.2 s, injected 23:25:30. Scanned at 00:30
# of the next day, 3870 s later: 310e6 * 2^(-3870 / 6586.2) = 206290298.8 Bq are left, 81500 g / 206290298.8 Bq =
# 3.9507432235e-4 g/Bq.
SUV_AT_SCAN = 3.9507432235e-4
RAW = {"slope": lambda k: round(1.8731 + 0.37 * k, 5), "intercept": NOTHING, "exact": False, "signed": False, "bits": 15}
LIST += [
    # GE: a reconstruction of the next morning, with the scan's own time in a private tag; a later bed.
    series("pet-raw-ge", "PT", **RAW, units="BQML", factor=SUV_AT_SCAN,
           tags={"SeriesDate": "20200103", "SeriesTime": "091500", "AcquisitionTime": "003612"},
           private=[(0x0009, "GEMS_IDEN_01", 0x01, "LO", "GE_GENESIS_FF"),
                    (0x0009, "GEMS_PETD_01", 0x0D, "DT", "20200102003000.00")]),
    # Siemens: the same in Implicit VR, where nothing tells what kind a private tag is.
    series("pet-raw-siemens", "PT", **RAW, units="BQML", factor=SUV_AT_SCAN, syntax="implicit",
           tags={"SeriesDate": "20200103", "SeriesTime": "091500", "AcquisitionTime": "003612"},
           private=[(0x0071, "SIEMENS MED PT", 0x22, "DT", "20200102003000.000000")]),
    # Siemens without it: acquired at 00:36:12 for 120 s; the mean rate is 59.9369 s into the frame, which is 431.9369 s
    # after the scan's start: 00:36:12 - 431.9369 s + 59.9369 s = 00:30:00.
    series("pet-raw-frames", "PT", **RAW, units="BQML", factor=SUV_AT_SCAN,
           tags={"SeriesDate": "20200103", "SeriesTime": "091500", "AcquisitionTime": "003612",
                 "FrameReferenceTime": 431936.8547, "ActualFrameDuration": 120000}),
    # Philips: counts with a factor to SUV; or with one to Bq/ml, in a block after somebody else's.
    series("pet-raw-philips", "PT", **RAW, units="CNTS", factor=0.000551,
           private=[(0x7053, "Philips PET Private Group", 0x00, "DS", "0.000551"),
                    (0x7053, "Philips PET Private Group", 0x09, "DS", "1.377")]),
    series("pet-raw-philips-counts", "PT", **RAW, units="CNTS", factor=1.377 * SUV_AT_SCAN, syntax="implicit",
           private=[(0x7053, "SOMEBODY ELSE", 0x09, "DS", "77"),
                    (0x7053, "Philips PET Private Group", 0x00, "DS", "0"),
                    (0x7053, "Philips PET Private Group", 0x09, "DS", "1.377")]),
    # Corrected to the injection: 81500 g / 310e6 Bq.
    series("pet-raw-admin", "PT", **RAW, units="BQML", factor=81500 / 310e6, tags={"DecayCorrection": "ADMIN"}),
    # Bounds of geometry: thin rows, thick slices, feet first, and a sagittal stack from left to right.
    series("ct-anisotropic", "CT", orientation=[-1, 0, 0, 0, 1, 0], spacing=[0.9, 3.7], step=11.3),
    series("ct-oblique-reversed", "CT", orientation=[-v for v in OBLIQUE], spacing=[4.1, 0.7], step=0.6),
]


def pixels(what, rng):
    """Noise over the whole range, with both ends in it."""
    bits = what["bits"]
    low, high = (-(1 << (bits - 1)), (1 << (bits - 1)) - 1) if what["signed"] else (0, (1 << bits) - 1)
    values = [rng.randint(low, high) for _ in range(COLUMNS * ROWS)]
    values[3], values[17] = low, high
    kind = ("u1" if bits == 8 else "<u2") if not what["signed"] else "<i2"
    return np.array(values, kind).reshape(ROWS, COLUMNS)


def uid(*words):
    return generate_uid(entropy_srcs=["consilium series oracle", *map(str, words)])


def slice_of(what, k, rng):
    meta = FileMetaDataset()
    meta.MediaStorageSOPClassUID = CLASSES[what["modality"]]
    meta.MediaStorageSOPInstanceUID = uid(what["name"], k)
    implicit = what["syntax"] == "implicit"
    meta.TransferSyntaxUID = ImplicitVRLittleEndian if implicit else ExplicitVRLittleEndian
    ds = FileDataset(None, {}, file_meta=meta, preamble=b"\0" * 128)
    ds.SOPClassUID, ds.SOPInstanceUID = meta.MediaStorageSOPClassUID, meta.MediaStorageSOPInstanceUID
    ds.PatientName, ds.PatientID = "Oracle^Series", "ORACLE"
    ds.StudyInstanceUID, ds.SeriesInstanceUID = uid("study"), uid(what["name"])
    ds.FrameOfReferenceUID = uid("frame", what["name"])
    ds.Modality, ds.StudyDate, ds.InstanceNumber = what["modality"], "20200102", rng.randint(1, 999)
    row, column = np.array(what["orientation"][:3]), np.array(what["orientation"][3:])
    ds.ImageOrientationPatient = [f"{v:.10f}"[:16] for v in what["orientation"]]
    ds.ImagePositionPatient = [f"{v:.9f}"[:16] for v in
                               np.array([-31.25, 17.5, 102.4]) + k * what["step"] * np.cross(row, column)]
    ds.PixelSpacing, ds.SliceThickness = what["spacing"], 99  # a thickness that is not the spacing
    ds.Rows, ds.Columns, ds.SamplesPerPixel = ROWS, COLUMNS, 1
    ds.PhotometricInterpretation = what["photometric"]
    ds.BitsAllocated = 8 if what["bits"] == 8 else 16
    ds.BitsStored, ds.HighBit, ds.PixelRepresentation = what["bits"], what["bits"] - 1, int(what["signed"])
    if what["slope"]:
        ds.RescaleSlope, ds.RescaleIntercept = what["slope"](k), what["intercept"](k)
    if what["modality"] == "PT":
        pet_tags(ds, what.get("units", "GML"))
    for keyword, value in what.get("tags", {}).items():
        setattr(ds, keyword, value)
    for group, creator, element, vr, value in what.get("private", []):
        ds.private_block(group, creator, create=True).add_new(element, vr, value)
    ds.PixelData = pixels(what, rng).tobytes()
    ds["PixelData"].VR = "OW"
    return ds


def pet_tags(ds, units):
    ds.Units, ds.PatientWeight, ds.CorrectedImage = units, 81.5, ["ATTN", "DECY"]
    ds.DecayCorrection, ds.SeriesDate, ds.SeriesTime = "START", "20200102", "003000"
    ds.AcquisitionDate, ds.AcquisitionTime = "20200102", "003000"
    drug = Dataset()
    drug.RadionuclideTotalDose, drug.RadionuclideHalfLife = 3.1e8, 6586.2
    drug.RadiopharmaceuticalStartDateTime = "20200101232530"
    ds.RadiopharmaceuticalInformationSequence = [drug]


def suv_factor(what):
    """Body weight over the dose that is left when the scan starts, 64.5 minutes after the injection."""
    if "factor" in what:
        return what["factor"]
    return 1.0 if what.get("units", "GML") == "GML" else 81.5e3 / (3.1e8 * 2 ** (-64.5 * 60 / 6586.2))


def compress_with_gdcm(file):
    reader = gdcm.ImageReader()
    reader.SetFileName(file)
    assert reader.Read()
    change = gdcm.ImageChangeTransferSyntax()
    change.SetTransferSyntax(gdcm.TransferSyntax(gdcm.TransferSyntax.JPEGLosslessProcess14_1))
    change.SetInput(reader.GetImage())
    assert change.Change()
    writer = gdcm.ImageWriter()
    writer.SetFileName(file)
    writer.SetFile(reader.GetFile())
    writer.SetImage(change.GetOutput())
    assert writer.Write()


def write(what, folder):
    rng = random.Random(what["name"])
    names = [f"{n:02d}.dcm" for n in range(SLICES)]
    rng.shuffle(names)
    os.makedirs(folder)
    for k in range(SLICES):
        ds, file = slice_of(what, k, rng), os.path.join(folder, names[k])
        if what["syntax"] in ("rle", "jpegls"):
            ds.compress({"rle": RLELossless, "jpegls": JPEGLSLossless}[what["syntax"]], generate_instance_uid=False)
        ds.save_as(file, enforce_file_format=True)
        if what["syntax"] == "jpeg":
            compress_with_gdcm(file)


def read(what, folder):
    files = [pydicom.dcmread(os.path.join(folder, f)) for f in sorted(os.listdir(folder))]
    volume = highdicom.get_volume_from_series(files, dtype=np.int32, apply_real_world_transform=False,
                                              apply_modality_transform=False, apply_presentation_lut=False)
    slopes, intercepts = [], []
    for s in range(SLICES):  # which file is slice s: the one whose first voxel lies there
        at = np.asarray(volume.affine)[:3] @ np.array([s, 0, 0, 1])
        ds = min(files, key=lambda f: np.linalg.norm(np.array(f.ImagePositionPatient, float) - at))
        assert np.array_equal(ds.pixel_array, volume.array[s]), what["name"]
        slopes.append(float(ds.get("RescaleSlope", 1)) * suv_factor(what))
        intercepts.append(float(ds.get("RescaleIntercept", 0)) * suv_factor(what))
    reader = SimpleITK.ImageSeriesReader()
    reader.SetFileNames(reader.GetGDCMSeriesFileNames(folder))
    image = reader.Execute()
    itk = {"origin": image.GetOrigin(), "spacing": image.GetSpacing(), "direction": image.GetDirection()}
    return {"name": what["name"], "itk": itk, "modality": what["modality"], "syntax": str(files[0].file_meta.TransferSyntaxUID),
            "shape": list(volume.array.shape), "affine": np.asarray(volume.affine).tolist(),
            "exact": what["exact"], "slope": slopes, "intercept": intercepts,
            "stored": volume.array.ravel().tolist()}


def main(out):
    shutil.rmtree(out, ignore_errors=True)
    result = []
    for what in LIST:
        write(what, os.path.join(out, what["name"]))
        result.append(read(what, os.path.join(out, what["name"])))
    made_with = f"pydicom {pydicom.__version__}, highdicom {highdicom.__version__}, GDCM {gdcm.Version.GetVersion()}"
    made_with += f", SimpleITK {SimpleITK.__version__}"
    with open(os.path.join(out, "series.json"), "w", encoding="utf-8") as file:
        json.dump({"made_with": made_with, "series": result}, file)
        file.write("\n")


main(sys.argv[1])
