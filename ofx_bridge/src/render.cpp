#include <algorithm>
#include <cmath>
#include <utility>

#include "actions.h"
#include "overlay.h"

namespace mfs {
namespace {

using settings::Position;

// Every round looks at frames that were not known: a longer chain is a fault.
constexpr int kMostRounds = 64;

// Rendered for keeps, one frame after the other, and nobody looks on.
bool isBatch(const Properties& arguments) {
  if (!host().traits->tellsBatch) return false;
  const bool sequential = arguments.integer("OfxImageEffectPropSequentialRenderStatus", 0) != 0;
  const bool interactive = arguments.integer("OfxImageEffectPropInteractiveRenderStatus", 1) != 0;
  return host().background() || (sequential && !interactive);
}

FrameArguments frameArguments(const Properties& arguments) {
  const char* const scale = "OfxImageEffectPropRenderScale";
  return {arguments.number("OfxPropTime", 0), arguments.number(scale, 1, 0), arguments.number(scale, 1, 1),
          isBatch(arguments), arguments.integer("OfxImageEffectPropRenderQualityDraft", 0) != 0};
}

bool isThumbnail(const Properties& arguments, const ClipImage& source) {
  return arguments.text("OfxImageEffectPropThumbnailRender") == "true" ||
         source.properties().integer("kOfxImageClipPropThumbnail", 0) != 0;
}

OfxRectI renderWindow(const Properties& arguments, const Image& output) {
  const char* const name = "OfxImageEffectPropRenderWindow";
  const OfxRectI& all = output.bounds;
  const OfxRectI asked{arguments.integer(name, all.x1, 0), arguments.integer(name, all.y1, 1),
                       arguments.integer(name, all.x2, 2), arguments.integer(name, all.y2, 3)};
  return intersection(asked, all);
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
  Frame(const Call& call, const FrameArguments& arguments, const ClipImage& output, const OfxRectI& window)
      : effect_(call.effect),
        kind_(call.kind),
        arguments_(arguments),
        output_(output.image()),
        window_(window),
        clip_(call.effect, "Source"),
        source_(clip_, arguments.time),
        thumbnail_(isThumbnail(call.in, source_)) {}

  OfxStatus rendered() {
    std::string reason;
    try {
      if (!source_) throw EngineFailure(noSource());
      if (thumbnail_) return shown();
      noteGood(effect_, arguments_.time, swap());
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

  const settings::Output& shownOutput() const { return outputOf(effect_, kind_, arguments_.time); }

  // Rounded and clamped it would look like a good frame, and mean another.
  bool holdsOutput() const { return output_.depth >= shownOutput().depth; }

  std::string tooShallow() const {
    constexpr const char* kNames[] = {"8-bit integers", "16-bit integers", "16-bit floats", "32-bit floats"};
    const double mode = settingValue(Parameters(effect_), Position::output_mode, arguments_.time);
    return std::string("expected pixels of at least ") + kNames[static_cast<int>(shownOutput().depth)] + " for " +
           row(Position::output_mode).entryLabels[static_cast<int>(mode)] + "; the host's are " +
           kNames[static_cast<int>(output_.depth)] +
           ", which do not hold it. Choose a deeper format in the host, or render it with `mobilefaceswap swap`";
  }

  // An icon of the clip: not worth a swap.
  OfxStatus shown() const {
    copyWindow(output_, window_, &source_.image());
    return ofx::OK;
  }

  // Returns what the user should know.
  std::string swap() {
    if (!holdsOutput()) throw EngineFailure(tooShallow());
    const Image& source = source_.image();
    const Inputs inputs(effect_, arguments_);
    PlateRequest request(effect_, kind_, arguments_, clip_, source_, inputs);
    Answer answer;
    unsigned engine = 0;
    const auto ask = [&](const std::function<void()>& meanwhile) {
      converse([&](Engine::Conversation& conversation) {
        // One that is gone took along what it had made of the frames around.
        if (std::exchange(engine, conversation.lane().generation) != engine) request.forget();
        answer = request.ask(conversation, wire::Kind::Render, meanwhile);
        if (!answer.needs.empty()) return;
        const std::byte* pixels = conversation.lane().segment->data() + answer.changed.offset;
        writeChanged(output_, window_, source, answer.changed, pixels);
      });
    };
    ask([this] { copyUnswapped(); });
    for (int round = 0; !answer.needs.empty(); ++round) {
      if (round == kMostRounds) throw EngineFailure("the engine asks for ever more frames");
      for (const int64_t time : answer.needs) request.know(time, sightAt(request, time));
      ask(nullptr);
    }
    rememberFaces(effect_, arguments_.time, source_, answer);
    return answer.note;
  }

  void converse(const std::function<void(Engine::Conversation&)>& talk) const {
    Engine::shared().converse(talk, {[this] { return aborted(); }, arguments_.batch});
  }

  // What is found in another frame of the clip; "" where it has none. The host may render that frame through further
  // nodes of ours, so it is asked before a lane is taken.
  std::string sightAt(const PlateRequest& request, int64_t time) const {
    FrameArguments arguments = arguments_;
    arguments.time += static_cast<double>(time - std::llround(arguments_.time));
    const auto range = clip_.frameRange();
    if (range && (arguments.time < range->first || arguments.time > range->last)) return {};
    const ClipImage image(clip_, arguments.time);
    if (!image) return {};
    const Inputs none;
    PlateRequest neighbour(effect_, kind_, arguments, clip_, image, none);
    std::string sight;
    converse([&](Engine::Conversation& conversation) { sight = neighbour.look(conversation, request); });
    return sight;
  }

  // The artist may ask for the plate; otherwise nobody must take what we leave for a finished frame.
  OfxStatus failed(const std::string& reason) {
    const Parameters parameters(effect_);
    const double choice = settingValue(parameters, Position::engine_failure, arguments_.time);
    if (source_ && holdsOutput() && choice == settings::engine_failure_entry::kPassThrough) {
      showUnswapped();
      notePassed(effect_, arguments_.time, reason);
      return ofx::OK;
    }
    fillFailure(output_, window_);
    showError(effect_, reason);
    return ofx::Failed;
  }

  // What a node that is switched off shows: a plate is no matte.
  void showUnswapped() const {
    copyUnswapped();
    if (matteIsAlpha(effect_, kind_, arguments_.time)) clearAlpha(output_, window_);
  }

  // What lies outside of every face.
  void copyUnswapped() const {
    const bool plate = shownOutput().outside == settings::Outside::Plate;
    copyWindow(output_, window_, plate ? &source_.image() : nullptr);
  }

  OfxHandle effect_;
  Effect kind_;
  FrameArguments arguments_;
  const Image& output_;
  OfxRectI window_;
  Clip clip_;
  ClipImage source_;
  bool thumbnail_;
};

}  // namespace

OfxStatus render(const Call& call) {
  const FrameArguments arguments = frameArguments(call.in);
  const ClipImage output(Clip(call.effect, "Output"), arguments.time);
  if (!output) return host().effect->abort(call.effect) ? ofx::OK : ofx::Failed;
  const OfxRectI window = renderWindow(call.in, output.image());
  if (isEmpty(window)) return ofx::OK;
  return Frame(call, arguments, output, window).rendered();
}

}  // namespace mfs
