// SPDX-FileCopyrightText: The Consilium authors
// SPDX-License-Identifier: Apache-2.0
#include "imaging/phantom/anatomy.h"

#include <algorithm>
#include <cmath>
#include <numbers>
#include <optional>

#include "core/base/digest.h"
#include "core/base/random.h"

namespace consilium {
namespace {

Shape Ellipsoid(Vec3 centre_mm, Vec3 semi_axes_mm) { return {ShapeKind::kEllipsoid, centre_mm, semi_axes_mm, 0, 0, 0}; }
Shape Column(Vec3 centre_mm, Vec3 semi_axes_mm) { return {ShapeKind::kColumn, centre_mm, semi_axes_mm, 0, 0, 0}; }

double In(Random& random, Range range) { return random.Uniform(range.low, range.high); }

// Builds one body. Members are named after what they grow; the order of the calls is the order of painting.
class BodyBuilder {
 public:
  BodyBuilder(const PhantomStyle& style, Random random) : style_(style), random_(random) {}

  PhantomBody Build() {
    size_ = random_.Uniform(0.95, 1.05);
    TrunkAndHead();
    Thighs();
    Chest();
    Abdomen();
    Pelvis();
    Tumours();
    Nodules();
    std::move(tumour_tissues_.begin(), tumour_tissues_.end(), std::back_inserter(body_.tissues));
    return std::move(body_);
  }

 private:
  // An organ near its usual place: moved by up to 4 mm and up to 10 % larger or smaller along each axis.
  Shape Varied(Shape shape) {
    shape.centre_mm =
        size_ * shape.centre_mm + Vec3{random_.Uniform(-4, 4), random_.Uniform(-4, 4), random_.Uniform(-4, 4)};
    shape.semi_axes_mm = {size_ * shape.semi_axes_mm.x * random_.Uniform(0.9, 1.1),
                          size_ * shape.semi_axes_mm.y * random_.Uniform(0.9, 1.1),
                          size_ * shape.semi_axes_mm.z * random_.Uniform(0.9, 1.1)};
    return shape;
  }

  void Add(const Shape& shape, double suv, double hu) { body_.tissues.push_back({shape, suv, hu}); }
  void AddHot(const Shape& shape, double suv, double hu) {
    Add(shape, suv, hu);
    kept_clear_.push_back(shape);
  }
  Shape Fixed(Shape shape) const {
    shape.centre_mm = size_ * shape.centre_mm;
    shape.semi_axes_mm = size_ * shape.semi_axes_mm;
    return shape;
  }

  void TrunkAndHead() {
    const Shape trunk = Fixed(Column({0, 0, 5}, {86, 60, 75}));
    const Shape head = Fixed(Ellipsoid({0, 0, 104}, {44, 50, 40}));
    Add(trunk, 0.3, -90);
    Add(Fixed(Column({0, 5, 75}, {26, 26, 20})), 0.8, 50);
    Add(Fixed(Column({0, 0, 5}, {78, 52, 73})), 0.8, 50);
    Add(head, 0.5, 40);
    Add(Scaled(head, 0.93), 0.6, 700);
    AddHot(Scaled(head, 0.82), random_.Uniform(6, 10), 35);
    Add(Fixed(Column({0, 38, 10}, {11, 11, 78})), 1.1, 350);
  }

  void Thighs() {
    for (const double side : {-1.0, 1.0}) {
      Add(Fixed(Column({side * 44, 0, -105}, {38, 40, 40})), 0.3, -90);
      Add(Fixed(Column({side * 44, 0, -105}, {34, 36, 40})), 0.8, 50);
      Add(Fixed(Column({side * 44, 4, -105}, {7, 7, 40})), 0.9, 600);
      // Muscle that worked before the scan: warm, and no denser than its surroundings.
      const Vec3 at{side * random_.Uniform(32, 56), random_.Uniform(-24, -14), -108};
      Add(Varied(Ellipsoid(at, {9, 7, 30})), random_.Uniform(1.8, 3.2), 55);
    }
  }

  void Chest() {
    for (const double side : {-1.0, 1.0}) {
      const Shape lung = Varied(Ellipsoid({side * 42, 0, 42}, {30, 42, 34}));
      Add(lung, 0.4, -800);
      regions_[0].push_back(lung);
    }
    const double suv = random_.Uniform(3, 9);
    const Shape heart = Varied(Ellipsoid({12, -16, 32}, {22, 20, 20}));
    AddHot(heart, suv, 140);
    Add(Scaled(heart, 0.5), suv * 0.5, 160);
  }

  void Abdomen() {
    Add(Varied(Ellipsoid({-36, -6, -12}, {38, 38, 22})), random_.Uniform(1.8, 2.6), 100);
    Add(Varied(Ellipsoid({52, 14, -8}, {16, 18, 16})), random_.Uniform(1.5, 2.2), 110);
    for (const double side : {-1.0, 1.0}) {
      AddHot(Varied(Ellipsoid({side * 44, 26, -26}, {13, 12, 20})), random_.Uniform(4, 9), 190);
    }
    for (int loop = 0; loop < 3; ++loop) {
      const Vec3 at{random_.Uniform(-30, 50), random_.Uniform(-34, -10), random_.Uniform(-48, -24)};
      Add(Varied(Ellipsoid(at, {12, 9, 9})), random_.Uniform(1.2, 2.8), 15);
    }
    regions_[1].push_back(Fixed(Ellipsoid({8, -12, -32}, {64, 36, 34})));
  }

