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
  Pen(OfxHandle context, OfxPointD pixel);
  ~Pen();
  Pen(const Pen&) = delete;
  Pen& operator=(const Pen&) = delete;

  void setColour(const Colour& colour) const;
  // ends: two for each line.
  void lines(const std::vector<OfxPointD>& ends) const;
  void rectangle(const OfxRectD& box) const;
  // A small square, as large on the screen at any zoom.
  void handle(const OfxPointD& centre) const;
  // A cross with an open middle, as large on the screen at any zoom.
  void cross(const OfxPointD& centre) const;
  // Upwards from a place. OpenGL has no letters: digits, points and spaces are drawn there, as on a display.
  void write(const OfxPointD& place, const std::string& text) const;

 private:
  OfxHandle context_;
  OfxPointD pixel_;
};

}  // namespace mfs
