#include "hosts.h"

namespace mfs {
namespace {

constexpr HostTraits kHosts[] = {
    {"fr.inria.Natron", true, true, nullptr, 0, true, true, false},
    {"uk.co.thefoundry.nuke", true, true, nullptr, 0, true, true, true},
    {"com.silhouettefx.silhouette", false, true, nullptr, 0, true, true, true},
    {"DaVinciResolve", false, false, nullptr, 14, true, false, false},
    {"MLT", false, false, "MltOfxParamValue", 0, false, true, true},
};
constexpr HostTraits kUnknown{"", false, false, nullptr, 0, true, true, true};

}  // namespace

const HostTraits& traitsOf(const std::string& name) {
  for (const HostTraits& traits : kHosts)
    if (name.rfind(traits.name, 0) == 0) return traits;
  return kUnknown;
}

}  // namespace mfs
