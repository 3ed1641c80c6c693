// The two entry points, and the one door through which no exception leaves.
#include <array>
#include <mutex>
#include <string_view>

#include "actions.h"

#ifdef _WIN32
#define MFS_EXPORT extern "C" __declspec(dllexport)
#else
#define MFS_EXPORT extern "C" __attribute__((visibility("default")))
#endif

namespace mfs {
namespace {

constexpr int kEffects = 2;
constexpr unsigned kMajor = 1, kMinor = 0;

std::mutex loadedMutex;
std::array<bool, kEffects> loaded{};

OfxStatus load(const Call& call) {
  fetchSuites();
  const std::lock_guard<std::mutex> lock(loadedMutex);
  loaded[static_cast<size_t>(call.kind)] = true;
  return ofx::OK;
}

OfxStatus unload(const Call& call) {
  const std::lock_guard<std::mutex> lock(loadedMutex);
  loaded[static_cast<size_t>(call.kind)] = false;
  if (!loaded[0] && !loaded[1]) Engine::shared().release();
  return ofx::OK;
}

OfxStatus purgeCaches(const Call&) {
  Engine::shared().releaseMemory();
  return ofx::OK;
}

struct Action {
  std::string_view name;
  OfxStatus (*act)(const Call& call);
};

constexpr Action kActions[] = {
    {"OfxImageEffectActionRender", render},
    {"OfxImageEffectActionIsIdentity", isIdentity},
    {"OfxImageEffectActionGetRegionOfDefinition", regionOfDefinition},
    {"OfxImageEffectActionGetRegionsOfInterest", regionsOfInterest},
    {"OfxImageEffectActionGetFramesNeeded", framesNeeded},
    {"OfxImageEffectActionGetClipPreferences", clipPreferences},
    {"OfxImageEffectActionGetOutputColourspace", outputColourSpace},
    {"OfxActionCreateInstance", instanceCreated},
    {"OfxActionInstanceChanged", instanceChanged},
    {"OfxActionDestroyInstance", instanceDestroyed},
    {"OfxActionLoad", load},
    {"OfxActionDescribe", describe},
    {"OfxImageEffectActionDescribeInContext", describeInContext},
    {"OfxActionPurgeCaches", purgeCaches},
    {"OfxActionUnload", unload},
};

OfxStatus act(std::string_view action, const Call& call) {
  for (const Action& known : kActions)
    if (known.name == action) return known.act(call);
  return ofx::ReplyDefault;
}

template <Effect kind>
OfxStatus mainEntry(const char* action, const void* handle, OfxHandle in, OfxHandle out) {
  try {
    return act(action ? action : "", {const_cast<OfxHandle>(handle), kind, Properties(in), Properties(out)});
  } catch (const HostInadequate&) {
    return ofx::ErrMissingHostFeature;
  } catch (const std::bad_alloc&) {
    return ofx::ErrMemory;
  } catch (...) {
    return ofx::Failed;
  }
}

OfxPlugin faceSwap{"OfxImageEffectPluginAPI",  1, "org.mobilefaceswap.FaceSwap", kMajor, kMinor, setHost,
                   mainEntry<Effect::FaceSwap>};
OfxPlugin faceMatte{"OfxImageEffectPluginAPI",   1, "org.mobilefaceswap.FaceMatte", kMajor, kMinor, setHost,
                    mainEntry<Effect::FaceMatte>};

OfxPlugin* const kPlugins[kEffects] = {&faceSwap, &faceMatte};

}  // namespace

const char* identifierOf(Effect kind) { return kPlugins[static_cast<int>(kind)]->pluginIdentifier; }

}  // namespace mfs

MFS_EXPORT int OfxGetNumberOfPlugins(void) { return mfs::kEffects; }

MFS_EXPORT OfxPlugin* OfxGetPlugin(int nth) { return nth >= 0 && nth < mfs::kEffects ? mfs::kPlugins[nth] : nullptr; }
