#include <algorithm>
#include <atomic>
#include <cmath>
#include <utility>

#include "actions.h"

namespace mfs {
namespace {

using settings::Position;

std::string askText(const wire::Message& question, const Patience& patience = {}) {
  std::string answer;
  const auto ask = [&](auto& conversation) { answer = conversation.askText(question); };
  Engine::shared().converse(ask, patience);
  return answer;
}

// For a dialog that the engine shows.
Patience attended() {
  Patience patience;
  patience.attended = true;
  return patience;
}

wire::Message withValues(wire::Kind kind, const Call& call) {
  wire::Writer body;
  body.values(settingValues(call.effect, call.time()));
  return {kind, std::move(body).body()};
}

// What the engine did; nothing where the user closed its dialog.
void report(const Call& call, const std::string& done) {
  if (!done.empty()) showNote(call.effect, done);
}

void chooseSource(const Call& call) {
  const Parameters parameters(call.effect);
  const char* const name = row(Position::source).name;
  const std::string chosen = askText({wire::Kind::ChooseSource, parameters.text(name, call.time())}, attended());
  if (!chosen.empty()) parameters.set(name, chosen);
}

// Chooses a pack or a detector from those on this machine, each with its licence.
void choose(const Call& call, Position position) {
  wire::Writer body;
  body.values(settingValues(call.effect, call.time())).text(row(position).name);
  const std::string chosen = askText({wire::Kind::Choose, std::move(body).body()}, attended());
  if (!chosen.empty()) Parameters(call.effect).set(row(position).name, chosen);
}

void prepareIdentity(const Call& call) { report(call, askText(withValues(wire::Kind::Prepare, call))); }

// Sets what the look changes and nothing else, so that keyframes of the rest stay.
void setChanged(const Call& call, const wire::Values& before, const wire::Values& after) {
  if (before.numbers.size() != after.numbers.size()) throw EngineFailure("the look has other settings than this node");
  const Parameters parameters(call.effect);
  const Edit edit(parameters, "Load Look");
  size_t number = 0;
  for (const settings::Row& setting : settings::kRows) {
    if (setting.type == settings::Type::File || setting.type == settings::Type::Text) continue;
    const double value = after.numbers[number], old = before.numbers[number++];
    if (value == old) continue;
    if (setting.type == settings::Type::Double)
      parameters.set(setting.name, value);
    else
      parameters.set(setting.name, static_cast<int>(value));
  }
}

void loadLook(const Call& call) {
  wire::Message answer{};
  const auto ask = [&](auto& conversation) { answer = conversation.ask(withValues(wire::Kind::LoadLook, call)); };
  Engine::shared().converse(ask, attended());
  if (answer.kind != wire::Kind::Look) return report(call, answer.body);
  setChanged(call, settingValues(call.effect, call.time()), wire::Reader(answer.body).values());
}

std::optional<FrameRange> timelineRange(OfxHandle effect) {
  FrameRange range;
  const auto* timeline = host().timeline;
  const bool told = timeline && timeline->getTimeBounds &&
                    timeline->getTimeBounds(effect, &range.first, &range.last) == ofx::OK && range.first <= range.last;
  return told ? std::optional(range) : std::nullopt;
}

// What the timeline shows of the clip; all of a clip that lies beside it.
FrameRange analysedRange(OfxHandle effect, const Clip& source) {
  const auto clip = source.frameRange(), timeline = timelineRange(effect);
  if (!clip || !timeline) return clip ? *clip : timeline.value_or(FrameRange());
  const FrameRange both{std::max(clip->first, timeline->first), std::min(clip->last, timeline->last)};
  return both.first <= both.last ? both : *clip;
}

// Ranges of one host have numbers of their own.
uint32_t nextRange() {
  static std::atomic<uint32_t> last{0};
  return ++last;
}

// Another engine answers than the one that holds the frames of a range.
class EngineReplaced : public EngineFailure {
 public:
  using EngineFailure::EngineFailure;
};

// The link to one and the same engine.
class SameEngine {
 public:
  explicit SameEngine(AbortFunction cancelled) : cancelled_(std::move(cancelled)) {}

  // Throws EngineReplaced, and what Engine::converse throws.
  void converse(const std::function<void(Engine::Conversation&)>& talk) {
    const auto checked = [&](Engine::Conversation& conversation) {
      const unsigned now = conversation.lane().generation, first = std::exchange(engine_, now);
      if (first != 0 && first != now)
        throw EngineReplaced(
            "expected one engine for the whole range; it ended on the way, twice. Run `mobilefaceswap doctor`, then "
            "analyse the range again");
      talk(conversation);
    };
    Engine::shared().converse(checked, {cancelled_});
  }

