// What the effect needs of its inputs, and where it gives nothing of its own.
#include <algorithm>

#include "actions.h"

namespace mfs {
namespace {

using settings::Position;

void setRectangle(const Properties& results, const std::string& name, const OfxRectD& rectangle) {
  const double corners[] = {rectangle.x1, rectangle.y1, rectangle.x2, rectangle.y2};
  for (int i = 0; i < 4; ++i) results.set(name.c_str(), corners[i], i);
}

}  // namespace

// The plate's: a portrait or a matte beside it may be larger.
OfxStatus regionOfDefinition(const Call& call) {
  const auto region = Clip(call.effect, "Source").regionOfDefinition(call.time());
  if (!region) return ofx::ReplyDefault;
  setRectangle(call.out, "OfxImageEffectPropRegionOfDefinition", *region);
  return ofx::OK;
}

// All of every input: a face may lie outside what the host wants to see.
OfxStatus regionsOfInterest(const Call& call) {
  for (const char* name : {"Source", kIdentityInput.name, kInsideMatte.name, kOutsideMatte.name}) {
    const Clip clip(call.effect, name);
    if (!clip.connected()) continue;
    const double moment = std::string(name) == kIdentityInput.name ? identityTime(clip, call.time()) : call.time();
    const auto region = clip.regionOfDefinition(moment);
    if (region) setRectangle(call.out, std::string("OfxImageClipPropRoI_") + name, *region);
  }
  return ofx::OK;
}

// As far as any frame may be asked for: those that a swap is steadied by, and around each of them the faces that
// steady, fill in and fade its own (plugin/mobilefaceswap/faces/follow.py). One that is lost at the end of its window
// is looked for until it has been missing for longer than a gap.
double framesAround(const Call& call) {
  const Parameters parameters(call.effect);
  const auto value = [&](Position position) { return settingValue(parameters, position, call.time()); };
  const bool tracked = !parameters.text(row(Position::track_file).name, call.time()).empty();
  const double followed = std::max(value(Position::smoothing), value(Position::fade)) + value(Position::gap);
  return value(Position::deflicker) + (tracked ? 0 : followed);
}

OfxStatus framesNeeded(const Call& call) {
  if (!host().traits->temporal) return ofx::ReplyDefault;
  const double around = framesAround(call);
  for (int end = 0; end < 2; ++end)
    call.out.set("OfxImageClipPropFrameRange_Source", call.time() + (end ? around : -around), end);
  const Clip identity(call.effect, kIdentityInput.name);
  if (!identity.connected()) return ofx::OK;
  const double time = identityTime(identity, call.time());
  for (int end = 0; end < 2; ++end) call.out.set("OfxImageClipPropFrameRange_Identity", time, end);
  return ofx::OK;
}

OfxStatus isIdentity(const Call& call) {
  if (call.kind != Effect::FaceSwap) return ofx::ReplyDefault;
  const Parameters parameters(call.effect);
  const auto value = [&](Position position) { return settingValue(parameters, position, call.time()); };
  const bool composite = value(Position::output_mode) == settings::output_mode_entry::kComposite;
  const bool thumbnail = call.in.text("OfxImageEffectPropThumbnailRender") == "true";
  const bool off = thumbnail || value(Position::mix) == 0 || value(Position::enable) == 0;
  if (!composite || !off || value(Position::matte_to_alpha) != 0) return ofx::ReplyDefault;
  // The host does not render such a frame. An icon proves nothing.
  if (!thumbnail) noteGood(call.effect, call.time(), "");
  call.out.set("OfxPropName", "Source");
  call.out.set("OfxPropTime", call.time());
  return ofx::OK;
}

}  // namespace mfs
