// One function per action of the host.
#pragma once

#include "request.h"

namespace mfs {

OfxStatus describe(OfxHandle effect, Effect kind);
OfxStatus describeInContext(OfxHandle effect, Effect kind, const Properties& arguments);
OfxStatus instanceCreated(OfxHandle effect);
OfxStatus instanceChanged(OfxHandle effect, Effect kind, const Properties& arguments);
OfxStatus clipPreferences(OfxHandle effect, Effect kind, const Properties& results);
OfxStatus regionsOfInterest(OfxHandle effect, const Properties& arguments, const Properties& results);
OfxStatus framesNeeded(OfxHandle effect, const Properties& arguments, const Properties& results);
OfxStatus isIdentity(OfxHandle effect, Effect kind, const Properties& arguments, const Properties& results);
OfxStatus render(OfxHandle effect, Effect kind, const Properties& arguments);

// The controls that a host has besides the table of settings.
namespace control {
constexpr char kStatus[] = "engine_status";
constexpr char kChooseSource[] = "choose_source";
constexpr char kPrepareIdentity[] = "prepare_identity";
constexpr char kAnalyseRange[] = "analyse_range";
constexpr char kClearCache[] = "clear_cache";
}  // namespace control

}  // namespace mfs
