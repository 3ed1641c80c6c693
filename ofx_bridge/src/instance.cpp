// An instance's life: created, changed, destroyed, and what it prefers of its clips.
#include <mutex>
#include <set>

#include "actions.h"
#include "overlay.h"
#include "point.h"

namespace mfs {
namespace {

using settings::Position;

// The nodes whose line was asked for: some hosts do not keep it.
std::mutex toldMutex;
std::set<OfxHandle>& told() {
  static auto* const nodes = new std::set<OfxHandle>;
  return *nodes;
}

bool wasTold(OfxHandle effect) {
  const std::lock_guard<std::mutex> lock(toldMutex);
  return told().count(effect) != 0;
}

void noteTold(OfxHandle effect) {
  const std::lock_guard<std::mutex> lock(toldMutex);
  told().insert(effect);
}

void forgetTold(OfxHandle effect) {
  const std::lock_guard<std::mutex> lock(toldMutex);
  told().erase(effect);
}

// The line that says what renders, once an engine runs; none is started for it.
void updateStatus(const Call& call, bool hurried) {
  if (Engine::shared().description().empty()) return;
  const std::string described = describedByEngine(call, hurried);
  noteTold(call.effect);
  // A host may render everything again for any parameter that is set.
  const Parameters parameters(call.effect);
  if (!described.empty() && parameters.text(control::kStatus, call.time()) != described)
    parameters.set(control::kStatus, described);
}

bool isShownInStatus(const std::string& setting) {
  for (Position position : {Position::pack, Position::detector, Position::device})
    if (setting == row(position).name) return true;
  return false;
}

// Null for a button, a clip and whatever else is no setting.
const settings::Row* settingNamed(const std::string& name) {
  for (const settings::Row& setting : settings::kRows)
    if (name == setting.name) return &setting;
  return nullptr;
}

// Hosts tell of every step while a number is dragged.
bool isDragged(const std::string& changed) {
  const settings::Row* setting = settingNamed(changed);
  if (!setting) return changed == control::kPoint;
  return setting->type == settings::Type::Integer || setting->type == settings::Type::Double;
}

// The user did something to the node. A button by itself leaves every frame as it is.
void noteDone(const Call& call, const std::string& changed) {
  const bool clip = call.in.text("OfxPropType") == "OfxTypeClip";
  if (clip || settingNamed(changed) || changed == control::kPoint) noteEdit(call.effect);
  if (!isDragged(changed)) noteRemedy(call.effect);
}

// A control counts where the setting that it depends on has the value that it belongs to.
bool counts(const Parameters& parameters, const settings::Row& setting, double time) {
  if (setting.dependsOn < 0) return true;
  const auto other = static_cast<Position>(setting.dependsOn);
  const settings::Row& decisive = row(other);
  const bool text = decisive.type == settings::Type::File || decisive.type == settings::Type::Text;
  const double value = text ? !parameters.text(decisive.name, time).empty() : settingValue(parameters, other, time);
  return value == setting.dependsOnValue;
}

void setEnabled(const Properties& properties, bool counts) {
  const int enabled = counts ? 1 : 0;
  if (properties && properties.integer("OfxParamPropEnabled", 1) != enabled)
    properties.set("OfxParamPropEnabled", enabled);
}

// Greys out what has no effect at the moment.
void updateEnabled(const Call& call) {
  const Parameters parameters(call.effect);
  for (const settings::Row& setting : settings::kRows)
    if (setting.dependsOn >= 0)
      setEnabled(parameters.properties(setting.name), counts(parameters, setting, call.time()));
  if (hostShowsPoint(parameters))
    setEnabled(parameters.properties(control::kPoint), counts(parameters, row(Position::face_point_x), call.time()));
}

double now(OfxHandle effect) {
  double time = 0;
  const auto* timeline = host().timeline;
  if (timeline && timeline->getTime) (void)timeline->getTime(effect, &time);
  return time;
}

std::string premultiplication(settings::Alpha alpha, const Properties& plate) {
  switch (alpha) {
    case settings::Alpha::Premultiplied: return "OfxImageAlphaPremultiplied";
    case settings::Alpha::Straight: return "OfxImageAlphaUnPremultiplied";
    case settings::Alpha::Opaque: return "OfxImageOpaque";
    case settings::Alpha::Plate: break;
  }
  return plate.text("OfxImageEffectPropPreMultiplication");
}

// What an instance shows: a mode, and whether its alpha is the matte instead of the plate's.
settings::Alpha alphaOf(const Call& call, double time) {
  const settings::Output& output = outputOf(call.effect, call.kind, time);
  return matteIsAlpha(call.effect, call.kind, time) ? settings::Alpha::Straight : output.alpha;
}

// Whether a picture has four channels, whatever the plate has: an alpha of its own, or data in all of them.
bool hasFourChannels(const Call& call, settings::Alpha alpha, double time) {
  if (call.kind != Effect::FaceSwap) return false;
  if (alpha == settings::Alpha::Premultiplied || alpha == settings::Alpha::Straight) return true;
  const double mode = settingValue(Parameters(call.effect), Position::output_mode, time);
  return mode == settings::output_mode_entry::kPeople;
}

// Whether the same still differs from frame to frame: new grain does, and so do the faces of a track.
bool variesOnStill(const Call& call, double time) {
  const Parameters parameters(call.effect);
  if (!parameters.text(row(Position::track_file).name, time).empty()) return true;
  if (call.kind != Effect::FaceSwap) return false;
  // Hosts ask once for all frames, so that a value that changes counts as any that it may have.
  const auto keyed = [&](Position position) { return parameters.keyed(row(position).name); };
  const bool grain = keyed(Position::regrain) || settingValue(parameters, Position::regrain, time) > 0;
  const double from = settingValue(parameters, Position::regrain_from, time);
  return grain && (keyed(Position::regrain_from) || from == settings::regrain_from_entry::kNew);
}

// The effect is new or gone; its handle may come again.
void forget(OfxHandle effect) {
  forgetNotices(effect);
  forgetFaces(effect);
  forgetTold(effect);
}

}  // namespace

OfxStatus instanceCreated(const Call& call) {
  forget(call.effect);
  updateEnabled(call);
  return ofx::OK;
}

OfxStatus instanceDestroyed(const Call& call) {
  forget(call.effect);
  return ofx::OK;
}

OfxStatus instanceChanged(const Call& call) {
  if (call.in.text("OfxPropChangeReason") == "OfxChangeTime") {
    matchPoint(call, "");
    return ofx::ReplyDefault;
  }
  updateEnabled(call);
  if (call.in.text("OfxPropChangeReason") != "OfxChangeUserEdited") return ofx::OK;
  const std::string changed = call.in.text("OfxPropName");
  noteDone(call, changed);
  try {
    matchPoint(call, changed);
    const bool shown = press(call, changed) || isShownInStatus(changed);
    // Any other edit must not wait for a render.
    if (shown || !wasTold(call.effect)) updateStatus(call, !shown);
  } catch (const Aborted&) {
    return ofx::OK;
  } catch (const std::exception& error) {
    showError(call.effect, error.what());
  }
  return ofx::OK;
}

OfxStatus clipPreferences(const Call& call) {
  const double time = now(call.effect);
  const settings::Alpha alpha = alphaOf(call, time);
  const Properties plate = Clip(call.effect, "Source").properties();
  if (hasFourChannels(call, alpha, time))
    call.out.set("OfxImageClipPropComponents_Output", "OfxImageComponentRGBA");
  // Hosts would take these from any of the inputs: a portrait's aspect, the highest rate.
  const std::string declared = premultiplication(alpha, plate);
  if (!declared.empty()) call.out.set("OfxImageEffectPropPreMultiplication", declared.c_str());
  const double aspect = plate.number("OfxImagePropPixelAspectRatio", 0);
  if (aspect > 0) call.out.set("OfxImageClipPropPAR_Output", aspect);
  const double rate = plate.number("OfxImageEffectPropFrameRate", 0);
  if (rate > 0 && host().takesFrameRate()) call.out.set("OfxImageEffectPropFrameRate", rate);
  call.out.set("OfxImageEffectFrameVarying", variesOnStill(call, time) ? 1 : 0);
  return ofx::OK;
}

OfxStatus outputColourSpace(const Call& call) {
  const bool picture = outputOf(call.effect, call.kind, now(call.effect)).picture;
  call.out.set("OfxImageClipPropColourspace", picture ? "OfxColourspace_Source" : "ofx_raw");
  return ofx::OK;
}

}  // namespace mfs
