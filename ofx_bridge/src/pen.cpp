#include "pen.h"

#include "process.h"

namespace mfs {
namespace {

constexpr float kLineWidth = 1.5f;
constexpr int kDrawLines = 0, kAlignLeft = 1, kAlignBottom = 8;
constexpr unsigned kGlLines = 1;

// Those functions of OpenGL that lines take. A host that draws with it has the library loaded.
struct OpenGl {
  void (*colour)(float, float, float, float);
  void (*lineWidth)(float);
  void (*begin)(unsigned);
  void (*vertex)(double, double);
  void (*end)();

  bool complete() const { return colour && lineWidth && begin && vertex && end; }
};

template <class Function>
void find(Function& function, const char* name) {
  function = reinterpret_cast<Function>(openGlFunction(name));
}

const OpenGl& openGl() {
  static const OpenGl found = [] {
    OpenGl gl{};
    find(gl.colour, "glColor4f");
    find(gl.lineWidth, "glLineWidth");
    find(gl.begin, "glBegin");
    find(gl.vertex, "glVertex2d");
    find(gl.end, "glEnd");
    return gl;
  }();
  return found;
}

}  // namespace

void Pen::setColour(const Colour& colour) const {
  if (context_) {
    (void)host().draw->setColour(context_, &colour);
    (void)host().draw->setLineWidth(context_, kLineWidth);
  } else if (openGl().complete()) {
    openGl().colour(colour.red, colour.green, colour.blue, colour.alpha);
    openGl().lineWidth(kLineWidth);
  }
}

void Pen::lines(const std::vector<OfxPointD>& ends) const {
  if (context_) {
    (void)host().draw->draw(context_, kDrawLines, ends.data(), static_cast<int>(ends.size()));
  } else if (openGl().complete()) {
    openGl().begin(kGlLines);
    for (const OfxPointD& point : ends) openGl().vertex(point.x, point.y);
    openGl().end();
  }
}

void Pen::rectangle(const OfxRectD& box) const {
  const OfxPointD a{box.x1, box.y1}, b{box.x2, box.y1}, c{box.x2, box.y2}, d{box.x1, box.y2};
  lines({a, b, b, c, c, d, d, a});
}

void Pen::cross(const OfxPointD& centre) const {
  std::vector<OfxPointD> ends;
  for (double from : {-12.0, 4.0}) {
    ends.push_back({centre.x + from * pixel_.x, centre.y});
    ends.push_back({centre.x + (from + 8) * pixel_.x, centre.y});
    ends.push_back({centre.x, centre.y + from * pixel_.y});
    ends.push_back({centre.x, centre.y + (from + 8) * pixel_.y});
  }
  lines(ends);
}

void Pen::write(const OfxPointD& place, const std::string& text) const {
  if (context_) (void)host().draw->drawText(context_, text.c_str(), &place, kAlignLeft | kAlignBottom);
}

}  // namespace mfs
