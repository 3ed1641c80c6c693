#include "request.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <mutex>
#include <set>

namespace mfs {
namespace {

using settings::Position;
using settings::Type;

constexpr size_t kPage = 4096;
constexpr size_t kFloat = sizeof(float);

// Of the frames in progress.
struct Numbers {
  static Numbers& shared() {
    // Never destroyed: other threads of the host may still be here when the process ends.
    static Numbers* const numbers = new Numbers;
    return *numbers;
  }

  std::mutex mutex;
  std::set<uint64_t> used;
  uint64_t last = 0;
};

uint64_t nextNumber() {
  Numbers& numbers = Numbers::shared();
  const std::lock_guard<std::mutex> lock(numbers.mutex);
  numbers.used.insert(++numbers.last);
  return numbers.last;
}

bool isEntry(const settings::Row& choice, int value) { return value >= 0 && value < choice.entries; }

bool isText(const settings::Row& setting) { return setting.type == Type::File || setting.type == Type::Text; }

// Some hosts take any text for a choice, and the default for what they do not know.
void checkTyped(const Parameters& parameters, const settings::Row& setting) {
  const char* const property = host().traits->typedChoice;
  const std::string typed = property ? parameters.properties(setting.name).text(property) : "";
  std::string known;
  for (int entry = 0; entry < setting.entries; ++entry) {
    if (typed.empty() || typed == setting.entryLabels[entry]) return;
    known += std::string(entry ? ", " : "") + setting.entryLabels[entry];
  }
  if (!typed.empty())
    throw EngineFailure(std::string("expected ") + setting.label + " to be one of " + known + "; found \"" + typed +
                        "\"");
}

// Projects of a later version may hold entries that there are not yet.
void checkEntry(const Parameters& parameters, const settings::Row& setting, double time) {
  const int entry = parameters.integer(setting.name, time, static_cast<int>(setting.byDefault));
  if (isEntry(setting, entry)) return;
  throw EngineFailure(std::string("expected ") + setting.label + " to be one of its " +
                      std::to_string(setting.entries) + " entries; found number " + std::to_string(entry) +
                      ", as a project of a later version may hold it. Choose it again, or update MobileFaceSwap");
}

std::string packedSight(int64_t time, const std::string& sight) {
  wire::Writer writer;
  writer.put(time).put(static_cast<uint32_t>(sight.size())).text(sight);
  return std::move(writer).body();
}

Answer needed(const std::string& body) {
  wire::Reader reader(body);
  Answer answer;
  for (size_t left = body.size() / sizeof(int64_t); left > 0; --left) answer.needs.push_back(reader.take<int64_t>());
  if (answer.needs.empty()) throw wire::Malformed("a wish for no frame");
  return answer;
}

}  // namespace

FrameNumber::FrameNumber() : value(nextNumber()) {}

FrameNumber::~FrameNumber() {
  Numbers& numbers = Numbers::shared();
  const std::lock_guard<std::mutex> lock(numbers.mutex);
  numbers.used.erase(value);
}

uint64_t FrameNumber::oldest() {
  Numbers& numbers = Numbers::shared();
  const std::lock_guard<std::mutex> lock(numbers.mutex);
  return *numbers.used.begin();
}

const settings::Row& row(Position position) { return settings::kRows[static_cast<int>(position)]; }

double settingValue(const Parameters& parameters, Position position, double time) {
  const settings::Row& setting = row(position);
  if (setting.type == Type::Double)
    return std::clamp(parameters.number(setting.name, time, setting.byDefault), setting.minimum, setting.maximum);
  const int byDefault = static_cast<int>(setting.byDefault);
  const int value = parameters.integer(setting.name, time, byDefault);
  if (setting.type == Type::Boolean) return value != 0;
  if (setting.type == Type::Choice) return isEntry(setting, value) ? value : byDefault;
  return std::clamp<double>(value, setting.minimum, setting.maximum);
}

bool hasSetting(Effect effect, Position position) {
  return effect == Effect::FaceSwap || (position != Position::output_mode && position != Position::matte_to_alpha);
}

wire::Values settingValues(OfxHandle effect, double time) {
  const Parameters parameters(effect);
  wire::Values values;
  int position = 0;
  for (const settings::Row& setting : settings::kRows) {
    if (setting.type == Type::Choice) {
      checkTyped(parameters, setting);
      checkEntry(parameters, setting, time);
    }
    const auto here = static_cast<Position>(position++);
    if (!isText(setting)) {
      values.numbers.push_back(settingValue(parameters, here, time));
      continue;
    }
    values.texts.push_back(parameters.text(setting.name, time));
    // A space that the user names is looked for where the host looks for its own.
    if (here == Position::ocio_config && values.texts.back().empty()) values.texts.back() = hostConfig(effect);
  }
  return values;
}

const settings::Output& outputOf(OfxHandle effect, Effect kind, double time) {
  if (kind == Effect::FaceMatte) return settings::kOutputs[settings::output_mode_entry::kMatte];
  return settings::kOutputs[static_cast<int>(settingValue(Parameters(effect), Position::output_mode, time))];
}

bool matteIsAlpha(OfxHandle effect, Effect kind, double time) {
  return hasSetting(kind, Position::matte_to_alpha) && outputOf(effect, kind, time).alphaSwitch &&
         settingValue(Parameters(effect), Position::matte_to_alpha, time) != 0;
}

PlateRequest::PlateRequest(OfxHandle effect, Effect kind, const FrameArguments& arguments, const Clip& sourceClip,
                           const ClipImage& source, const Inputs& inputs)
    : source_(source), inputs_(inputs), values_(settingValues(effect, arguments.time)) {
  const Image& image = source.image();
  picture_.frame = number_.value;
  picture_.time = static_cast<int64_t>(std::llround(arguments.time));
  picture_.pixelAspect = pixelAspect(sourceClip, source, arguments);
  picture_.width = image.width();
  picture_.height = image.height();
  picture_.channels = image.components == 3 ? 3 : 4;
  spaces_.plate = declaredSpace(sourceClip);
  spaces_.config = hostConfig(effect);
  if (isPremultiplied(source)) picture_.flags |= wire::Premultiplied;
  if (kind == Effect::FaceMatte) picture_.flags |= wire::MatteOnly;
  if (arguments.batch) picture_.flags |= wire::Batch;
  if (arguments.draft) picture_.flags |= wire::Draft;
  if (host().traits->linear) picture_.flags |= wire::LinearHost;
  if (host().traits->temporal && !arguments.draft) picture_.flags |= wire::Temporal;
  if (host().showsOverlays() && !arguments.batch) picture_.flags |= wire::Outlines;
  describeWindows(picture_, effect, sourceClip, source, arguments);
  inputs.describe(picture_, spaces_);
}

size_t PlateRequest::plateBytes() const {
  return kFloat * static_cast<size_t>(picture_.width) * static_cast<size_t>(picture_.height) *
         static_cast<size_t>(picture_.channels);
}

size_t PlateRequest::resultOffset() const {
  return (plateBytes() + inputs_.bytes(source_.image()) + kPage - 1) / kPage * kPage;
}

// Copies the plate, top row first; returns whether it is the one that lay there already.
bool PlateRequest::storePlate(std::byte* segment, bool resident) const {
  const Image& image = source_.image();
  const size_t rowBytes = plateBytes() / static_cast<size_t>(picture_.height);
  const bool direct = image.depth == Depth::Float && image.components == picture_.channels;
  std::vector<float> converted(direct ? 0 : rowBytes / kFloat);
  bool same = resident;
  for (int y = image.bounds.y2 - 1; y >= image.bounds.y1; --y, segment += rowBytes) {
    const void* pixels = image.at(image.bounds.x1, y);
    if (!direct) {
      readRow(image, y, image.bounds.x1, image.bounds.x2, picture_.channels, converted.data());
      pixels = converted.data();
    }
    if (same && std::memcmp(segment, pixels, rowBytes) == 0) continue;
    same = false;
    std::memcpy(segment, pixels, rowBytes);
  }
  return same;
}

void PlateRequest::know(int64_t time, const std::string& sight) {
  sights_ += packedSight(time, sight);
  ++known_;
}

void PlateRequest::forget() {
  sights_.clear();
  known_ = 0;
}

wire::Message PlateRequest::send(Engine::Conversation& conversation, wire::Kind kind,
                                 const std::function<void()>& meanwhile) const {
  Lane& lane = conversation.lane();
  wire::Picture picture = picture_;
  picture.oldest = FrameNumber::oldest();
  const size_t largestResult = 4 * kFloat * static_cast<size_t>(picture.width) * static_cast<size_t>(picture.height);
  Segment& segment = conversation.segment(resultOffset(), resultOffset() + largestResult);
  const bool resident = lane.holdsPlate(picture.width, picture.height, picture.channels);
  lane.forgetPlate();
  if (storePlate(segment.data(), resident)) picture.flags |= wire::SamePlate;
  inputs_.store(source_, segment.data() + plateBytes());
  if (!lane.segmentKnown) picture.flags |= wire::NewSegment;
  picture.segmentBytes = segment.capacity();
  wire::Writer writer;
  writer.put(picture).spaces(spaces_).values(values_);
  if (kind != wire::Kind::Analyse) writer.put(known_).text(sights_);
  wire::Message answer = conversation.ask({kind, std::move(writer).body()}, meanwhile);
  lane.residentWidth = picture.width;
  lane.residentHeight = picture.height;
  lane.residentChannels = picture.channels;
  return answer;
}

std::string PlateRequest::look(Engine::Conversation& conversation, const PlateRequest& other) {
  // Where settings are animated, those of the frame that is rendered count throughout.
  values_ = other.values_;
  picture_.frame = other.picture_.frame;
  sights_ = other.sights_;
  known_ = other.known_;
  const wire::Message answer = send(conversation, wire::Kind::Neighbour, nullptr);
  if (answer.kind != wire::Kind::Sight) throw LinkBroken("the engine answered something that was not asked");
  return answer.body;
}

Answer PlateRequest::ask(Engine::Conversation& conversation, wire::Kind kind,
                         const std::function<void()>& meanwhile) const {
  const wire::Message answer = send(conversation, kind, meanwhile);
  const bool needs = kind == wire::Kind::Render && answer.kind == wire::Kind::Need;
  if (!needs && answer.kind != wire::Kind::Rendered)
    throw LinkBroken("the engine answered something that was not asked");
  try {
    return needs ? needed(answer.body) : read(answer.body);
  } catch (const wire::Malformed& error) {
    throw LinkBroken(std::string("the engine answered with ") + error.what());
  }
}

Answer PlateRequest::read(const std::string& body) const {
  wire::Reader reader(body);
  Answer answer;
  const wire::Changed& changed = answer.changed = reader.take<wire::Changed>();
  const bool inside = changed.x1 >= 0 && changed.y1 >= 0 && changed.x1 <= changed.x2 && changed.y1 <= changed.y2 &&
                      changed.x2 <= picture_.width && changed.y2 <= picture_.height;
  const bool described = changed.channels == 1 || changed.channels == 3 || changed.channels == 4;
  if (!inside || !described || changed.offset != resultOffset())
    throw wire::Malformed("a rectangle that is not of this frame");
  for (uint32_t face = 0; face < changed.faces; ++face) answer.faces.push_back(reader.take<wire::Face>());
  for (const wire::Face& face : answer.faces)
    for (uint32_t line = 0; line < face.lines; ++line) answer.lines.push_back(reader.take<wire::Line>());
  answer.note = reader.text();
  return answer;
}

}  // namespace mfs
