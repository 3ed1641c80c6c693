// One function per action of the host.
#pragma once

#include "request.h"

namespace mfs {

// What a host hands over with an action.
struct Call {
  OfxHandle effect;
  Effect kind;
  Properties in, out;

  double time() const { return in.number("OfxPropTime", 0); }
};

// plugin.cpp: the name by which projects know the effect.
const char* identifierOf(Effect kind);
// describe.cpp
OfxStatus describe(const Call& call);
OfxStatus describeInContext(const Call& call);
// The ? button of a group of controls.
std::string helpButton(const char* group);
// instance.cpp
OfxStatus instanceCreated(const Call& call);
OfxStatus instanceDestroyed(const Call& call);
OfxStatus instanceChanged(const Call& call);
OfxStatus clipPreferences(const Call& call);
OfxStatus outputColourSpace(const Call& call);
// needs.cpp
OfxStatus regionOfDefinition(const Call& call);
OfxStatus regionsOfInterest(const Call& call);
OfxStatus framesNeeded(const Call& call);
OfxStatus isIdentity(const Call& call);
// render.cpp
OfxStatus render(const Call& call);

// The controls that a host has besides the table of settings.
namespace control {
constexpr char kStatus[] = "engine_status";
constexpr char kChooseSource[] = "choose_source";
constexpr char kPrepareIdentity[] = "prepare_identity";
constexpr char kAnalyseRange[] = "analyse_range";
constexpr char kExportTrack[] = "export_track";
constexpr char kLoadLook[] = "load_look";
constexpr char kSaveLook[] = "save_look";
constexpr char kClearCache[] = "clear_cache";
constexpr char kChoosePack[] = "choose_pack";
constexpr char kChooseDetector[] = "choose_detector";
constexpr char kPoint[] = "face_point";
}  // namespace control

// buttons.cpp: what pressing one does; returns whether the control is a button. Throws what Engine::converse throws.
bool press(const Call& call, const std::string& control);
// What the node renders with, from an engine that runs. hurried: Aborted where that would take a wait.
std::string describedByEngine(const Call& call, bool hurried);

}  // namespace mfs
