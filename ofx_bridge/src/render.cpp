#include <algorithm>
#include <cmath>

#include "actions.h"

namespace mfs {
namespace {

using settings::Position;

FrameArguments frameArguments(const Properties& arguments) {
  return {arguments.number("OfxPropTime", 0), arguments.number("OfxImageEffectPropRenderScale", 1, 0),
          arguments.number("OfxImageEffectPropRenderScale", 1, 1)};
}

OfxRectI renderWindow(const Properties& arguments, const Image& output) {
  const char* const name = "OfxImageEffectPropRenderWindow";
  const OfxRectI& all = output.bounds;
  const OfxRectI asked{arguments.integer(name, all.x1, 0), arguments.integer(name, all.y1, 1),
                       arguments.integer(name, all.x2, 2), arguments.integer(name, all.y2, 3)};
  return intersection(asked, all);
}

// What lies around the changed rectangle, as far as one can tell before the engine answers.
wire::Outside expectedOutside(OfxHandle effect, Effect kind, double time) {
  if (kind == Effect::FaceMatte) return wire::Outside::Zero;
  const auto mode = static_cast<int>(settingValue(Parameters(effect), Position::output_mode, time));
  const bool plate = mode == settings::output_mode_entry::kComposite || mode == settings::output_mode_entry::kOverlay;
  return plate ? wire::Outside::Plate : wire::Outside::Zero;
}

void fillOutside(const Image& output, const OfxRectI& window, const Image& source, wire::Outside outside) {
  copyWindow(output, window, outside == wire::Outside::Plate ? &source : nullptr);
}

void writeChanged(const Image& output, const OfxRectI& window, const Image& source, const wire::Changed& changed,
                  const std::byte* pixels) {
  const OfxRectI& plate = source.bounds;
  const OfxRectI rectangle{plate.x1 + changed.x1, plate.y2 - changed.y2, plate.x1 + changed.x2, plate.y2 - changed.y1};
  const OfxRectI common = intersection(window, rectangle);
  if (isEmpty(common)) return;
  const auto* first = reinterpret_cast<const float*>(pixels);
  const ptrdiff_t channels = changed.channels, rowLength = (changed.x2 - changed.x1) * channels;
  for (int y = common.y1; y < common.y2; ++y) {
    const float* row = first + (rectangle.y2 - 1 - y) * rowLength + (common.x1 - rectangle.x1) * channels;
    writeRow(output, y, common.x1, common.x2, static_cast<int>(channels), row);
  }
}

class Frame {
 public:
  Frame(OfxHandle effect, Effect kind, const FrameArguments& arguments, const ClipImage& output,
        const OfxRectI& window)
      : effect_(effect),
        kind_(kind),
        arguments_(arguments),
        output_(output.image()),
        window_(window),
        clip_(effect, "Source"),
        source_(clip_, arguments.time) {}

  OfxStatus rendered() {
    std::string reason;
    try {
      if (!source_) throw EngineFailure(noSource());
      swap();
      clearError(effect_);
      return ofx::OK;
    } catch (const Aborted&) {
      return abandoned();
    } catch (const std::bad_alloc&) {
      reason = "the host is out of memory";
    } catch (const std::exception& error) {
      reason = error.what();
    }
    return aborted() ? abandoned() : failed(reason);
  }

 private:
  bool aborted() const { return host().effect->abort(effect_) != 0; }

  // The host throws this frame away; one that shows it nevertheless must not show what lay in the memory.
  OfxStatus abandoned() const {
    fillFailure(output_, window_);
    return ofx::OK;
  }

  static const char* noSource() {
    return "expected a picture at the Source input; the host has none at this time. Connect a clip that covers the "
           "frame";
  }

  void swap() {
    const Image& source = source_.image();
    const Inputs inputs(effect_, arguments_.time);
    const PlateRequest request(effect_, kind_, arguments_, clip_, source_, inputs);
    const wire::Outside expected = expectedOutside(effect_, kind_, arguments_.time);
    const auto fill = [&] { fillOutside(output_, window_, source, expected); };
    const auto ask = [&](Engine::Conversation& conversation) {
      const wire::Changed changed = request.ask(conversation, wire::Kind::Render, 0, fill);
      if (changed.outside != expected) fillOutside(output_, window_, source, changed.outside);
      writeChanged(output_, window_, source, changed, conversation.lane().segment->data() + changed.offset);
    };
    Engine::shared().converse(ask, [this] { return aborted(); });
  }

