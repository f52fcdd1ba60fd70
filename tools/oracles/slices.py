# SPDX-FileCopyrightText: The Consilium authors
# SPDX-License-Identifier: Apache-2.0
"""Oracle for gui/render: slices through an oblique PET-like volume by scipy, an independent trilinear interpolation.

Made with: python 3.11, numpy 1.26.4, scipy 1.11.4.   Run: python tools/oracles/slices.py tests/gui/oracles/slices.json
The volume is given by a formula, so that the file stays small: stored(i, j, k) = (7 i + 13 j + 29 k + i j k) mod 1000.
"""
import json
import sys

import numpy as np
from scipy.ndimage import map_coordinates

SIZE = (11, 9, 7)


def volume():
    i, j, k = np.meshgrid(*(np.arange(n) for n in SIZE), indexing="ij")
    return ((7 * i + 13 * j + 29 * k + i * j * k) % 1000).astype(np.float64)


def rotation(a, b, c):
    ca, sa, cb, sb, cc, sc = np.cos(a), np.sin(a), np.cos(b), np.sin(b), np.cos(c), np.sin(c)
    return (np.array([[ca, -sa, 0], [sa, ca, 0], [0, 0, 1]]) @ np.array([[cb, 0, sb], [0, 1, 0], [-sb, 0, cb]])
            @ np.array([[1, 0, 0], [0, cc, -sc], [0, sc, cc]]))


def case(direction, spacing, origin, plane_origin, across, down, width, height):
    slope = 0.5 + 0.1 * np.arange(SIZE[2])
    intercept = -3.0 + np.arange(SIZE[2])
    values = volume() * slope[None, None, :] + intercept[None, None, :]
    y, x = np.meshgrid(np.arange(height), np.arange(width), indexing="ij")
    points = (np.array(plane_origin)[:, None, None] + np.array(across)[:, None, None] * x
              + np.array(down)[:, None, None] * y).reshape(3, -1)
    index = np.linalg.inv(direction @ np.diag(spacing)) @ (points - np.array(origin)[:, None])
    picture = map_coordinates(values, index, order=1, mode="nearest")
    limit = np.array(SIZE)[:, None] - 0.5
    picture[np.any((index < -0.5) | (index > limit), axis=0)] = -1e30
    return {"direction": direction.T.ravel().tolist(), "spacing": list(spacing), "origin": list(origin),
            "slope": slope.tolist(), "intercept": intercept.tolist(), "plane_origin": list(plane_origin),
            "across": list(across), "down": list(down), "width": width, "height": height,
            "values": [round(v, 4) for v in picture.tolist()]}


CASES = {
    "oblique": case(rotation(0.4, -0.3, 0.2), (2.0, 2.5, 3.0), (-10.0, 4.0, 7.0), (-8.0, 2.0, 15.0), (0.9, 0.0, 0.0),
                    (0.0, 0.9, 0.0), 24, 20),
    "aligned between slices": case(np.eye(3), (2.0, 2.5, 3.0), (-10.0, 4.0, 7.0), (-12.0, 2.0, 14.2), (0.7, 0.0, 0.0),
                                   (0.0, 0.7, 0.0), 32, 34),
    "sagittal, k across": case(np.eye(3), (2.0, 2.5, 3.0), (-10.0, 4.0, 7.0), (-3.3, 3.0, 6.0), (0.0, 0.0, 0.8),
                               (0.0, 0.8, 0.0), 26, 28),
    "coronal, head first": case(np.diag([1.0, 1.0, -1.0]), (2.0, 2.5, 3.0), (-10.0, 4.0, 27.0), (-11.0, 9.1, 28.0),
                                (0.8, 0.0, 0.0), (0.0, 0.0, -0.8), 30, 30),
}

if __name__ == "__main__":
    with open(sys.argv[1], "w") as out:
        json.dump(CASES, out, separators=(",", ":"))
        out.write("\n")
