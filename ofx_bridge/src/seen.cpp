#include "seen.h"

#include <cmath>

namespace mfs {
namespace {

OfxRectD rectangleOf(const double (&sides)[kSides]) {
  return {sides[Left], sides[Top], 1 - sides[Right], 1 - sides[Bottom]};
}

// From pixels of the plate, origin top left, to the canonical plane.
class Plane {
 public:
  explicit Plane(const ClipImage& plate) : bounds_(plate.image().bounds), size_(pixelSize(plate)) {}
  OfxPointD at(double x, double y) const { return {(bounds_.x1 + x) * size_.x, (bounds_.y2 - y) * size_.y}; }

 private:
  const OfxRectI& bounds_;
  OfxPointD size_;
};

Seen seenOn(const Plane& plane, const wire::Face& face) {
  const OfxPointD low = plane.at(face.x1, face.y2), high = plane.at(face.x2, face.y1);
  OfxPointD corners[3];
  for (int i = 0; i < 3; ++i) corners[i] = plane.at(face.cropX[i], face.cropY[i]);
  const auto from = [&](const OfxPointD& end) { return OfxPointD{end.x - corners[0].x, end.y - corners[0].y}; };
  return {{low.x, low.y, high.x, high.y},
          face.confidence,
          (face.flags & wire::Swapped) != 0,
          static_cast<int>(face.person),
          corners[0],
          from(corners[1]),
          from(corners[2]),
          face.width,
          {}};
}

}  // namespace

OfxPointD Seen::at(const OfxPointD& place) const {
  return {corner.x + place.x * across.x + place.y * down.x, corner.y + place.x * across.y + place.y * down.y};
}

OfxPointD Seen::inCrop(const OfxPointD& point) const {
  const double area = across.x * down.y - across.y * down.x;
  const double x = point.x - corner.x, y = point.y - corner.y;
  if (area == 0) return {0, 0};
  return {(x * down.y - y * down.x) / area, (y * across.x - x * across.y) / area};
}

std::vector<OfxPointD> Seen::cropped(const double (&sides)[kSides]) const {
  const OfxRectD kept = rectangleOf(sides);
  const OfxPointD a = at({kept.x1, kept.y1}), b = at({kept.x2, kept.y1}), c = at({kept.x2, kept.y2}),
                  d = at({kept.x1, kept.y2});
  return {a, b, b, c, c, d, d, a};
}

OfxPointD Seen::middle(const double (&sides)[kSides], Side side) const {
  const OfxRectD kept = rectangleOf(sides);
  const double x = (kept.x1 + kept.x2) / 2, y = (kept.y1 + kept.y2) / 2;
  switch (side) {
    case Left: return at({kept.x1, y});
    case Right: return at({kept.x2, y});
    case Top: return at({x, kept.y1});
    case Bottom: break;
  }
  return at({x, kept.y2});
}

std::vector<Seen> seenIn(const Answer& answer, const ClipImage& plate) {
  const Plane plane(plate);
  std::vector<Seen> all;
  auto line = answer.lines.begin();
  for (const wire::Face& face : answer.faces) {
    Seen seen = seenOn(plane, face);
    for (uint32_t count = 0; count < face.lines; ++count, ++line) {
      seen.outline.push_back(plane.at(line->x1, line->y1));
      seen.outline.push_back(plane.at(line->x2, line->y2));
    }
    all.push_back(std::move(seen));
  }
  return all;
}

}  // namespace mfs
