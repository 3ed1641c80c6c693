#include "overlay.h"

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <map>
#include <mutex>

#include "handles.h"
#include "pen.h"
#include "point.h"

namespace mfs {
namespace {

using settings::Position;

constexpr Colour kFound{1, 0.6f, 0, 1}, kSwapped{0, 1, 0, 1}, kPoint{1, 1, 1, 1};
constexpr Colour kCrop{0.4f, 0.8f, 1, 1}, kOutline{1, 1, 0, 1};
constexpr double kReach = 10;

struct Frame {
  double time = 0;
  std::vector<Seen> faces;
};

struct State {
  std::mutex mutex;
  std::map<OfxHandle, Frame> frames;
  std::map<OfxHandle, Grip> held;
};

State& state() {
  static auto* const kept = new State;
  return *kept;
}

// One action of the overlay on its effect.
struct Look {
  OfxHandle effect;
  double time;
  Pointer pointer;
  Parameters parameters;

  explicit Look(const Properties& in)
      : effect(static_cast<OfxHandle>(in.pointer("OfxPropEffectInstance"))),
        time(in.number("OfxPropTime", 0)),
        pointer{{in.number("OfxInteractPropPixelScale", 1, 0), in.number("OfxInteractPropPixelScale", 1, 1)},
                {in.number("OfxInteractPropPenPosition", 0, 0), in.number("OfxInteractPropPenPosition", 0, 1)}},
        parameters(effect) {}

