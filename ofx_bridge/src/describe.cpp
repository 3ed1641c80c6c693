#include <string>

#include "actions.h"

namespace mfs {
namespace {

using settings::Position;
using settings::Row;
using settings::Type;

constexpr char kPage[] = "controls";
constexpr char kDescription[] =
    "Puts the face of a source person on a face of the clip. The pictures are made by the engine, a process of its "
    "own: install it with `pip install mobilefaceswap-ofx` and `mobilefaceswap ofx install`.";

struct Button {
  const char* name;
  const char* group;
  const char* label;
  const char* hint;
};

constexpr Button kButtons[] = {
    {control::kChooseSource, "Source", "Choose Source...", "Opens a file dialog; some hosts show none of their own."},
    {control::kPrepareIdentity, "Source", "Prepare Identity",
     "Reads the source now instead of at the first frame, and says what was found. Never needed."},
    {control::kAnalyseRange, "Analysis & Tracking", "Analyse Range",
     "Finds the faces of every frame, stores them and chooses the result as Track File."},
    {control::kClearCache, "Analysis & Tracking", "Clear Cache",
     "Forgets what the engine found and rendered. Never needed for a right picture."},
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
    case Type::File: break;
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
  properties.set("OfxParamPropPersistant", 0);
  properties.set("OfxParamPropDefault", "");
}

void defineGroup(OfxHandle set, Effect kind, const std::string& label) {
  const std::string name = groupName(label);
  if (const Properties group = define(set, "OfxParamTypeGroup", name.c_str(), label.c_str(), ""))
    group.set("OfxParamPropGroupOpen", label == "Source" || label == "Matte" ? 1 : 0);
  int position = 0;
  for (const Row& setting : settings::kRows)
    if (const auto here = static_cast<Position>(position++); setting.group == label && hasSetting(kind, here))
      defineSetting(set, setting, name.c_str());
  for (const Button& button : kButtons) {
    if (button.group != label) continue;
    if (const auto made = define(set, "OfxParamTypePushButton", button.name, button.label, button.hint))
      made.set("OfxParamPropParent", name.c_str());
  }
  if (label == "Source") defineStatus(set, name.c_str());
}

void definePage(OfxHandle set) {
  const Properties page = define(set, "OfxParamTypePage", kPage, "Controls", "");
  if (!page) return;
  int child = 0;
  for (const char* group : settings::kGroups) page.set("OfxParamPropPageChild", groupName(group).c_str(), child++);
}

Properties defineClip(OfxHandle effect, const char* name, bool optional, bool mask) {
  OfxHandle handle = nullptr;
  if (host().effect->clipDefine(effect, name, &handle) != ofx::OK) return Properties();
  const Properties clip(handle);
  int components = 0;
  for (const char* supported : {"OfxImageComponentRGBA", "OfxImageComponentRGB", "OfxImageComponentAlpha"})
    clip.set("OfxImageEffectPropSupportedComponents", supported, components++);
  clip.set("OfxImageEffectPropTemporalClipAccess", host().honestAboutTime() ? 1 : 0);
  clip.set("OfxImageEffectPropSupportsTiles", 0);
  clip.set("OfxImageClipPropOptional", optional ? 1 : 0);
  clip.set("OfxImageClipPropIsMask", mask ? 1 : 0);
  clip.set("OfxImageClipPropFieldExtraction", "OfxImageFieldDoubled");
  return clip;
}

}  // namespace

OfxStatus describe(OfxHandle effect, Effect kind) {
  const Properties properties = effectProperties(effect);
  const char* const label = kind == Effect::FaceSwap ? "Face Swap" : "Face Matte";
  for (const char* name : {"OfxPropLabel", "OfxPropShortLabel", "OfxPropLongLabel"}) properties.set(name, label);
  properties.set("OfxPropPluginDescription", kDescription);
  properties.set("OfxPropVersionLabel", settings::kVersion);
  properties.set("OfxImageEffectPluginPropGrouping", "MobileFaceSwap");
  properties.set("OfxImageEffectPropSupportedContexts", "OfxImageEffectContextFilter", 0);
  properties.set("OfxImageEffectPropSupportedContexts", "OfxImageEffectContextGeneral", 1);
  int depths = 0;
  for (const char* depth : {"OfxBitDepthByte", "OfxBitDepthShort", "OfxBitDepthHalf", "OfxBitDepthFloat"})
    properties.set("OfxImageEffectPropSupportedPixelDepths", depth, depths++);
  properties.set("OfxImageEffectPluginPropSingleInstance", 0);
  properties.set("OfxImageEffectPluginPropHostFrameThreading", 0);
  properties.set("OfxImageEffectPluginRenderThreadSafety", "OfxImageEffectRenderFullySafe");
  properties.set("OfxImageEffectPropSupportsMultiResolution", 0);
  properties.set("OfxImageEffectPropSupportsTiles", 0);
  properties.set("OfxImageEffectPropTemporalClipAccess", host().honestAboutTime() ? 1 : 0);
  properties.set("OfxImageEffectPluginPropFieldRenderTwiceAlways", 1);
  properties.set("OfxImageEffectPropMultipleClipDepths", 0);
  properties.set("OfxImageEffectPropSupportsMultipleClipPARs", 0);
  properties.set("OfxImageEffectPropCPURenderSupported", "true");
  properties.set("OfxImageEffectPropNoSpatialAwareness", "false");
  properties.set("OfxImageEffectPropColourManagementStyle", "OfxImageEffectColourManagementBasic");
  properties.set("OfxImageEffectPropColourManagementAvailableConfigs", "ofx-native-v1.5_aces-v1.3_ocio-v2.3");
  return ofx::OK;
}

OfxStatus describeInContext(OfxHandle effect, Effect kind, const Properties& arguments) {
  defineClip(effect, "Source", false, false);
  if (arguments.text("OfxImageEffectPropContext") == "OfxImageEffectContextGeneral") {
    defineClip(effect, "Identity", true, false).set("OfxPropLabel", "Identity");
    defineClip(effect, "InM", true, true).set("OfxPropLabel", "Inside Matte");
    defineClip(effect, "OutM", true, true).set("OfxPropLabel", "Outside Matte");
  }
  defineClip(effect, "Output", false, false);
  OfxHandle set = nullptr;
  if (host().effect->getParamSet(effect, &set) != ofx::OK) return ofx::ErrMissingHostFeature;
  for (const char* group : settings::kGroups) defineGroup(set, kind, group);
  definePage(set);
  return ofx::OK;
}

}  // namespace mfs
