#!/usr/bin/env python3
# SPDX-FileCopyrightText: The Consilium authors
# SPDX-License-Identifier: Apache-2.0
"""Writes tests/imaging/dicom/oracles/labels/: one small oblique series, and its label as other programs store it.

Needs (in a virtual environment of its own): python 3.11, pydicom==3.0.1 numpy==2.2.6 highdicom==0.28.2
  nibabel==5.3.2 SimpleITK==2.5.2
Run: python tools/oracles/labels.py tests/imaging/dicom/oracles/labels

No code of ours takes part. SimpleITK reads the series and says where its voxels lie (labels.json: size, spacing, origin,
direction, LPS). The label is a formula of the index on that grid: (7 i + 5 j j + 3 k k k + i j k) % 3, so 0, 1 or 2; 1 is
what a person drew, 2 is another structure.
  NAME.nii.gz  by nibabel, with the axes of the file in another order or direction, in several types; by SimpleITK
  seg.dcm      by highdicom: segment 1 manual, coded as neoplasm; segment 2 automatic; frames in shuffled order
"""
import json
import math
import os
import random
import shutil
import sys

import highdicom as hd
import nibabel as nib
import numpy as np
import pydicom
import SimpleITK as sitk
from pydicom.dataset import FileDataset, FileMetaDataset
from pydicom.sr.codedict import codes
from pydicom.uid import ExplicitVRLittleEndian

COLUMNS, ROWS, SLICES = 7, 6, 5
SPACING = [3.25, 2.5, 4.7]  # between columns, between rows, between slices
C = math.sqrt(0.5)
ACROSS, DOWN = np.array([C, C, 0]), np.array([-0.6 * C, 0.6 * C, 0.8])
ROOT = "1.2.826.0.1.3680043.8.498.4"


def write_series(folder):
    normal = np.cross(ACROSS, DOWN)
    names = list(range(SLICES))
    random.Random(4).shuffle(names)
    for k in range(SLICES):  # against the normal, names shuffled
        position = np.array([-31.5, 12.25, 80.0]) - k * SPACING[2] * normal
        meta = FileMetaDataset()
        meta.MediaStorageSOPClassUID = "1.2.840.10008.5.1.4.1.1.128"
        meta.MediaStorageSOPInstanceUID = f"{ROOT}.3.{k + 1}"
        meta.TransferSyntaxUID = ExplicitVRLittleEndian
        d = FileDataset("", {}, file_meta=meta, preamble=b"\0" * 128)
        d.SOPClassUID, d.SOPInstanceUID = meta.MediaStorageSOPClassUID, meta.MediaStorageSOPInstanceUID
        d.PatientID, d.PatientName, d.PatientBirthDate, d.PatientSex = "L1", "Label^One", "", ""
        d.StudyInstanceUID, d.SeriesInstanceUID, d.FrameOfReferenceUID = f"{ROOT}.1", f"{ROOT}.2", f"{ROOT}.9"
        d.StudyDate, d.StudyTime, d.StudyID, d.AccessionNumber = "20200101", "120000", "1", ""
        d.ReferringPhysicianName, d.PositionReferenceIndicator = "", ""
        d.SeriesDate, d.SeriesTime, d.SeriesNumber, d.InstanceNumber = "20200101", "120000", 1, k + 1
        d.Modality, d.Units, d.SUVType, d.Manufacturer = "PT", "GML", "BW", "nobody"
        d.ImagePositionPatient = [f"{v:.10g}" for v in position]
        d.ImageOrientationPatient = [f"{v:.10g}" for v in [*ACROSS, *DOWN]]
        d.PixelSpacing = [str(SPACING[1]), str(SPACING[0])]
        d.SliceThickness = str(SPACING[2])
        d.Rows, d.Columns, d.SamplesPerPixel, d.PhotometricInterpretation = ROWS, COLUMNS, 1, "MONOCHROME2"
        d.BitsAllocated, d.BitsStored, d.HighBit, d.PixelRepresentation = 16, 16, 15, 1
        d.RescaleSlope, d.RescaleIntercept = "1", "0"
        d.PixelData = np.full((ROWS, COLUMNS), k, "<i2").tobytes()
        d.save_as(os.path.join(folder, f"{names[k]:03}.dcm"), enforce_file_format=True)


def main(out):
    shutil.rmtree(out, ignore_errors=True)
    series = os.path.join(out, "series")
    os.makedirs(series)
    write_series(series)
    files = sitk.ImageSeriesReader.GetGDCMSeriesFileNames(series)
    image = sitk.ReadImage(files)
    size, direction = image.GetSize(), np.array(image.GetDirection()).reshape(3, 3)
    k, j, i = np.meshgrid(*(np.arange(n) for n in size[::-1]), indexing="ij")
    label = ((7 * i + 5 * j * j + 3 * k * k * k + i * j * k) % 3).astype(np.uint8)  # [k][j][i]

    affine = np.eye(4)
    affine[:3, :3] = direction * np.array(image.GetSpacing())
    affine[:3, 3] = image.GetOrigin()
    affine = np.diag([-1, -1, 1, 1]) @ affine  # NIfTI is RAS
    one = (label == 1).transpose(2, 1, 0)
    nifti = []
    own = nib.orientations.io_orientation(affine)
    for axes, kind in [("RAS", np.uint8), ("LPS", np.int16), ("SAR", np.float32), ("PIL", np.int32),
                       ("ILA", np.uint8), ("ARI", np.float64)]:
        turn = nib.orientations.ornt_transform(own, nib.orientations.axcodes2ornt(axes))
        turned = nib.Nifti1Image(one.astype(kind), affine, dtype=kind).as_reoriented(turn)
        nib.save(turned, os.path.join(out, f"{axes}.nii.gz"))
        nifti.append(f"{axes}.nii.gz")
    mask = sitk.GetImageFromArray((label == 1).astype(np.uint8))
    mask.CopyInformation(image)
    sitk.WriteImage(mask, os.path.join(out, "sitk.nii.gz"))
    nifti.append("sitk.nii.gz")

    sources = [pydicom.dcmread(f) for f in files]
    order = list(range(SLICES))
    random.Random(5).shuffle(order)
    algorithm = hd.AlgorithmIdentificationSequence(name="A program", version="1",
                                                   family=codes.DCM.ArtificialIntelligence)
    by_hand = hd.seg.SegmentDescription(1, "drawn", codes.SCT.MorphologicallyAbnormalStructure, codes.SCT.Neoplasm,
                                        hd.seg.SegmentAlgorithmTypeValues.MANUAL)
    by_program = hd.seg.SegmentDescription(2, "GTV found", codes.SCT.Organ, codes.SCT.Liver,
                                           hd.seg.SegmentAlgorithmTypeValues.AUTOMATIC, algorithm)
    seg = hd.seg.Segmentation([sources[n] for n in order], label[order], hd.seg.SegmentationTypeValues.BINARY,
                              [by_hand, by_program], f"{ROOT}.5", 5, f"{ROOT}.5.1", 1, "nobody", "none", "1", "1",
                              omit_empty_frames=False)
    seg.save_as(os.path.join(out, "seg.dcm"))

    with open(os.path.join(out, "labels.json"), "w", encoding="utf-8") as f:
        json.dump({"size": size, "spacing": image.GetSpacing(), "origin": image.GetOrigin(),
                   "direction": image.GetDirection(), "nifti": nifti, "affine": affine.flatten().tolist()}, f, indent=1)
        f.write("\n")


if __name__ == "__main__":
    main(sys.argv[1])