  std::vector<Seen> faces() const {
    const std::lock_guard<std::mutex> lock(state().mutex);
    const auto found = state().frames.find(effect);
    const bool now = found != state().frames.end() && std::abs(found->second.time - time) < 0.5;
    return now ? found->second.faces : std::vector<Seen>();
  }
  // Whether the point counts, and is ours to show.
  bool showsPoint() const { return choosesByPoint() && !hostShowsPoint(parameters); }
  bool choosesByPoint() const {
    return settingValue(parameters, Position::face_choice, time) == settings::face_choice_entry::kNearest;
  }
  std::optional<OfxRectD> plate() const { return Clip(effect, "Source").regionOfDefinition(time); }
};

// What By Number and By Track ID call a face, and how confident the detector is of it.
std::string wordsFor(const Seen& face, int number) {
  char confidence[16];
  std::snprintf(confidence, sizeof confidence, "%.2f", static_cast<double>(face.confidence));
  const std::string person = face.person ? "id " + std::to_string(face.person) + "  " : "";
  return std::to_string(number) + "  " + person + confidence;
}

// Box, number and confidence; of a swapped face also its crop with four handles, and the matte's outline.
void drawFace(const Pen& pen, const Look& look, const Seen& face, int number) {
  pen.setColour(face.swapped ? kSwapped : kFound);
  pen.rectangle(face.box);
  pen.write({face.box.x1, face.box.y2 + 3 * look.pointer.pixel.y}, wordsFor(face, number));
  if (!face.swapped) return;
  const Crops crops = cropsOf(face, look.parameters, look.time);
  pen.setColour(kCrop);
  pen.lines(face.cropped(crops.share));
  for (int side = 0; side < kSides; ++side) pen.handle(face.middle(crops.share, static_cast<Side>(side)));
  pen.setColour(kOutline);
  pen.lines(face.outline);
}

OfxStatus draw(const Look& look, OfxHandle context) {
  const Pen pen(context, look.pointer.pixel);
  int number = 0;
  for (const Seen& face : look.faces()) drawFace(pen, look, face, number++);
  const auto plate = look.plate();
  if (!plate || !look.showsPoint()) return ofx::OK;
  pen.setColour(kPoint);
  pen.cross(pointOn(*plate, look.parameters, look.time));
  return ofx::OK;
}

// Lets go of what is held; whether there was something.
bool release(const Look& look) {
  {
    const std::lock_guard<std::mutex> lock(state().mutex);
    if (!state().held.erase(look.effect)) return false;
  }
  look.parameters.endEdit();
  return true;
}

// All of a drag is one step for the host's undo.
OfxStatus hold(const Look& look, const Grip& grip) {
  release(look);
  {
    const std::lock_guard<std::mutex> lock(state().mutex);
    state().held[look.effect] = grip;
  }
  look.parameters.beginEdit(grip.label());
  return ofx::OK;
}

// By its id where ids choose, by its place otherwise.
void choose(const Look& look, const OfxRectD& plate, const Seen& face) {
  const double choice = settingValue(look.parameters, Position::face_choice, look.time);
  if (choice == settings::face_choice_entry::kPerson && face.person)
    return look.parameters.set(row(Position::face_person).name, face.person);
  const Edit edit(look.parameters, "Choose Face");
  look.parameters.set(row(Position::face_choice).name, settings::face_choice_entry::kNearest);
  const OfxPointD centre{(face.box.x1 + face.box.x2) / 2, (face.box.y1 + face.box.y2) / 2};
  setPoint(look.parameters, plate, centre, look.time);
}

// Takes hold of the point or of a handle, or chooses the face under the pen.
OfxStatus penDown(const Look& look) {
  const auto plate = look.plate();
  if (!plate) return ofx::ReplyDefault;
  if (look.showsPoint() && look.pointer.to(pointOn(*plate, look.parameters, look.time)) <= kReach)
    return hold(look, {Grip::Kind::Point});
  if (const auto grip = gripAt(look.pointer, look.faces(), look.parameters, look.time)) return hold(look, *grip);
  const OfxPointD& pen = look.pointer.pen;
  for (const Seen& face : look.faces()) {
    const OfxRectD& box = face.box;
    if (pen.x < box.x1 || pen.x > box.x2 || pen.y < box.y1 || pen.y > box.y2) continue;
    choose(look, *plate, face);
    return ofx::OK;
  }
  return ofx::ReplyDefault;
}

OfxStatus penMotion(const Look& look) {
  Grip grip{};
  {
    const std::lock_guard<std::mutex> lock(state().mutex);
    const auto found = state().held.find(look.effect);
    if (found == state().held.end()) return ofx::ReplyDefault;
    grip = found->second;
  }
  if (grip.kind != Grip::Kind::Point)
    drag(grip, look.pointer, look.parameters);
  else if (const auto plate = look.plate())
    setPoint(look.parameters, *plate, look.pointer.pen, look.time);
  return ofx::OK;
}

// The viewer draws again where one of these changes.
OfxStatus created(OfxHandle interact) {
  OfxHandle set = nullptr;
  if (!host().interact || host().interact->getPropertySet(interact, &set) != ofx::OK) return ofx::OK;
  int index = 0;
  for (Position position : {Position::face_choice, Position::face_point_x, Position::face_point_y, Position::matte_left,
                            Position::matte_right, Position::matte_top, Position::matte_bottom})
    Properties(set).set("OfxInteractPropSlaveToParam", row(position).name, index++);
  return ofx::OK;
}

OfxStatus act(std::string_view action, OfxHandle interact, const Properties& in, bool drawSuite) {
  if (action == "OfxActionCreateInstance") return created(interact);
  if (action == "OfxActionDescribe" || action == "OfxActionDestroyInstance") return ofx::OK;
  if (!in.pointer("OfxPropEffectInstance")) return ofx::ReplyDefault;
  const Look look(in);
  if (action == "OfxInteractActionDraw") {
    const auto context = static_cast<OfxHandle>(drawSuite ? in.pointer("OfxInteractPropDrawContext") : nullptr);
    return drawSuite && !(context && host().draw) ? OfxStatus(ofx::ReplyDefault) : draw(look, context);
  }
  if (action == "OfxInteractActionPenDown") return penDown(look);
  if (action == "OfxInteractActionPenMotion") return penMotion(look);
  // A host that takes the viewer's focus away may keep the pen's way up to itself.
  if (action == "OfxInteractActionPenUp" || action == "OfxInteractActionLoseFocus")
    return release(look) ? ofx::OK : ofx::ReplyDefault;
  return ofx::ReplyDefault;
}

OfxStatus guarded(const char* action, const void* interact, OfxHandle in, bool drawSuite) {
  try {
    return act(action ? action : "", const_cast<OfxHandle>(interact), Properties(in), drawSuite);
  } catch (...) {
    return ofx::Failed;
  }
}

}  // namespace

void rememberFaces(OfxHandle effect, double time, const ClipImage& plate, const Answer& answer) {
  Frame frame{time, seenIn(answer, plate)};
  const std::lock_guard<std::mutex> lock(state().mutex);
  state().frames[effect] = std::move(frame);
}

void forgetFaces(OfxHandle effect) {
  const std::lock_guard<std::mutex> lock(state().mutex);
  state().frames.erase(effect);
  state().held.erase(effect);
}

OfxStatus overlayWithOpenGl(const char* action, const void* interact, OfxHandle in, OfxHandle) {
  return guarded(action, interact, in, false);
}

OfxStatus overlayWithDrawSuite(const char* action, const void* interact, OfxHandle in, OfxHandle) {
  return guarded(action, interact, in, true);
}

}  // namespace mfs