 private:
  AbortFunction cancelled_;
  unsigned engine_ = 0;
};

// Returns what the user should know; nothing where the host has no such frame. It is asked for it before a lane is
// taken: it may render it through further nodes of ours.
std::optional<std::string> analyseFrame(const Call& call, SameEngine& engine, const Clip& clip, double time,
                                        uint32_t range) {
  const ClipImage source(clip, time);
  if (!source) return std::nullopt;
  const FrameArguments arguments{time, 1, 1, true};
  const Inputs none;
  PlateRequest request(call.effect, call.kind, arguments, clip, source, none);
  request.setRange(range);
  std::string note;
  engine.converse(
      [&](Engine::Conversation& conversation) { note = request.ask(conversation, wire::Kind::Analyse).note; });
  return note;
}

std::string lacking(const std::set<int64_t>& missing) {
  return "the track lacks frames that the host has no picture of: " + listed(missing);
}

// Returns the track's path.
std::string saveTrack(SameEngine& engine, uint32_t range) {
  wire::Writer body;
  body.put(wire::Range{range});
  const wire::Message question{wire::Kind::SaveTrack, std::move(body).body()};
  std::string track;
  engine.converse([&](Engine::Conversation& conversation) { track = conversation.askText(question); });
  return track;
}

void analyseRange(const Call& call) {
  if (!host().traits->temporal)
    throw EngineFailure(
        "expected a host that hands out other frames than the current one; this one is not known to. Run "
        "`mobilefaceswap analyse` on the clip and choose what it wrote as Track File");
  const Clip clip(call.effect, "Source");
  const FrameRange range = analysedRange(call.effect, clip);
  const Progress progress(call.effect, "Analysing faces");
  double share = 0;
  std::string note;
  std::set<int64_t> missing;
  // Also asked while a frame takes its time: hosts answer their user whenever the bar moves.
  const auto cancelled = [&] { return !progress.update(share); };
  const auto analyse = [&] {
    SameEngine engine(cancelled);
    const uint32_t number = nextRange();
    bool found = false;
    missing.clear();
    for (double time = range.first; time <= range.last; ++time) {
      const auto said = analyseFrame(call, engine, clip, time, number);
      if (!said) missing.insert(std::llround(time));
      found = found || said;
      if (said && !said->empty()) note = *said;
      share = (time - range.first + 1) / (range.last - range.first + 1);
      if (cancelled()) throw Aborted();
    }
    if (!found)
      throw EngineFailure("expected a picture to analyse; the host has none of frames " + listed(missing) +
                          ". Connect a clip that covers the timeline");
    return saveTrack(engine, number);
  };
  std::string track;
  try {
    track = analyse();
  } catch (const EngineReplaced&) {
    track = analyse();
  }
  Parameters(call.effect).set(row(Position::track_file).name, track);
  if (!missing.empty()) note += (note.empty() ? "" : "; ") + lacking(missing);
  report(call, note);
}

struct Action {
  const char* control;
  void (*press)(const Call& call);
};

constexpr Action kActions[] = {
    {control::kChooseSource, chooseSource},
    {control::kPrepareIdentity, prepareIdentity},
    {control::kChoosePack, [](const Call& call) { choose(call, Position::pack); }},
    {control::kChooseDetector, [](const Call& call) { choose(call, Position::detector); }},
    {control::kAnalyseRange, analyseRange},
    {control::kExportTrack,
     [](const Call& call) { report(call, askText(withValues(wire::Kind::ExportTrack, call), attended())); }},
    {control::kLoadLook, loadLook},
    {control::kSaveLook,
     [](const Call& call) { report(call, askText(withValues(wire::Kind::SaveLook, call), attended())); }},
    {control::kClearCache, [](const Call& call) { report(call, askText({wire::Kind::ClearCache, ""})); }},
};

}  // namespace

bool press(const Call& call, const std::string& control) {
  for (const Action& action : kActions) {
    if (control != action.control) continue;
    action.press(call);
    return true;
  }
  for (const char* group : settings::kGroups) {
    if (control != helpButton(group)) continue;
    report(call, askText({wire::Kind::Help, group}));
    return true;
  }
  return false;
}

std::string describedByEngine(const Call& call, bool hurried) {
  Patience patience;
  patience.hurried = hurried;
  return askText(withValues(wire::Kind::Describe, call), patience);
}

}  // namespace mfs
