// Lines and words over the host's viewer: through the host's draw suite, or through the OpenGL that it has loaded.
#pragma once

#include <string>
#include <vector>

#include "host.h"

namespace mfs {

struct Colour {
  float red, green, blue, alpha;
};

class Pen {
 public:
  // context: of the draw suite; nullptr where OpenGL draws. pixel: size of a pixel of the screen on the plane.
  Pen(OfxHandle context, OfxPointD pixel) : context_(context), pixel_(pixel) {}

  void setColour(const Colour& colour) const;
  void rectangle(const OfxRectD& box) const;
  // A cross with an open middle, as large on the screen at any zoom.
  void cross(const OfxPointD& centre) const;
  // Nothing where OpenGL draws, which has no letters.
  void write(const OfxPointD& place, const std::string& text) const;

 private:
  void lines(const std::vector<OfxPointD>& ends) const;
  OfxHandle context_;
  OfxPointD pixel_;
};

}  // namespace mfs
