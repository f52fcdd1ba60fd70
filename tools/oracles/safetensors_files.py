#!/usr/bin/env python3
# SPDX-FileCopyrightText: The Consilium authors
# SPDX-License-Identifier: Apache-2.0
"""The safetensors package as the judge of our reader and writer.

Needs (in a virtual environment of its own): safetensors==0.6.2 numpy==2.2.6
Run: python tools/oracles/safetensors_files.py tests/core/oracles
Writes python.safetensors, python_f16.safetensors and python.json (what is in the first), and reads
ours.safetensors (bytes of SerializeParameters for the arrays in safetensors_test.cc) into ours.json.
"""
import json
import pathlib
import sys

import numpy
from safetensors import safe_open
from safetensors.numpy import save_file


def describe(path):
    with safe_open(path, framework="np") as file:
        arrays = {name: file.get_tensor(name) for name in file.keys()}
        return {"metadata": file.metadata(),
                "arrays": {name: {"dtype": str(a.dtype), "shape": list(a.shape), "values": [float(v) for v in a.flatten()]}
                           for name, a in arrays.items()}}


def main(folder):
    random = numpy.random.default_rng(7)
    arrays = {"z.weight": random.normal(size=(2, 3, 4)).astype(numpy.float32), "a.bias": numpy.float32([1e-45, -0.0, 3.4e38]),
              "empty": numpy.zeros((0, 5), numpy.float32), "scalar": numpy.float32(2.5).reshape(()),
              "naïve \"name\"": numpy.float32([[7]])}
    save_file(arrays, folder / "python.safetensors", metadata={"made by": "safetensors", "grüße": "\"a\\b\""})
    save_file({"half": numpy.float16([1, 2])}, folder / "python_f16.safetensors")
    (folder / "python.json").write_text(json.dumps(describe(folder / "python.safetensors"), ensure_ascii=False) + "\n", "utf-8")
    ours = folder / "ours.safetensors"
    if ours.exists():
        (folder / "ours.json").write_text(json.dumps(describe(ours), ensure_ascii=False) + "\n", "utf-8")


if __name__ == "__main__":
    main(pathlib.Path(sys.argv[1]))