  void Pelvis() {
    for (const double side : {-1.0, 1.0}) Add(Varied(Ellipsoid({side * 54, 12, -58}, {14, 16, 14})), 1.0, 400);
    AddHot(Varied(Ellipsoid({0, -14, -56}, {20, 18, 15})), random_.Uniform(8, 18), 5);
  }

  // A point in the region, uniform by volume. The thigh's region avoids the top, where the trunk begins.
  Vec3 PointIn(BodyRegion region) {
    Shape shape;
    if (region == BodyRegion::kThigh) {
      shape = Fixed(Column({random_.Uniform() < 0.5 ? -44.0 : 44.0, 2, -108}, {24, 26, 24}));
    } else if (region == BodyRegion::kChest) {
      shape = Scaled(regions_[0][random_.Uniform() < 0.5 ? 0 : 1], 0.85);
    } else {
      shape = regions_[1][0];
    }
    for (;;) {
      const Vec3 unit{random_.Uniform(-1, 1), random_.Uniform(-1, 1), random_.Uniform(-1, 1)};
      const Vec3 point = shape.centre_mm + Vec3{unit.x * shape.semi_axes_mm.x, unit.y * shape.semi_axes_mm.y,
                                                unit.z * shape.semi_axes_mm.z};
      if (shape.Contains(point)) return point;
    }
  }

  // A lobed ellipsoid of about `radius_mm` in the region, clear of hot organs and of what was placed before.
  std::optional<Shape> Place(BodyRegion region, double radius_mm, double lobe_height) {
    for (int attempt = 0; attempt < 200; ++attempt) {
      const Vec3 axes{radius_mm * random_.Uniform(0.85, 1.15), radius_mm * random_.Uniform(0.85, 1.15),
                      radius_mm * random_.Uniform(0.9, 1.3)};
      Shape shape = Ellipsoid(PointIn(region), axes);
      shape.lobes = static_cast<int>(random_.Integer(2, 4));
      shape.lobe_height = lobe_height;
      shape.lobe_phase = random_.Uniform(0, 2 * std::numbers::pi);
      if (Clear(shape)) return shape;
    }
    return std::nullopt;
  }

  // Centres further apart than the semi-axes together, with 4 mm to spare.
  bool Clear(const Shape& shape) const {
    const Vec3 half = shape.HalfExtentMm();
    if (std::abs(shape.centre_mm.z) + half.z > kPhantomHalfFieldMm.z - 6) return false;
    return std::none_of(kept_clear_.begin(), kept_clear_.end(), [&](const Shape& other) {
      const Vec3 other_half = other.HalfExtentMm();
      const Vec3 gap = shape.centre_mm - other.centre_mm;
      const double x = std::abs(gap.x) / (half.x + other_half.x + 4);
      const double y = std::abs(gap.y) / (half.y + other_half.y + 4);
      const double z = std::abs(gap.z) / (half.z + other_half.z + 4);
      return x * x + y * y + z * z < 1;
    });
  }

  void Tumours() {
    const double draw = random_.Uniform();
    const int count = draw < 0.04 ? 0 : draw < 0.5 ? 1 : draw < 0.8 ? 2 : 3;
    for (int i = 0; i < count; ++i) {
      const auto shape = Place(style_.tumour_region, In(random_, style_.tumour_radius_mm), random_.Uniform(0, 0.2));
      if (!shape) continue;
      const double suv = In(random_, style_.tumour_suv);
      const double hu = In(random_, style_.tumour_hu);
      kept_clear_.push_back(*shape);
      body_.tumours.push_back(*shape);
      tumour_tissues_.push_back({*shape, suv, hu});
      if (style_.core_fraction > 0) {
        tumour_tissues_.push_back({Scaled(*shape, style_.core_fraction), suv * 0.25, hu - 20});
      }
    }
  }

  void Nodules() {
    for (const BodyRegion region : style_.nodule_regions) {
      const std::int64_t count = random_.Integer(0, 2);
      for (std::int64_t i = 0; i < count; ++i) {
        const auto shape = Place(region, random_.Uniform(8, 13), 0.05);
        if (shape) AddHot(*shape, random_.Uniform(4, 10), random_.Uniform(200, 320));
      }
    }
  }

  const PhantomStyle& style_;
  Random random_;
  double size_ = 1;
  PhantomBody body_;
  std::vector<Tissue> tumour_tissues_;
  std::vector<Shape> kept_clear_;
  std::vector<Shape> regions_[2];  // lungs; abdomen
};

}  // namespace

PhantomBody MakePhantomBody(const PhantomStyle& style, std::uint64_t seed, std::int64_t number) {
  std::uint64_t stream = 0;
  for (const std::uint8_t byte : DigestOf(std::string_view(style.name)).bytes) stream = stream * 31 + byte;
  return BodyBuilder(style, Random(DeriveSeed(seed, stream), static_cast<std::uint64_t>(number))).Build();
}

}  // namespace consilium
