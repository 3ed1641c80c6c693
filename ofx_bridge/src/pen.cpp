#include "pen.h"

#include "process.h"

namespace mfs {
namespace {

constexpr float kLineWidth = 1.5f;
constexpr double kHandle = 4, kDigitWidth = 6, kDigitHeight = 10, kDigitPitch = 9;
constexpr int kDrawLines = 0, kAlignLeft = 1, kAlignBottom = 8;
constexpr unsigned kGlLines = 1, kGlTexture2D = 0x0DE1, kGlLighting = 0x0B50, kGlState = 0x00001 | 0x00004 | 0x02000;

// Those functions of OpenGL that lines take. A host that draws with it has the library loaded.
struct OpenGl {
  void (*colour)(float, float, float, float);
  void (*lineWidth)(float);
  void (*begin)(unsigned);
  void (*vertex)(double, double);
  void (*end)();
  void (*pushState)(unsigned);
  void (*popState)();
  void (*disable)(unsigned);

  bool complete() const { return colour && lineWidth && begin && vertex && end && pushState && popState && disable; }
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
    find(gl.pushState, "glPushAttrib");
    find(gl.popState, "glPopAttrib");
    find(gl.disable, "glDisable");
    return gl;
  }();
  return found;
}

// The seven lines of a display's digit, from corner to corner of two squares one above the other, and which of them
// each digit lights.
struct Stroke {
  int x1, y1, x2, y2;
};
constexpr Stroke kStrokes[] = {{0, 2, 1, 2}, {1, 2, 1, 1}, {1, 1, 1, 0}, {0, 0, 1, 0},
                               {0, 1, 0, 0}, {0, 2, 0, 1}, {0, 1, 1, 1}};
constexpr unsigned kLit[] = {0x3F, 0x06, 0x5B, 0x4F, 0x66, 0x6D, 0x7D, 0x07, 0x7F, 0x6F};

void appendLetter(std::vector<OfxPointD>& ends, char letter, const OfxPointD& place, const OfxPointD& pixel) {
  const auto at = [&](double x, double y) {
    return OfxPointD{place.x + x * kDigitWidth * pixel.x, place.y + y * kDigitHeight / 2 * pixel.y};
  };
  if (letter == '.') ends.insert(ends.end(), {at(0.3, 0), at(0.7, 0)});
  if (letter < '0' || letter > '9') return;
  for (int stroke = 0; stroke < 7; ++stroke) {
    const Stroke& line = kStrokes[stroke];
    if (kLit[letter - '0'] >> stroke & 1) ends.insert(ends.end(), {at(line.x1, line.y1), at(line.x2, line.y2)});
  }
}

}  // namespace

// What the host draws after us must look as before.
Pen::Pen(OfxHandle context, OfxPointD pixel) : context_(context), pixel_(pixel) {
  if (context_ || !openGl().complete()) return;
  openGl().pushState(kGlState);
  openGl().disable(kGlTexture2D);
  openGl().disable(kGlLighting);
}

Pen::~Pen() {
  if (!context_ && openGl().complete()) openGl().popState();
}

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
  if (ends.empty()) return;
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

void Pen::handle(const OfxPointD& centre) const {
  const double x = kHandle * pixel_.x, y = kHandle * pixel_.y;
  rectangle({centre.x - x, centre.y - y, centre.x + x, centre.y + y});
}

void Pen::write(const OfxPointD& place, const std::string& text) const {
  if (context_) return (void)host().draw->drawText(context_, text.c_str(), &place, kAlignLeft | kAlignBottom);
  std::vector<OfxPointD> ends;
  OfxPointD next = place;
  for (char letter : text) {
    appendLetter(ends, letter, next, pixel_);
    next.x += (letter == '.' ? 0.5 : 1) * kDigitPitch * pixel_.x;
  }
  lines(ends);
}

}  // namespace mfs
