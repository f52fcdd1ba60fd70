// SPDX-FileCopyrightText: The Consilium authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <vector>

#include "imaging/phantom/shape.h"
#include "imaging/phantom/style.h"

namespace consilium {

// One kind of tissue: where it is, how much tracer it takes up and how dense it is.
struct Tissue {
  Shape shape;
  double suv = 0;
  double hu = 0;
};

// A synthetic patient before any scanner has seen it: exact, without voxels. The body has the size of an infant's,
// head to thigh in 0.3 m, so that files stay small. Organs: brain, lungs, heart, liver, kidneys, bladder, bowel,
// muscle and bone. Hot distractors (brain, heart, kidneys, bladder, benign calcified nodules) are as hot as tumours;
// only CT and place tell them apart.
struct PhantomBody {
  std::vector<Tissue> tissues;  // where two overlap, the later one counts; tumours are the last
  std::vector<Shape> tumours;   // zero to three, apart from each other and from the hot organs; the reference
};

// Half the field of view round the origin, mm: the body lies inside.
inline constexpr Vec3 kPhantomHalfFieldMm{112, 84, 150};

// The same style, seed and number always give the same patient.
PhantomBody MakePhantomBody(const PhantomStyle& style, std::uint64_t seed, std::int64_t number);

}  // namespace consilium