  // The artist may ask for the plate; otherwise nobody must take what we leave for a finished frame.
  OfxStatus failed(const std::string& reason) {
    const Parameters parameters(effect_);
    const double choice = settingValue(parameters, Position::engine_failure, arguments_.time);
    const bool passThrough = source_ && choice == settings::engine_failure_entry::kPassThrough;
    if (passThrough)
      copyWindow(output_, window_, &source_.image());
    else
      fillFailure(output_, window_);
    showError(effect_, "MobileFaceSwap: " + reason);
    return passThrough ? ofx::OK : ofx::Failed;
  }

  OfxHandle effect_;
  Effect kind_;
  FrameArguments arguments_;
  const Image& output_;
  OfxRectI window_;
  Clip clip_;
  ClipImage source_;
};

}  // namespace

OfxStatus render(OfxHandle effect, Effect kind, const Properties& arguments) {
  const FrameArguments frame = frameArguments(arguments);
  const ClipImage output(Clip(effect, "Output"), frame.time);
  if (!output) return host().effect->abort(effect) ? ofx::OK : ofx::Failed;
  const OfxRectI window = renderWindow(arguments, output.image());
  if (isEmpty(window)) return ofx::OK;
  return Frame(effect, kind, frame, output, window).rendered();
}

OfxStatus isIdentity(OfxHandle effect, Effect kind, const Properties& arguments, const Properties& results) {
  if (kind != Effect::FaceSwap) return ofx::ReplyDefault;
  const double time = arguments.number("OfxPropTime", 0);
  const Parameters parameters(effect);
  const bool composite =
      settingValue(parameters, Position::output_mode, time) == settings::output_mode_entry::kComposite;
  const bool off = settingValue(parameters, Position::mix, time) == 0 ||
                   settingValue(parameters, Position::enable, time) == 0;
  if (!composite || !off || settingValue(parameters, Position::matte_to_alpha, time) != 0) return ofx::ReplyDefault;
  results.set("OfxPropName", "Source");
  results.set("OfxPropTime", time);
  return ofx::OK;
}

OfxStatus regionsOfInterest(OfxHandle effect, const Properties& arguments, const Properties& results) {
  const double time = arguments.number("OfxPropTime", 0);
  // A face may lie outside what the host wants to see.
  for (const char* name : {"Source", "Identity", "InM", "OutM"}) {
    const Clip clip(effect, name);
    if (!clip.connected()) continue;
    const double moment = std::string(name) == "Identity" ? identityTime(clip, time) : time;
    const auto region = clip.regionOfDefinition(moment);
    if (!region) continue;
    const std::string property = std::string("OfxImageClipPropRoI_") + name;
    const double corners[] = {region->x1, region->y1, region->x2, region->y2};
    for (int i = 0; i < 4; ++i) results.set(property.c_str(), corners[i], i);
  }
  return ofx::OK;
}

OfxStatus framesNeeded(OfxHandle effect, const Properties& arguments, const Properties& results) {
  const Clip identity(effect, "Identity");
  if (!host().honestAboutTime() || !identity.connected()) return ofx::ReplyDefault;
  const double time = identityTime(identity, arguments.number("OfxPropTime", 0));
  for (int end = 0; end < 2; ++end) results.set("OfxImageClipPropFrameRange_Identity", time, end);
  return ofx::OK;
}

OfxStatus clipPreferences(OfxHandle effect, Effect kind, const Properties& results) {
  int wish = 0;
  for (const char* space : {"srgb_display", "ofx_display_sdr"})
    results.set("OfxImageClipPropPreferredColourspaces_Source", space, wish++);
  if (kind != Effect::FaceSwap) return ofx::OK;
  double time = 0;
  if (host().timeline && host().timeline->getTime) (void)host().timeline->getTime(effect, &time);
  const auto mode = static_cast<int>(settingValue(Parameters(effect), Position::output_mode, time));
  const char* const property = "OfxImageEffectPropPreMultiplication";
  if (mode == settings::output_mode_entry::kFace) results.set(property, "OfxImageAlphaPremultiplied");
  if (mode == settings::output_mode_entry::kFaceUnpremultiplied) results.set(property, "OfxImageAlphaUnPremultiplied");
  return ofx::OK;
}

}  // namespace mfs
