#include "overlay.h"

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <map>
#include <mutex>

#include "pen.h"

namespace mfs {
namespace {

using settings::Position;

constexpr Colour kFound{1, 0.6f, 0, 1}, kSwapped{0, 1, 0, 1}, kPoint{1, 1, 1, 1};
constexpr double kReach = 10;

// A face's box on the canonical plane.
struct Seen {
  OfxRectD box;
  float confidence;
  bool swapped;
};

struct Frame {
  double time = 0;
  std::vector<Seen> faces;
};

struct State {
  std::mutex mutex;
  std::map<OfxHandle, Frame> frames;
  std::map<OfxHandle, bool> dragging;
};

State& state() {
  static auto* const kept = new State;
  return *kept;
}

// One action of the overlay on its effect.
struct Look {
  OfxHandle effect;
  double time;
  OfxPointD pixel, pen;
  Parameters parameters;

  explicit Look(const Properties& in)
      : effect(static_cast<OfxHandle>(in.pointer("OfxPropEffectInstance"))),
        time(in.number("OfxPropTime", 0)),
        pixel{in.number("OfxInteractPropPixelScale", 1, 0), in.number("OfxInteractPropPixelScale", 1, 1)},
        pen{in.number("OfxInteractPropPenPosition", 0, 0), in.number("OfxInteractPropPenPosition", 0, 1)},
        parameters(effect) {}

  std::vector<Seen> faces() const {
    const std::lock_guard<std::mutex> lock(state().mutex);
    const auto found = state().frames.find(effect);
    const bool now = found != state().frames.end() && std::abs(found->second.time - time) < 0.5;
    return now ? found->second.faces : std::vector<Seen>();
  }
  bool choosesByPoint() const {
    return settingValue(parameters, Position::face_choice, time) == settings::face_choice_entry::kNearest;
  }
  std::optional<OfxRectD> plate() const { return Clip(effect, "Source").regionOfDefinition(time); }
};

OfxPointD pointOn(const OfxRectD& plate, const Look& look) {
  return {plate.x1 + settingValue(look.parameters, Position::face_point_x, look.time) * (plate.x2 - plate.x1),
          plate.y1 + settingValue(look.parameters, Position::face_point_y, look.time) * (plate.y2 - plate.y1)};
}

void setPoint(const Look& look, const OfxRectD& plate, const OfxPointD& place) {
  const double x = (place.x - plate.x1) / (plate.x2 - plate.x1), y = (place.y - plate.y1) / (plate.y2 - plate.y1);
  look.parameters.set(row(Position::face_point_x).name, std::clamp(x, 0.0, 1.0));
  look.parameters.set(row(Position::face_point_y).name, std::clamp(y, 0.0, 1.0));
}

OfxStatus draw(const Look& look, OfxHandle context) {
  const Pen pen(context, look.pixel);
  int number = 0;
  for (const Seen& face : look.faces()) {
    char words[32];
    std::snprintf(words, sizeof words, "%d  %.2f", number++, static_cast<double>(face.confidence));
    pen.setColour(face.swapped ? kSwapped : kFound);
    pen.rectangle(face.box);
    pen.write({face.box.x1, face.box.y2 + 3 * look.pixel.y}, words);
  }
  const auto plate = look.plate();
  if (!plate || !look.choosesByPoint()) return ofx::OK;
  pen.setColour(kPoint);
  pen.cross(pointOn(*plate, look));
  return ofx::OK;
}

bool isNear(const Look& look, const OfxPointD& place) {
  return std::hypot((look.pen.x - place.x) / look.pixel.x, (look.pen.y - place.y) / look.pixel.y) <= kReach;
}

// Takes hold of the point, or chooses the face under the pen.
OfxStatus penDown(const Look& look) {
  const auto plate = look.plate();
  if (!plate) return ofx::ReplyDefault;
  if (look.choosesByPoint() && isNear(look, pointOn(*plate, look))) {
    const std::lock_guard<std::mutex> lock(state().mutex);
    state().dragging[look.effect] = true;
    return ofx::OK;
  }
  for (const Seen& face : look.faces()) {
    const OfxRectD& box = face.box;
    if (look.pen.x < box.x1 || look.pen.x > box.x2 || look.pen.y < box.y1 || look.pen.y > box.y2) continue;
    look.parameters.set(row(Position::face_choice).name, settings::face_choice_entry::kNearest);
    setPoint(look, *plate, {(box.x1 + box.x2) / 2, (box.y1 + box.y2) / 2});
    return ofx::OK;
  }
  return ofx::ReplyDefault;
}

OfxStatus penMotion(const Look& look) {
  {
    const std::lock_guard<std::mutex> lock(state().mutex);
    if (!state().dragging[look.effect]) return ofx::ReplyDefault;
  }
  if (const auto plate = look.plate()) setPoint(look, *plate, look.pen);
  return ofx::OK;
}

OfxStatus penUp(const Look& look) {
  const std::lock_guard<std::mutex> lock(state().mutex);
  return state().dragging.erase(look.effect) ? ofx::OK : ofx::ReplyDefault;
}

OfxStatus act(std::string_view action, const Properties& in, bool drawSuite) {
  if (action == "OfxActionDescribe" || action == "OfxActionCreateInstance" || action == "OfxActionDestroyInstance")
    return ofx::OK;
  if (!in.pointer("OfxPropEffectInstance")) return ofx::ReplyDefault;
  const Look look(in);
  if (action == "OfxInteractActionDraw") {
    const auto context = static_cast<OfxHandle>(drawSuite ? in.pointer("OfxInteractPropDrawContext") : nullptr);
    return drawSuite && !(context && host().draw) ? OfxStatus(ofx::ReplyDefault) : draw(look, context);
  }
  if (action == "OfxInteractActionPenDown") return penDown(look);
  if (action == "OfxInteractActionPenMotion") return penMotion(look);
  if (action == "OfxInteractActionPenUp") return penUp(look);
  return ofx::ReplyDefault;
}

OfxStatus guarded(const char* action, OfxHandle in, bool drawSuite) {
  try {
    return act(action ? action : "", Properties(in), drawSuite);
  } catch (...) {
    return ofx::Failed;
  }
}

}  // namespace

void rememberFaces(OfxHandle effect, double time, const ClipImage& plate, const std::vector<wire::Face>& faces) {
  const OfxRectI& bounds = plate.image().bounds;
  const OfxPointD size = pixelSize(plate);
  Frame frame{time, {}};
  for (const wire::Face& face : faces) {
    const OfxRectD box{(bounds.x1 + face.x1) * size.x, (bounds.y2 - face.y2) * size.y, (bounds.x1 + face.x2) * size.x,
                       (bounds.y2 - face.y1) * size.y};
    frame.faces.push_back({box, face.confidence, (face.flags & wire::Swapped) != 0});
  }
  const std::lock_guard<std::mutex> lock(state().mutex);
  state().frames[effect] = std::move(frame);
}

void forgetFaces(OfxHandle effect) {
  const std::lock_guard<std::mutex> lock(state().mutex);
  state().frames.erase(effect);
  state().dragging.erase(effect);
}

OfxStatus overlayWithOpenGl(const char* action, const void*, OfxHandle in, OfxHandle) {
  return guarded(action, in, false);
}

OfxStatus overlayWithDrawSuite(const char* action, const void*, OfxHandle in, OfxHandle) {
  return guarded(action, in, true);
}

}  // namespace mfs
