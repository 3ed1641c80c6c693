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

OfxStatus load(Effect kind) {
  fetchSuites();
  const std::lock_guard<std::mutex> lock(loadedMutex);
  loaded[static_cast<size_t>(kind)] = true;
  return ofx::OK;
}

OfxStatus unload(Effect kind) {
  const std::lock_guard<std::mutex> lock(loadedMutex);
  loaded[static_cast<size_t>(kind)] = false;
  if (!loaded[0] && !loaded[1]) Engine::shared().release();
  return ofx::OK;
}

OfxStatus purgeCaches() {
  Engine::shared().releaseMemory();
  return ofx::OK;
}

OfxStatus act(Effect kind, std::string_view action, OfxHandle effect, const Properties& in, const Properties& out) {
  if (action == "OfxActionLoad") return load(kind);
  if (action == "OfxActionUnload") return unload(kind);
  if (action == "OfxActionDescribe") return describe(effect, kind);
  if (action == "OfxImageEffectActionDescribeInContext") return describeInContext(effect, kind, in);
  if (action == "OfxActionCreateInstance") return instanceCreated(effect);
  if (action == "OfxActionDestroyInstance") return instanceCreated(effect);
  if (action == "OfxImageEffectActionRender") return render(effect, kind, in);
  if (action == "OfxActionPurgeCaches") return purgeCaches();
  if (action == "OfxActionInstanceChanged") return instanceChanged(effect, kind, in);
  if (action == "OfxImageEffectActionIsIdentity") return isIdentity(effect, kind, in, out);
  if (action == "OfxImageEffectActionGetRegionsOfInterest") return regionsOfInterest(effect, in, out);
  if (action == "OfxImageEffectActionGetFramesNeeded") return framesNeeded(effect, in, out);
  if (action == "OfxImageEffectActionGetClipPreferences") return clipPreferences(effect, kind, out);
  return ofx::ReplyDefault;
}

template <Effect kind>
OfxStatus mainEntry(const char* action, const void* handle, OfxHandle in, OfxHandle out) {
  try {
    return act(kind, action ? action : "", const_cast<OfxHandle>(handle), Properties(in), Properties(out));
  } catch (const HostInadequate&) {
    return ofx::ErrMissingHostFeature;
  } catch (const std::bad_alloc&) {
    return ofx::ErrMemory;
  } catch (...) {
    return ofx::Failed;
  }
}

OfxPlugin faceSwap{"OfxImageEffectPluginAPI", 1, "org.mobilefaceswap.FaceSwap", kMajor, kMinor, setHost,
                   mainEntry<Effect::FaceSwap>};
OfxPlugin faceMatte{"OfxImageEffectPluginAPI", 1, "org.mobilefaceswap.FaceMatte", kMajor, kMinor, setHost,
                    mainEntry<Effect::FaceMatte>};

}  // namespace
}  // namespace mfs

MFS_EXPORT int OfxGetNumberOfPlugins(void) { return mfs::kEffects; }

MFS_EXPORT OfxPlugin* OfxGetPlugin(int nth) {
  if (nth == 0) return &mfs::faceSwap;
  return nth == 1 ? &mfs::faceMatte : nullptr;
}
