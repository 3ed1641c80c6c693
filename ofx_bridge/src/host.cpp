#include "host.h"

#include <algorithm>
#include <atomic>
#include <cctype>
#include <cmath>
#include <iterator>
#include <limits>
#include <map>
#include <memory>
#include <mutex>
#include <utility>

namespace mfs {
namespace {

std::atomic<OfxHost*> givenHost{nullptr};
std::atomic<const Host*> fetchedHost{nullptr};

constexpr char kError[] = "OfxMessageError", kWarning[] = "OfxMessageWarning";

// Of one node.
struct Notices {
  bool standing = false;
  // The kinds that were shown, by the type of message.
  std::map<std::string, std::set<std::string>> kinds;
  // The frames that passed through unswapped since the last edit.
  std::set<int64_t> passed;
};

std::mutex noticeMutex;
std::map<OfxHandle, Notices>& notices() {
  static auto* const ofNodes = new std::map<OfxHandle, Notices>;
  return *ofNodes;
}

template <class Suite>
const Suite* fetch(OfxHost* from, const char* name, int version) {
  return static_cast<const Suite*>(from->fetchSuite(from->host, name, version));
}

template <class Suite>
const Suite* required(OfxHost* from, const char* name) {
  const auto* suite = fetch<Suite>(from, name, 1);
  if (!suite) throw HostInadequate();
  return suite;
}

bool persistentMessagesWork(const Host& known) {
  const int broken = known.traits->brokenMessages;
  return known.persistentMessage && known.persistentMessage->setPersistentMessage &&
         (broken == 0 || Properties(known.properties).integer("OfxPropVersion", 0) != broken);
}

// Some hosts hand the arguments on in a way that loses them, so that the text itself is the format.
std::string asFormat(const std::string& text) {
  std::string format;
  for (char letter : text) format.append(letter == '%' ? 2 : 1, letter);
  return format;
}

// Numbers and lists of them differ from frame to frame.
std::string kindOf(const std::string& text) {
  std::string letters;
  std::copy_if(text.begin(), text.end(), std::back_inserter(letters),
               [](unsigned char letter) { return std::isalpha(letter) != 0; });
  return letters;
}

// Returns whether it is the first of its kind.
bool noteStanding(OfxHandle effect, const char* type, const std::string& text) {
  const std::lock_guard<std::mutex> lock(noticeMutex);
  Notices& node = notices()[effect];
  node.standing = true;
  return node.kinds[type].insert(kindOf(text)).second;
}

void say(OfxHandle effect, const char* type, const std::string& text) {
  const OfxMessageSuite* suite = host().message;
  if (suite && suite->message) (void)suite->message(effect, type, "", asFormat(text).c_str());
}

void showNotice(OfxHandle effect, const char* type, const std::string& reason) {
  const std::string text = "MobileFaceSwap: " + reason;
  const bool first = noteStanding(effect, type, text);
  // Hosts clear what stands on a node without a word; a dialog for every frame would be too much.
  if (persistentMessagesWork(host()))
    (void)host().persistentMessage->setPersistentMessage(effect, type, "", asFormat(text).c_str());
  else if (first)
    say(effect, type, text);
}

void clearNotice(OfxHandle effect) {
  {
    const std::lock_guard<std::mutex> lock(noticeMutex);
    const auto node = notices().find(effect);
    if (node == notices().end() || !std::exchange(node->second.standing, false)) return;
  }
  const OfxMessageSuite* suite = host().persistentMessage;
  if (persistentMessagesWork(host()) && suite->clearPersistentMessage) (void)suite->clearPersistentMessage(effect);
}

// What is to be told of a node whose frame is good: the frames beside it that passed through, and its own note.
std::string toldOf(OfxHandle effect, const std::string& note) {
  std::string text;
  {
    const std::lock_guard<std::mutex> lock(noticeMutex);
    const std::set<int64_t>& passed = notices()[effect].passed;
    if (!passed.empty()) text = "frames passed through unswapped: " + listed(passed);
  }
  if (!text.empty() && !note.empty()) text += "; ";
  return text + note;
}

void tell(OfxHandle effect, const std::string& note) {
  std::string shown, now = toldOf(effect, note);
  do {
    shown = now;
    shown.empty() ? clearNotice(effect) : showWarning(effect, shown);
    // While the host was busy, a frame on another thread may have passed through, and its error be gone by now.
    now = toldOf(effect, note);
  } while (now != shown);
}

std::optional<Depth> depthNamed(const std::string& name) {
  if (name == "OfxBitDepthByte") return Depth::Byte;
  if (name == "OfxBitDepthShort") return Depth::Short;
  if (name == "OfxBitDepthHalf") return Depth::Half;
  if (name == "OfxBitDepthFloat") return Depth::Float;
  return std::nullopt;
}

int componentsNamed(const std::string& name) {
  if (name == "OfxImageComponentRGBA") return 4;
  if (name == "OfxImageComponentRGB") return 3;
  return name == "OfxImageComponentAlpha" ? 1 : 0;
}

}  // namespace

bool Host::background() const { return Properties(properties).integer("OfxImageEffectHostPropIsBackground", 0) != 0; }

bool Host::showsOverlays() const {
  return Properties(properties).integer("OfxImageEffectPropSupportsOverlays", 0) != 0;
}

bool Host::takesFrameRate() const {
  return Properties(properties).integer("OfxImageEffectPropSetableFrameRate", 0) != 0;
}

void setHost(OfxHost* host) { givenHost = host; }

void fetchSuites() {
  OfxHost* from = givenHost;
  if (!from || !from->fetchSuite) throw HostInadequate();
  auto found = std::make_unique<Host>();
  found->properties = from->host;
  found->property = required<OfxPropertySuite>(from, "OfxPropertySuite");
  found->effect = required<OfxImageEffectSuite>(from, "OfxImageEffectSuite");
  found->parameter = required<OfxParameterSuite>(from, "OfxParameterSuite");
  found->message = fetch<OfxMessageSuite>(from, "OfxMessageSuite", 1);
  found->persistentMessage = fetch<OfxMessageSuite>(from, "OfxMessageSuite", 2);
  found->progress = fetch<OfxProgressSuite>(from, "OfxProgressSuite", 1);
  found->timeline = fetch<OfxTimeLineSuite>(from, "OfxTimeLineSuite", 1);
  found->draw = fetch<OfxDrawSuite>(from, "OfxDrawSuite", 1);
  found->interact = fetch<OfxInteractSuite>(from, "OfxInteractSuite", 1);
  const Host* before = fetchedHost;
  const bool known = before && before->properties == found->properties && before->property == found->property &&
                     before->effect == found->effect && before->parameter == found->parameter;
  if (known) return;
  // The record before stays where it is: another thread may be reading it. Hosts do not change often.
  char* name = nullptr;
  if (found->property->getString(found->properties, "OfxPropName", 0, &name) == ofx::OK && name) found->name = name;
  found->traits = &traitsOf(found->name);
  fetchedHost = found.release();
}

const Host& host() {
  const Host* known = fetchedHost;
  if (!known) throw HostInadequate();
  return *known;
}

void Properties::set(const char* name, int value, int index) const {
  (void)host().property->setInt(handle_, name, index, value);
}

void Properties::set(const char* name, double value, int index) const {
  (void)host().property->setDouble(handle_, name, index, value);
}

void Properties::set(const char* name, const char* value, int index) const {
  (void)host().property->setString(handle_, name, index, value);
}

void Properties::setPointer(const char* name, void* value) const {
  (void)host().property->setPointer(handle_, name, 0, value);
}

int Properties::integer(const char* name, int otherwise, int index) const {
  int value = otherwise;
  return handle_ && host().property->getInt(handle_, name, index, &value) == ofx::OK ? value : otherwise;
}

double Properties::number(const char* name, double otherwise, int index) const {
  double value = otherwise;
  const bool found = handle_ && host().property->getDouble(handle_, name, index, &value) == ofx::OK;
  return found && std::isfinite(value) ? value : otherwise;
}

std::string Properties::text(const char* name) const {
  char* value = nullptr;
  const bool found = handle_ && host().property->getString(handle_, name, 0, &value) == ofx::OK;
  return found && value ? value : "";
}

void* Properties::pointer(const char* name) const {
  void* value = nullptr;
  return handle_ && host().property->getPointer(handle_, name, 0, &value) == ofx::OK ? value : nullptr;
}

Properties effectProperties(OfxHandle effect) {
  OfxHandle properties = nullptr;
  return Properties(host().effect->getPropertySet(effect, &properties) == ofx::OK ? properties : nullptr);
}

Parameters::Parameters(OfxHandle effect) {
  if (host().effect->getParamSet(effect, &set_) != ofx::OK) set_ = nullptr;
}

OfxHandle Parameters::find(const char* name) const {
  OfxHandle parameter = nullptr;
  return set_ && host().parameter->getHandle(set_, name, &parameter, nullptr) == ofx::OK ? parameter : nullptr;
}

int Parameters::integer(const char* name, double time, int otherwise) const {
  OfxHandle parameter = find(name);
  int value = otherwise;
  return parameter && host().parameter->getValueAtTime(parameter, time, &value) == ofx::OK ? value : otherwise;
}

double Parameters::number(const char* name, double time, double otherwise) const {
  OfxHandle parameter = find(name);
  double value = otherwise;
  const bool found = parameter && host().parameter->getValueAtTime(parameter, time, &value) == ofx::OK;
  return found && std::isfinite(value) ? value : otherwise;
}

std::string Parameters::text(const char* name, double time) const {
  OfxHandle parameter = find(name);
  char* value = nullptr;
  const bool found = parameter && host().parameter->getValueAtTime(parameter, time, &value) == ofx::OK;
  return found && value ? value : "";
}

OfxPointD Parameters::point(const char* name, double time, OfxPointD otherwise) const {
  OfxHandle parameter = find(name);
  OfxPointD value = otherwise;
  const bool found = parameter && host().parameter->getValueAtTime(parameter, time, &value.x, &value.y) == ofx::OK;
  return found && std::isfinite(value.x) && std::isfinite(value.y) ? value : otherwise;
}

bool Parameters::keyed(const char* name) const {
  OfxHandle parameter = find(name);
  unsigned count = 0;
  const auto keys = host().parameter->getNumKeys;
  return parameter && keys && keys(parameter, &count) == ofx::OK && count > 0;
}

Properties Parameters::properties(const char* name) const {
  OfxHandle parameter = nullptr, found = nullptr;
  if (!set_ || host().parameter->getHandle(set_, name, &parameter, &found) != ofx::OK) return Properties();
  return Properties(found);
}

void Parameters::set(const char* name, const std::string& value) const {
  if (OfxHandle parameter = find(name)) (void)host().parameter->setValue(parameter, value.c_str());
}

void Parameters::set(const char* name, double value) const {
  if (OfxHandle parameter = find(name)) (void)host().parameter->setValue(parameter, value);
}

void Parameters::set(const char* name, int value) const {
  if (OfxHandle parameter = find(name)) (void)host().parameter->setValue(parameter, value);
}

void Parameters::set(const char* name, const OfxPointD& value) const {
  if (OfxHandle parameter = find(name)) (void)host().parameter->setValue(parameter, value.x, value.y);
}

void Parameters::beginEdit(const char* label) const {
  if (set_ && host().parameter->editBegin) (void)host().parameter->editBegin(set_, label);
}

void Parameters::endEdit() const {
  if (set_ && host().parameter->editEnd) (void)host().parameter->editEnd(set_);
}

Clip::Clip(OfxHandle effect, const char* name) {
  OfxHandle properties = nullptr;
  if (host().effect->clipGetHandle(effect, name, &handle_, &properties) != ofx::OK) handle_ = nullptr;
  properties_ = Properties(handle_ ? properties : nullptr);
}

bool Clip::connected() const { return handle_ && properties_.integer("OfxImageClipPropConnected", 0) != 0; }

std::optional<OfxRectD> Clip::regionOfDefinition(double time) const {
  OfxRectD bounds{};
  if (!handle_ || host().effect->clipGetRegionOfDefinition(handle_, time, &bounds) != ofx::OK) return std::nullopt;
  return bounds;
}

std::optional<FrameRange> Clip::frameRange() const {
  const char* const name = "OfxImageEffectPropFrameRange";
  const double nothing = std::numeric_limits<double>::quiet_NaN();
  const FrameRange range{properties_.number(name, nothing, 0), properties_.number(name, nothing, 1)};
  // What is not told is in no order, either.
  return range.first <= range.last ? std::optional(range) : std::nullopt;
}

ClipImage::ClipImage(const Clip& clip, double time) {
  OfxHandle handle = nullptr;
  if (!clip.handle() || host().effect->clipGetImage(clip.handle(), time, nullptr, &handle) != ofx::OK) return;
  properties_ = Properties(handle);
  const auto depth = depthNamed(properties_.text("OfxImageEffectPropPixelDepth"));
  image_.components = componentsNamed(properties_.text("OfxImageEffectPropComponents"));
  image_.data = static_cast<std::byte*>(properties_.pointer("OfxImagePropData"));
  image_.rowBytes = properties_.integer("OfxImagePropRowBytes", 0);
  int* const bounds[] = {&image_.bounds.x1, &image_.bounds.y1, &image_.bounds.x2, &image_.bounds.y2};
  for (int i = 0; i < 4; ++i) *bounds[i] = properties_.integer("OfxImagePropBounds", 0, i);
  if (depth) image_.depth = *depth;
  usable_ = depth && image_.components && image_.data && !isEmpty(image_.bounds);
}

ClipImage::~ClipImage() {
  if (properties_) (void)host().effect->clipReleaseImage(properties_.handle());
}

std::string listed(const std::set<int64_t>& frames) {
  constexpr int kMostRanges = 10;
  std::string text;
  int ranges = 0;
  for (auto frame = frames.begin(); frame != frames.end();) {
    // No letters, so that the message stays of its kind: see kindOf.
    if (ranges++ == kMostRanges) return text + ", ... (" + std::to_string(frames.size()) + ")";
    const int64_t first = *frame;
    int64_t last = first;
    while (++frame != frames.end() && *frame == last + 1) last = *frame;
    text += (text.empty() ? "" : ", ") + std::to_string(first);
    if (first != last) text += "-" + std::to_string(last);
  }
  return text;
}

void showError(OfxHandle effect, const std::string& text) { showNotice(effect, kError, text); }

void showWarning(OfxHandle effect, const std::string& text) { showNotice(effect, kWarning, text); }

void notePassed(OfxHandle effect, double time, const std::string& reason) {
  const int64_t frame = std::llround(time);
  {
    const std::lock_guard<std::mutex> lock(noticeMutex);
    notices()[effect].passed.insert(frame);
  }
  const std::string passed = "MobileFaceSwap: frame " + std::to_string(frame) + " passed through unswapped: ";
  say(effect, "OfxMessageLog", passed + reason);
  showError(effect, reason);
}

void noteGood(OfxHandle effect, double time, const std::string& note) {
  {
    const std::lock_guard<std::mutex> lock(noticeMutex);
    Notices& node = notices()[effect];
    node.passed.erase(std::llround(time));
    if (node.passed.empty()) node.kinds.erase(kError);
  }
  tell(effect, note);
}

void noteEdit(OfxHandle effect) {
  {
    const std::lock_guard<std::mutex> lock(noticeMutex);
    notices()[effect].passed.clear();
  }
  tell(effect, "");
}

void noteRemedy(OfxHandle effect) {
  {
    const std::lock_guard<std::mutex> lock(noticeMutex);
    notices()[effect].kinds.erase(kError);
  }
  tell(effect, "");
}

void forgetNotices(OfxHandle effect) {
  const std::lock_guard<std::mutex> lock(noticeMutex);
  notices().erase(effect);
}

void showNote(OfxHandle effect, const std::string& text) { say(effect, "OfxMessageMessage", text); }

Progress::Progress(OfxHandle effect, const char* label) : effect_(effect) {
  if (host().progress && host().progress->start) (void)host().progress->start(effect_, label);
}

Progress::~Progress() {
  if (host().progress && host().progress->end) (void)host().progress->end(effect_);
}

bool Progress::update(double share) const {
  return !host().progress || !host().progress->update || host().progress->update(effect_, share) != ofx::ReplyNo;
}

}  // namespace mfs
