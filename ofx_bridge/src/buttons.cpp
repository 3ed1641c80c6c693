#include <cmath>

#include "actions.h"

namespace mfs {
namespace {

using settings::Position;

struct Range {
  double first = 0, last = 0;
};

void updateStatus(OfxHandle effect, double time) {
  const Parameters parameters(effect);
  const std::string described = Engine::shared().description();
  // A host may render everything again for any parameter that is set.
  if (!described.empty() && parameters.text(control::kStatus, time) != described)
    parameters.setText(control::kStatus, described);
}

std::string askText(const wire::Message& question, bool patient = false) {
  std::string answer;
  Engine::shared().converse([&](auto& conversation) { answer = conversation.askText(question); }, nullptr, patient);
  return answer;
}

void chooseSource(OfxHandle effect, double time) {
  const Parameters parameters(effect);
  const char* const name = row(Position::source).name;
  const std::string chosen = askText({wire::Kind::ChooseSource, parameters.text(name, time)}, true);
  if (!chosen.empty()) parameters.setText(name, chosen);
}

void prepareIdentity(OfxHandle effect, double time) {
  wire::Writer body;
  body.values(settingValues(effect, time));
  showNote(effect, askText({wire::Kind::Prepare, std::move(body).body()}));
}

Range clipRange(OfxHandle effect, const Clip& source) {
  Range range;
  const auto* timeline = host().timeline;
  if (timeline && timeline->getTimeBounds && timeline->getTimeBounds(effect, &range.first, &range.last) == ofx::OK)
    return range;
  const char* const name = "OfxImageEffectPropFrameRange";
  return {source.properties().number(name, 0, 0), source.properties().number(name, 0, 1)};
}

void analyseRange(OfxHandle effect, Effect kind) {
  if (!host().honestAboutTime())
    throw EngineFailure(
        "expected a host that hands out other frames than the current one; this one is not known to. Run "
        "`mobilefaceswap analyse` on the clip and choose what it wrote as Track File");
  const Clip clip(effect, "Source");
  const Range range = clipRange(effect, clip);
  const Progress progress(effect, "Analysing faces");
  // On one lane from beginning to end: the engine collects there.
  const auto analyse = [&](Engine::Conversation& conversation) {
    for (double time = range.first; time <= range.last; ++time) {
      const ClipImage source(clip, time);
      if (!source) throw EngineFailure("the host has no picture at frame " + std::to_string(std::lround(time)));
      const Inputs inputs(effect, time);
      const PlateRequest request(effect, kind, {time, 1, 1}, clip, source, inputs);
      request.ask(conversation, wire::Kind::Analyse, time == range.first ? wire::FirstOfRange : 0u);
      if (!progress.update((time - range.first + 1) / (range.last - range.first + 1))) throw Aborted();
    }
    const std::string track = conversation.askText({wire::Kind::SaveTrack, ""});
    Parameters(effect).setText(row(Position::track_file).name, track);
  };
  Engine::shared().converse(analyse, nullptr, true);
}

void press(OfxHandle effect, Effect kind, const std::string& name, double time) {
  if (name == control::kChooseSource) chooseSource(effect, time);
  if (name == control::kPrepareIdentity) prepareIdentity(effect, time);
  if (name == control::kAnalyseRange) analyseRange(effect, kind);
  if (name == control::kClearCache) showNote(effect, askText({wire::Kind::ClearCache, ""}));
}

}  // namespace

OfxStatus instanceCreated(OfxHandle effect) {
  forgetErrors(effect);
  return ofx::OK;
}

OfxStatus instanceChanged(OfxHandle effect, Effect kind, const Properties& arguments) {
  if (arguments.text("OfxPropChangeReason") != "OfxChangeUserEdited") return ofx::ReplyDefault;
  const double time = arguments.number("OfxPropTime", 0);
  try {
    press(effect, kind, arguments.text("OfxPropName"), time);
    updateStatus(effect, time);
  } catch (const Aborted&) {
    return ofx::OK;
  } catch (const std::exception& error) {
    showError(effect, std::string("MobileFaceSwap: ") + error.what());
  }
  return ofx::OK;
}

}  // namespace mfs
