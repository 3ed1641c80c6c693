#include <algorithm>
#include <string>

#include "actions.h"
#include "overlay.h"
#include "point.h"

namespace mfs {
namespace {

using settings::Position;
using settings::Row;
using settings::Type;

// How each of the two effects presents itself.
struct Words {
  const char* label;
  const char* description;
};

constexpr Words kWords[] = {
    {"Face Swap",
     "Replaces a face in the plate with the face of a source person. Every output a compositor needs: the finished "
     "frame, the face as a layer, its matte, and pictures to check them by."},
    {"Face Matte",
     "The matte of the swapped face in every channel, for hosts whose nodes have one output. Give it the settings of "
     "the Face Swap node that it belongs to."},
};

// Where hosts show pages as tabs, and the groups that lie on each.
struct Page {
  const char* name;
  const char* label;
  std::vector<const char*> groups;
};

const Page kPages[] = {
    {"controls", "Controls", {"Source", "Face Selection", "Swap", "Output"}},
    {"tracking", "Tracking", {"Analysis & Tracking"}},
    {"matte", "Matte", {"Matte"}},
    {"look", "Look", {"Colour & Detail"}},
};

struct Button {
  const char* name;
  const char* group;
  const char* label;
  const char* hint;
};

constexpr Button kButtons[] = {
    {control::kChooseSource, "Source", "Choose Source...",
     "Opens a file dialog, for hosts that have no Browse button of their own."},
    {control::kPrepareIdentity, "Source", "Prepare Identity",
     "Reads the source now rather than with the first frame, and reports what was found. Optional."},
    {control::kChooseDetector, "Analysis & Tracking", "Choose Detector...",
     "Lists the face detectors of this machine with their licences."},
    {control::kChoosePack, "Swap", "Choose Pack...", "Lists the model packs of this machine with their licences."},
    {control::kAnalyseRange, "Analysis & Tracking", "Analyse Range",
     "Finds the faces of every frame, stores them as a track and sets Track File to it."},
    {control::kExportTrack, "Analysis & Tracking", "Export Track...",
     "Saves a copy of the track file and of its corrections."},
    {control::kClearCache, "Analysis & Tracking", "Clear Cache",
     "Frees what the engine keeps of earlier frames. Renders are correct without it."},
    {control::kLoadLook, "Output", "Load Look...", "Sets the controls that a saved look holds."},
    {control::kSaveLook, "Output", "Save Look...",
     "Saves the controls of matte and look for other shots. Source, tracking, colour spaces, View Exposure, Pixel Boost "
     "and output stay with the node."},
};

// "Analysis & Tracking" becomes "group_analysis_tracking".
std::string groupName(const std::string& label) {
  std::string name = "group_";
  for (char letter : label) {
    const bool upper = letter >= 'A' && letter <= 'Z', lower = letter >= 'a' && letter <= 'z';
    if (upper || lower)
      name += static_cast<char>(upper ? letter - 'A' + 'a' : letter);
    else if (name.back() != '_')
      name += '_';
  }
  return name;
}

Properties define(OfxHandle set, const char* type, const char* name, const char* label, const char* hint) {
  OfxHandle handle = nullptr;
  if (host().parameter->define(set, type, name, &handle) != ofx::OK || !handle) return Properties();
  const Properties properties(handle);
  properties.set("OfxPropLabel", label);
  properties.set("OfxPropShortLabel", label);
  properties.set("OfxPropLongLabel", label);
  properties.set("OfxParamPropScriptName", name);
  if (*hint) properties.set("OfxParamPropHint", hint);
  return properties;
}

template <class Number>
void setRange(const Properties& properties, const Row& setting) {
  properties.set("OfxParamPropDefault", static_cast<Number>(setting.byDefault));
  for (const char* name : {"OfxParamPropMin", "OfxParamPropDisplayMin"})
    properties.set(name, static_cast<Number>(setting.minimum));
  for (const char* name : {"OfxParamPropMax", "OfxParamPropDisplayMax"})
    properties.set(name, static_cast<Number>(setting.maximum));
}

const char* typeName(Type type) {
  switch (type) {
    case Type::Boolean: return "OfxParamTypeBoolean";
    case Type::Integer: return "OfxParamTypeInteger";
    case Type::Double: return "OfxParamTypeDouble";
    case Type::Choice: return "OfxParamTypeChoice";
    case Type::File:
    case Type::Text: break;
  }
  return "OfxParamTypeString";
}

void setValueProperties(const Properties& properties, const Row& setting) {
  switch (setting.type) {
    case Type::Double:
      setRange<double>(properties, setting);
      properties.set("OfxParamPropIncrement", setting.maximum > 1 ? 0.1 : 0.01);
      properties.set("OfxParamPropDigits", 3);
      properties.set("OfxParamPropDoubleType", "OfxParamDoubleTypePlain");
      return;
    case Type::Integer: return setRange<int>(properties, setting);
    case Type::File:
      properties.set("OfxParamPropStringMode", "OfxParamStringIsFilePath");
      properties.set("OfxParamPropStringFilePathExists", 1);
      return properties.set("OfxParamPropDefault", "");
    case Type::Text:
      properties.set("OfxParamPropStringMode", "OfxParamStringIsSingleLine");
      return properties.set("OfxParamPropDefault", setting.textByDefault);
    case Type::Choice:
      for (int entry = 0; entry < setting.entries; ++entry)
        properties.set("OfxParamPropChoiceOption", setting.entryLabels[entry], entry);
      break;
    case Type::Boolean: break;
  }
  properties.set("OfxParamPropDefault", static_cast<int>(setting.byDefault));
}

void defineSetting(OfxHandle set, const Row& setting, const char* parent) {
  const Properties properties = define(set, typeName(setting.type), setting.name, setting.label, setting.hint);
  if (!properties) return;
  properties.set("OfxParamPropParent", parent);
  properties.set("OfxParamPropAnimates", setting.animates ? 1 : 0);
  setValueProperties(properties, setting);
}

void defineStatus(OfxHandle set, const char* parent) {
  const Properties properties = define(set, "OfxParamTypeString", control::kStatus, "Engine",
                                       "What renders, with which pack and under which licence. Read-only.");
  if (!properties) return;
  properties.set("OfxParamPropParent", parent);
  properties.set("OfxParamPropStringMode", "OfxParamStringIsLabel");
  properties.set("OfxParamPropAnimates", 0);
  properties.set("OfxParamPropEvaluateOnChange", 0);
  properties.set("OfxParamPropCanUndo", 0);
  properties.set("OfxParamPropPersistant", 0);
  properties.set("OfxParamPropDefault", "");
}

// What every shot needs is open; the rest is folded.
bool isOnFirstPage(const std::string& group) {
  const auto& groups = kPages[0].groups;
  return std::find(groups.begin(), groups.end(), group) != groups.end();
}

void defineGroup(OfxHandle set, Effect kind, const std::string& label) {
  const std::string name = groupName(label);
  if (const Properties group = define(set, "OfxParamTypeGroup", name.c_str(), label.c_str(), ""))
    group.set("OfxParamPropGroupOpen", isOnFirstPage(label) ? 1 : 0);
  int position = 0;
  for (const Row& setting : settings::kRows)
    if (const auto here = static_cast<Position>(position++); setting.group == label && hasSetting(kind, here))
      defineSetting(set, setting, name.c_str());
  if (label == row(Position::face_point_x).group) {
    const char* const hint = "Where Point X and Point Y are in the viewer; drag its crosshair.";
    if (const auto point = define(set, "OfxParamTypeDouble2D", control::kPoint, "Point", hint))
      definePoint(point, name.c_str());
  }
  for (const Button& button : kButtons) {
    if (button.group != label) continue;
    if (const auto made = define(set, "OfxParamTypePushButton", button.name, button.label, button.hint))
      made.set("OfxParamPropParent", name.c_str());
  }
  if (label == "Source") defineStatus(set, name.c_str());
  const char* const hint = "Opens the documentation of these controls, or says where it is.";
  if (const auto made = define(set, "OfxParamTypePushButton", helpButton(label.c_str()).c_str(), "?", hint))
    made.set("OfxParamPropParent", name.c_str());
}

void definePages(OfxHandle set) {
  for (const Page& page : kPages) {
    const Properties properties = define(set, "OfxParamTypePage", page.name, page.label, "");
    int child = 0;
    for (const char* group : page.groups)
      if (properties) properties.set("OfxParamPropPageChild", groupName(group).c_str(), child++);
  }
}

Properties defineClip(OfxHandle effect, const char* name, bool optional, bool mask) {
  OfxHandle handle = nullptr;
  if (host().effect->clipDefine(effect, name, &handle) != ofx::OK) return Properties();
  const Properties clip(handle);
  int components = 0;
  for (const char* supported : {"OfxImageComponentRGBA", "OfxImageComponentRGB", "OfxImageComponentAlpha"})
    clip.set("OfxImageEffectPropSupportedComponents", supported, components++);
  clip.set("OfxImageEffectPropTemporalClipAccess", host().traits->temporal ? 1 : 0);
  clip.set("OfxImageEffectPropSupportsTiles", 0);
  clip.set("OfxImageClipPropOptional", optional ? 1 : 0);
  clip.set("OfxImageClipPropIsMask", mask ? 1 : 0);
  clip.set("OfxImageClipPropFieldExtraction", "OfxFieldDoubled");
  return clip;
}

void describePresence(const Properties& properties, Effect kind) {
  const Words& words = kWords[static_cast<int>(kind)];
  for (const char* name : {"OfxPropLabel", "OfxPropShortLabel", "OfxPropLongLabel"}) properties.set(name, words.label);
  properties.set("OfxPropPluginDescription", words.description);
  properties.set("OfxPropVersionLabel", settings::kVersion);
  properties.set("OfxImageEffectPluginPropGrouping", "MobileFaceSwap");
  const std::string icon = identifierOf(kind);
  properties.set("OfxPropIcon", (icon + ".svg").c_str(), 0);
  properties.set("OfxPropIcon", (icon + ".png").c_str(), 1);
  int order = 0;
  for (const Page& page : kPages) properties.set("OfxPluginPropParamPageOrder", page.name, order++);
}

void describeAbilities(const Properties& properties) {
  properties.set("OfxImageEffectPropSupportedContexts", "OfxImageEffectContextFilter", 0);
  properties.set("OfxImageEffectPropSupportedContexts", "OfxImageEffectContextGeneral", 1);
  int depths = 0;
  for (const char* depth : {"OfxBitDepthByte", "OfxBitDepthShort", "OfxBitDepthHalf", "OfxBitDepthFloat"})
    properties.set("OfxImageEffectPropSupportedPixelDepths", depth, depths++);
  properties.set("OfxImageEffectPluginPropSingleInstance", 0);
  properties.set("OfxImageEffectPluginPropHostFrameThreading", 0);
  properties.set("OfxImageEffectPluginRenderThreadSafety", "OfxImageEffectRenderFullySafe");
  properties.set("OfxImageEffectPropSupportsMultiResolution", 1);
  properties.set("OfxImageEffectPropSupportsTiles", 0);
  properties.set("OfxImageEffectPropTemporalClipAccess", host().traits->temporal ? 1 : 0);
  properties.set("OfxImageEffectPluginPropFieldRenderTwiceAlways", 1);
  properties.set("OfxImageEffectPropMultipleClipDepths", 0);
  properties.set("OfxImageEffectPropSupportsMultipleClipPARs", 1);
  properties.set("OfxImageEffectPropCPURenderSupported", "true");
  properties.set("OfxImageEffectPropNoSpatialAwareness", "false");
  properties.set("OfxImageEffectPropThumbnailRender", "true");
}

void describeOverlay(const Properties& properties) {
  properties.setPointer("OfxImageEffectPluginPropOverlayInteractV1", reinterpret_cast<void*>(overlayWithOpenGl));
  if (host().draw)
    properties.setPointer("OfxImageEffectPluginPropOverlayInteractV2", reinterpret_cast<void*>(overlayWithDrawSuite));
}

void describeColour(const Properties& properties) {
  // The most that there is: hosts that offer less choose from that. Their configuration is the engine's to read.
  properties.set("OfxImageEffectPropColourManagementStyle", "OfxImageEffectColourManagementOCIO");
  properties.set("OfxImageEffectPropColourManagementAvailableConfigs", "ofx-native-v1.5_aces-v1.3_ocio-v2.3");
}

}  // namespace

std::string helpButton(const char* group) { return "help" + groupName(group).substr(sizeof "group" - 1); }

OfxStatus describe(const Call& call) {
  const Properties properties = effectProperties(call.effect);
  describePresence(properties, call.kind);
  describeAbilities(properties);
  describeColour(properties);
  if (call.kind == Effect::FaceSwap) describeOverlay(properties);
  int slave = 0;
  if (call.kind == Effect::FaceSwap)
    for (Position position : {Position::output_mode, Position::matte_to_alpha, Position::track_file, Position::regrain,
                              Position::regrain_from})
      properties.set("OfxImageEffectPropClipPreferencesSlaveParam", row(position).name, slave++);
  else
    properties.set("OfxImageEffectPropClipPreferencesSlaveParam", row(Position::track_file).name);
  return ofx::OK;
}

OfxStatus describeInContext(const Call& call) {
  defineClip(call.effect, "Source", false, false);
  if (call.in.text("OfxImageEffectPropContext") == "OfxImageEffectContextGeneral") {
    for (const OptionalInput& input : {kIdentityInput, kInsideMatte, kOutsideMatte})
      defineClip(call.effect, input.name, true, input.matte).set("OfxPropLabel", input.label);
  }
  defineClip(call.effect, "Output", false, false);
  OfxHandle set = nullptr;
  if (host().effect->getParamSet(call.effect, &set) != ofx::OK) return ofx::ErrMissingHostFeature;
  for (const char* group : settings::kGroups) defineGroup(set, call.kind, group);
  definePages(set);
  return ofx::OK;
}

}  // namespace mfs
