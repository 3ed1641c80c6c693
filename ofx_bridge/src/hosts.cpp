#include "hosts.h"

namespace mfs {
namespace {

constexpr HostTraits kHosts[] = {
    {"fr.inria.Natron", true, true, nullptr, 0},
    {"uk.co.thefoundry.nuke", true, true, nullptr, 0},
    {"com.silhouettefx.silhouette", false, true, nullptr, 0},
    {"DaVinciResolve", false, false, nullptr, 14},
    {"MLT", false, false, "MltOfxParamValue", 0},
};
constexpr HostTraits kUnknown{"", false, false, nullptr, 0};

}  // namespace

const HostTraits& traitsOf(const std::string& name) {
  for (const HostTraits& traits : kHosts)
    if (name.rfind(traits.name, 0) == 0) return traits;
  return kUnknown;
}

}  // namespace mfs
