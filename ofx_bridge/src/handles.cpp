#include "handles.h"

#include <algorithm>
#include <cmath>

namespace mfs {
namespace {

using settings::Position;

constexpr double kReach = 10, kReachOfLine = 5;
constexpr Position kCrops[kSides] = {Position::matte_left, Position::matte_right, Position::matte_top,
                                     Position::matte_bottom};

// Percent of the face's width, which the settings of the matte count in.
double perCent(const Seen& face, double share) { return face.width > 0 ? 100 * share / face.width : 0; }

void setInRange(const Parameters& parameters, Position position, double value) {
  const settings::Row& setting = row(position);
  parameters.set(setting.name, std::clamp(value, setting.minimum, setting.maximum));
}

std::optional<Grip> sideAt(const Pointer& pointer, const Seen& face, const Crops& crops) {
  for (int side = 0; side < kSides; ++side)
    if (pointer.to(face.middle(crops.share, static_cast<Side>(side))) <= kReach)
      return Grip{Grip::Kind::Side, static_cast<Side>(side), face};
  return std::nullopt;
}

bool isOnOutline(const Pointer& pointer, const Seen& face) {
  for (size_t end = 1; end < face.outline.size(); end += 2)
    if (pointer.to(face.outline[end - 1], face.outline[end]) <= kReachOfLine) return true;
  return false;
}

double cropAt(Side side, const OfxPointD& place) {
  switch (side) {
    case Left: return place.x;
    case Right: return 1 - place.x;
    case Top: return place.y;
    case Bottom: break;
  }
  return 1 - place.y;
}

// How far the pen went away from the crop's middle, as a share of the crop.
double outwards(const OfxPointD& from, const OfxPointD& to) {
  const double x = from.x - 0.5, y = from.y - 0.5, length = std::max(1e-6, std::hypot(x, y));
  return ((to.x - from.x) * x + (to.y - from.y) * y) / length;
}

}  // namespace

const char* Grip::label() const {
  switch (kind) {
    case Kind::Point: return "Move Point";
    case Kind::Side: return "Crop Matte";
    case Kind::Outline: break;
  }
  return "Expand Matte";
}

double Pointer::to(const OfxPointD& place) const {
  return std::hypot((pen.x - place.x) / pixel.x, (pen.y - place.y) / pixel.y);
}

double Pointer::to(const OfxPointD& from, const OfxPointD& end) const {
  const double x = (end.x - from.x) / pixel.x, y = (end.y - from.y) / pixel.y, squared = x * x + y * y;
  const double along = ((pen.x - from.x) / pixel.x * x + (pen.y - from.y) / pixel.y * y) / std::max(1e-9, squared);
  const double share = std::clamp(along, 0.0, 1.0);
  return to({from.x + share * (end.x - from.x), from.y + share * (end.y - from.y)});
}

Crops cropsOf(const Seen& face, const Parameters& parameters, double time) {
  Crops crops{};
  for (int side = 0; side < kSides; ++side)
    crops.share[side] = settingValue(parameters, kCrops[side], time) / 100 * face.width;
  return crops;
}

std::optional<Grip> gripAt(const Pointer& pointer, const std::vector<Seen>& faces, const Parameters& parameters,
                           double time) {
  for (const Seen& face : faces) {
    if (!face.swapped) continue;
    if (auto grip = sideAt(pointer, face, cropsOf(face, parameters, time))) return grip;
    if (isOnOutline(pointer, face))
      return Grip{Grip::Kind::Outline, Left, face, face.inCrop(pointer.pen),
                  settingValue(parameters, Position::matte_expand, time)};
  }
  return std::nullopt;
}

void drag(const Grip& grip, const Pointer& pointer, const Parameters& parameters) {
  const OfxPointD place = grip.face.inCrop(pointer.pen);
  if (grip.kind == Grip::Kind::Side)
    setInRange(parameters, kCrops[grip.side], perCent(grip.face, cropAt(grip.side, place)));
  else if (grip.kind == Grip::Kind::Outline)
    setInRange(parameters, Position::matte_expand, grip.before + perCent(grip.face, outwards(grip.origin, place)));
}

}  // namespace mfs
