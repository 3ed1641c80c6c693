// What the pen can take hold of in the viewer, and what dragging it changes.
#pragma once

#include <optional>

#include "seen.h"

namespace mfs {

// A handle in the user's hand. face: as it was when it was taken; origin: there, in its crop.
struct Grip {
  enum class Kind { Point, Side, Outline } kind;
  Side side = Left;
  Seen face{};
  OfxPointD origin{};
  double before = 0;

  // What dragging it is called in the host's undo.
  const char* label() const;
};

// The size of a pixel of the screen on the plane, and the pen.
struct Pointer {
  OfxPointD pixel, pen;

  // Distance to a place and to a line, in pixels of the screen.
  double to(const OfxPointD& place) const;
  double to(const OfxPointD& from, const OfxPointD& end) const;
};

// The crops of the four sides as shares of the face's crop.
struct Crops {
  double share[kSides];
};
Crops cropsOf(const Seen& face, const Parameters& parameters, double time);

// The handle of the matte under the pen.
std::optional<Grip> gripAt(const Pointer& pointer, const std::vector<Seen>& faces, const Parameters& parameters,
                           double time);
// Drags it to the pen: Crop Left and its like, or Expand.
void drag(const Grip& grip, const Pointer& pointer, const Parameters& parameters);

}  // namespace mfs
