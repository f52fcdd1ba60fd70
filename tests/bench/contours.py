# SPDX-FileCopyrightText: The Consilium authors
# SPDX-License-Identifier: Apache-2.0
"""Called by contours.sh: PROGRAM [--json FILE] [--series N]. Both tools read the series with its pixels and the RTSTRUCT, fill the
regions GTV* and write .nii.gz, in turns, files in the page cache, over every series in CONSILIUM_STS (or N of them, evenly).
`ours` and `peer` are medians over the series of the median time of each; `ratio` is the median of the ratios (above 1: we are
faster). `equal`: the masks agree in every voxel of every series. dcmrtstruct2nii 5 asks for pydicom.read_file, which pydicom 3
calls dcmread; it does not write the images (convert_original_dicom=False)."""
import argparse
import fnmatch
import json
import logging
import os
import pathlib
import statistics
import subprocess
import tempfile
import time

import numpy as np
import pydicom
import SimpleITK

pydicom.read_file = pydicom.dcmread
from dcmrtstruct2nii import dcmrtstruct2nii  # noqa: E402, after the alias

REPEATS = 3


def mask(place):
    image = SimpleITK.ReadImage(str(place))
    return SimpleITK.GetArrayFromImage(image) > 0, image


def by_peer(names, structures, folder, out):
    began = time.perf_counter()
    dcmrtstruct2nii(str(structures), str(folder), str(out), structures=names, convert_original_dicom=False)
    return (time.perf_counter() - began) * 1e3


def one_series(process, series, place):
    """Median ms of both, and whether the masks are equal."""
    structures, folder, ours = series / "RTSTRUCT.dcm", series / "image", place / "ours.nii.gz"
    names = [str(roi.ROIName) for roi in pydicom.dcmread(structures).StructureSetROISequence]
    names = [name for name in names if fnmatch.fnmatch(name.lower(), "gtv*")]
    runs = []
    with tempfile.TemporaryDirectory() as theirs:
        for _ in range(REPEATS):
            process.stdin.write(f"{folder} {structures} {ours}\n")
            process.stdin.flush()
            answer = process.stdout.readline().strip()
            if not answer:
                raise SystemExit("bench_contours failed: its message is above")
            runs.append((float(answer), by_peer(names, structures, folder, theirs)))
        mine, image = mask(ours)
        union = np.zeros_like(mine)
        for file in pathlib.Path(theirs).glob("mask_*.nii.gz"):
            union |= mask(file)[0]
    return (*(statistics.median(column) for column in zip(*runs)), bool(np.array_equal(mine, union)))


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("program")
    parser.add_argument("--json")
    parser.add_argument("--series", type=int, default=0)
    options = parser.parse_args()
    logging.disable(logging.CRITICAL)
    root = pathlib.Path(os.environ["CONSILIUM_STS"])
    found = sorted(file.parent for file in root.glob("*/*/*/RTSTRUCT.dcm"))
    if options.series:
        found = [found[at * len(found) // options.series] for at in range(options.series)]
    process = subprocess.Popen([options.program], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    results = []
    with tempfile.TemporaryDirectory(prefix="consilium-bench-") as folder:
        for series in found:
            results.append(one_series(process, series, pathlib.Path(folder)))
            if not results[-1][2]:
                print(f"{series.relative_to(root)}: the masks differ")
    mine, theirs = (statistics.median(column) for column in list(zip(*results))[:2])
    row = {"what": f"RTSTRUCT to .nii.gz, {len(results)} real series, dcmrtstruct2nii", "unit": "ms", "ours": round(mine, 2),
           "peer": round(theirs, 2), "peer_name": "dcmrtstruct2nii 5", "ratio": round(statistics.median(b / a for a, b, _ in results), 2),
           "equal": all(same for *_, same in results)}
    print(f"{row['what']} ours {row['ours']} ms  peer {row['peer']}  ratio {row['ratio']}, lowest "
          f"{min(b / a for a, b, _ in results):.1f}; equal masks: {sum(same for *_, same in results)} of {len(results)}")
    if options.json:
        pathlib.Path(options.json).write_text(json.dumps({"name": "contours", "rows": [row]}, indent=1) + "\n")
    return 0 if row["equal"] else 1


raise SystemExit(main())
