# SPDX-FileCopyrightText: The Consilium authors
# SPDX-License-Identifier: Apache-2.0
"""Called by load.sh: PROGRAM [--json FILE]. Each tool loads the same series in turns, files in the page cache, and ends with its
own volume in memory: ours int16 with a slope and intercept for each slice; pydicom's stored numbers in one int16 (uint16) numpy
array, sorted by position; SimpleITK's an image of what GDCM's rescale makes (int16 for CT, float64 for PET). `ratio` is
peer / ours (above 1: we are faster). `equal`: the stored numbers are pydicom's, all of them; SimpleITK's values are slope * stored +
intercept by at most 1e-6 of their size. Settings of the peers: "pydicom" is what its documentation shows, numpy.stack of
each file's pixel_array; "pydicom tuned" takes uncompressed pixels by numpy.frombuffer straight into the volume; SimpleITK without metadata and private tags, as many threads as it likes.
Real patients are read where CONSILIUM_STS is set."""
import argparse
import json
import os
import pathlib
import shutil
import statistics
import subprocess
import tempfile
import time

import numpy as np
import pydicom
import SimpleITK
from pydicom.dataset import FileDataset, FileMetaDataset

REPEATS, EDGE, MOST_REAL = 7, 512, 10


class Ours:
    def __init__(self, program):
        self.process = subprocess.Popen([program], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def ask(self, line):
        self.process.stdin.write(line + "\n")
        self.process.stdin.flush()
        answer = self.process.stdout.readline().split()
        if len(answer) != 2:
            raise SystemExit("bench_load failed: its message is above")
        return float(answer[0]), float(answer[1])

    def stored(self, folder, place):
        self.ask(f"dump {folder} {place}")
        return np.fromfile(place, np.int16)


def along_normal(data):
    rows, columns = np.array(data.ImageOrientationPatient[:3]), np.array(data.ImageOrientationPatient[3:])
    return float(np.dot(np.cross(rows, columns), np.array(data.ImagePositionPatient)))


def read_by_pydicom(folder):
    read = [pydicom.dcmread(file) for file in sorted(pathlib.Path(folder).iterdir())]
    read.sort(key=along_normal)
    return read


def by_pydicom(folder):
    return np.stack([data.pixel_array for data in read_by_pydicom(folder)])


def by_tuned_pydicom(folder):
    """Returns the volume and the sorted headers."""
    read = read_by_pydicom(folder)
    first = read[0]
    kind = np.int16 if first.PixelRepresentation else np.uint16
    volume = np.empty((len(read), first.Rows, first.Columns), kind)
    for k, data in enumerate(read):
        if data["PixelData"].is_undefined_length:
            volume[k] = data.pixel_array
        else:
            volume[k] = np.frombuffer(data.PixelData, kind, volume[k].size).reshape(volume[k].shape)
    return volume, read


def by_simpleitk(folder):
    reader = SimpleITK.ImageSeriesReader()
    reader.SetFileNames(SimpleITK.ImageSeriesReader.GetGDCMSeriesFileNames(str(folder)))
    reader.MetaDataDictionaryArrayUpdateOff()
    reader.LoadPrivateTagsOff()
    return reader.Execute()


def timed(function, *arguments):
    began = time.perf_counter()
    result = function(*arguments)
    return (time.perf_counter() - began) * 1e3, result


def equal(ours, folder, scratch):
    """Whether our stored numbers are pydicom's, and SimpleITK's values are what they mean."""
    volume, read = by_tuned_pydicom(folder)
    mine = ours.stored(folder, scratch)
    shift = 32768 if read[0].PixelRepresentation == 0 and read[0].BitsStored == 16 else 0
    image = by_simpleitk(folder)
    theirs = SimpleITK.GetArrayViewFromImage(image)
    if mine.size != volume.size or theirs.shape != volume.shape:
        return False, False
    mine = mine.reshape(volume.shape)
    same = fits = True
    for k, data in enumerate(read):
        stored = volume[k].astype(np.int32)
        same = same and bool(np.array_equal(mine[k].astype(np.int32) + shift, stored))
        values = float(data.get("RescaleSlope", 1)) * stored + float(data.get("RescaleIntercept", 0))
        fits = fits and bool(np.allclose(theirs[k], values, rtol=1e-6, atol=1e-6 * float(np.abs(values).max())))
    return same, same and fits


def compare(ours, title, folders, scratch):
    """Rows for the peers: sums over the folders of the median time of each."""
    times, fine = np.zeros((4, len(folders))), [True, True]
    kind = ""
    for at, folder in enumerate(folders):
        runs = []
        for _ in range(REPEATS):
            mine, _ = ours.ask(f"load {folder}")
            slow, _ = timed(by_pydicom, folder)
            tuned, _ = timed(by_tuned_pydicom, folder)
            itk, image = timed(by_simpleitk, folder)
            kind = image.GetPixelIDTypeAsString().replace(" integer", "")
            runs.append((mine, slow, tuned, itk))
        times[:, at] = [statistics.median(column) for column in zip(*runs)]
        fine = [old and new for old, new in zip(fine, equal(ours, folder, scratch))]
    mine, slow, tuned, itk = times.sum(axis=1)
    row = lambda peer, name, good: {
        "what": f"load, {title}, int16, {name}", "unit": "ms", "ours": round(mine, 2), "peer": round(peer, 2),
        "peer_name": name, "ratio": round(peer / mine, 2), "equal": good}
    return [row(slow, f"pydicom {pydicom.__version__}, int16 array", fine[0]),
            row(tuned, f"pydicom {pydicom.__version__} tuned, int16 array", fine[0]),
            row(itk, f"SimpleITK {SimpleITK.__version__}, {kind} image", fine[1])]


def first_slice(ours, title, folder):
    file = sorted(pathlib.Path(folder).iterdir())[0]
    runs = [(ours.ask(f"load {folder}")[1], timed(lambda: pydicom.dcmread(file).pixel_array)[0]) for _ in range(REPEATS)]
    mine, peer = (statistics.median(column) for column in zip(*runs))
    return {"what": f"first slice, {title}, int16, pydicom of one file", "unit": "ms", "ours": round(mine, 3),
            "peer": round(peer, 3), "peer_name": f"pydicom {pydicom.__version__}", "ratio": round(peer / mine, 2), "equal": True}


def write_ct(folder, slices, shuffled):
    """A round body of noise with a bright core, int16, Explicit VR Little Endian."""
    folder.mkdir()
    random = np.random.default_rng(11)
    y, x = np.mgrid[:EDGE, :EDGE] - EDGE / 2
    body = np.where(x * x + 1.5 * y * y < 200**2, 1040, 24) + np.where(x * x + y * y < 50**2, 600, 0)
    noise = random.normal(0, 20, (EDGE + slices, EDGE))
    names = random.permutation(slices) if shuffled else np.arange(slices)
    for k in range(slices):
        meta = FileMetaDataset()
        meta.MediaStorageSOPClassUID = pydicom.uid.CTImageStorage
        meta.MediaStorageSOPInstanceUID = f"1.2.826.0.1.3680043.8.498.1.{k + 1}"
        meta.TransferSyntaxUID = pydicom.uid.ExplicitVRLittleEndian
        data = FileDataset("", {}, file_meta=meta, preamble=b"\0" * 128)
        data.SOPClassUID, data.SOPInstanceUID = meta.MediaStorageSOPClassUID, meta.MediaStorageSOPInstanceUID
        data.Modality, data.PatientID, data.PatientName = "CT", "bench", "bench"
        data.StudyInstanceUID, data.SeriesInstanceUID = "1.2.826.0.1.3680043.8.498.2", "1.2.826.0.1.3680043.8.498.3"
        data.FrameOfReferenceUID, data.InstanceNumber = "1.2.826.0.1.3680043.8.498.4", k + 1
        data.ImageOrientationPatient, data.ImagePositionPatient = [1, 0, 0, 0, 1, 0], [-250, -250, k - 300]
        data.PixelSpacing, data.SliceThickness = [0.97, 0.97], 1
        data.Rows = data.Columns = EDGE
        data.SamplesPerPixel, data.PhotometricInterpretation = 1, "MONOCHROME2"
        data.BitsAllocated, data.BitsStored, data.HighBit, data.PixelRepresentation = 16, 16, 15, 1
        data.RescaleSlope, data.RescaleIntercept, data.RescaleType = 1, -1024, "HU"
        data.PixelData = (body + noise[k:k + EDGE]).astype(np.int16).tobytes()
        data.save_as(folder / f"{names[k]:04}.dcm", enforce_file_format=True)


def write_compressed(folder, plain, tool, slices):
    folder.mkdir()
    for file in sorted(plain.iterdir())[:slices]:
        subprocess.run([*tool.split(), str(file), str(folder / file.name)], check=True, capture_output=True)


def real_series(root, modality):
    folders = []
    for folder in sorted(pathlib.Path(root).glob(f"*/*/{modality}/image")):
        count = len(list(folder.iterdir()))
        if 50 <= count <= 80:
            folders.append(folder)
    step = max(1, len(folders) // MOST_REAL)
    return folders[::step][:MOST_REAL]


def synthetic(ours, place, scratch):
    rows, times = [], {}
    for slices in (150, 300, 600):
        write_ct(place / "ct", slices, shuffled=False)
        title = f"CT {slices} x {EDGE} x {EDGE}"
        rows += compare(ours, title, [place / "ct"], scratch)
        times[slices] = rows[-1]["ours"], rows[-1]["peer"]
        if slices == 600:
            rows.append(first_slice(ours, title, place / "ct"))
            for name, tool in (("JPEG-LS", "dcmcjpls"), ("JPEG 2000 lossless", "gdcmconv --j2k")):
                write_compressed(place / "coded", place / "ct", tool, 60)
                rows += compare(ours, f"{name}, CT 60 x {EDGE} x {EDGE}", [place / "coded"], scratch)
                shutil.rmtree(place / "coded")
        shutil.rmtree(place / "ct")
    mine, peer = (times[600][at] / times[150][at] / 4 for at in (0, 1))
    rows.append({"what": "growth, CT 150 to 600 slices: time by slices, SimpleITK", "unit": "1 is linear", "ours": round(mine, 2),
                 "peer": round(peer, 2), "peer_name": f"SimpleITK {SimpleITK.__version__}",
                 "ratio": round(peer / mine, 2), "equal": True})
    write_ct(place / "ct", 600, shuffled=True)
    return rows + compare(ours, f"shuffled names, CT 600 x {EDGE} x {EDGE}", [place / "ct"], scratch)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("program")
    parser.add_argument("--json")
    options = parser.parse_args()
    ours = Ours(options.program)
    with tempfile.TemporaryDirectory(prefix="consilium-bench-") as folder:
        place = pathlib.Path(folder)
        rows = synthetic(ours, place, place / "voxels")
        root = os.environ.get("CONSILIUM_STS")
        for modality in ("PET", "CT") if root else ():
            folders = real_series(root, modality)
            rows += compare(ours, f"{len(folders)} real {modality} series of 50 to 80 slices", folders, place / "voxels")
    for row in rows:
        print(f"{row['what']:95} ours {row['ours']:>9} {'ms' if row['unit'] == 'ms' else '  '}  peer {row['peer']:>9}  ratio {row['ratio']:.2f}{'' if row['equal'] else '  NOT EQUAL'}")
    if options.json:
        pathlib.Path(options.json).write_text(json.dumps({"name": "load", "rows": rows}, indent=1) + "\n")
    return 0 if all(row["equal"] for row in rows) else 1


raise SystemExit(main())
