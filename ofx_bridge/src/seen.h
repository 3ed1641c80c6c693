// The faces of a frame as the viewer shows them, on the canonical plane.
#pragma once

#include <vector>

#include "request.h"

namespace mfs {

// The sides of a crop, as you see the face.
enum Side { Left, Right, Top, Bottom };
constexpr int kSides = 4;

struct Seen {
  OfxRectD box;
  float confidence;
  bool swapped;
  // Its id in the track; 0 where there is none.
  int person;
  // Of swapped faces: a corner of the crop, the sides that begin there, the width of a face as a share of a side, and
  // the ends of the lines that the matte's outline is made of.
  OfxPointD corner, across, down;
  double width;
  std::vector<OfxPointD> outline;

  // Between the plane and the crop, whose corners are (0, 0) and (1, 1); y goes down there.
  OfxPointD at(const OfxPointD& place) const;
  OfxPointD inCrop(const OfxPointD& point) const;
  // What is left of the crop where its sides are cropped by shares of it; its corners as lines, and a side's middle.
  std::vector<OfxPointD> cropped(const double (&sides)[kSides]) const;
  OfxPointD middle(const double (&sides)[kSides], Side side) const;
};

// The faces of an answer. plate: the picture that was rendered.
std::vector<Seen> seenIn(const Answer& answer, const ClipImage& plate);

}  // namespace mfs
