#include "inputs.h"

#include <algorithm>
#include <cmath>

#include "engine.h"

namespace mfs {
namespace {

constexpr size_t kFloat = sizeof(float);

double scaleOf(const ClipImage& image, double otherwise, int axis) {
  // In reduced previews some hosts hand over images of another scale than they say in the arguments.
  const double scale = image.properties().number("OfxImageEffectPropRenderScale", otherwise, axis);
  return scale > 0 ? scale : 1;
}

double declaredAspect(const ClipImage& image) {
  const double aspect = image.properties().number("OfxImagePropPixelAspectRatio", 1);
  return aspect > 0 ? aspect : 1;
}

// Half the lines of a frame: each stands for two.
bool isSingleField(const Clip& clip, const ClipImage& image, const FrameArguments& arguments) {
  const std::string field = image.properties().text("OfxImagePropField");
  if (field != "OfxFieldLower" && field != "OfxFieldUpper" && field != "OfxFieldSingle") return false;
  const auto region = clip.regionOfDefinition(arguments.time);
  return region && image.image().height() <= 0.6 * (region->y2 - region->y1) * scaleOf(image, arguments.scaleY, 1);
}

// In pixels of the full resolution; empty where the host does not tell it.
OfxRectD clipFormat(const Clip& clip) {
  const auto side = [&](int index) { return clip.properties().integer("OfxImageClipPropFormat", 0, index); };
  return {double(side(0)), double(side(1)), double(side(2)), double(side(3))};
}

// In canonical coordinates; empty where the host does not tell it.
OfxRectD projectWindow(OfxHandle effect) {
  const Properties told = effectProperties(effect);
  const auto side = [&](const char* name, int index) { return told.number(name, 0, index); };
  const double x = side("OfxImageEffectPropProjectOffset", 0), y = side("OfxImageEffectPropProjectOffset", 1);
  return {x, y, x + side("OfxImageEffectPropProjectSize", 0), y + side("OfxImageEffectPropProjectSize", 1)};
}

// Whether hosts can mean it, so that pixels can be counted.
bool isWindow(const OfxRectD& window) {
  constexpr double kLargest = 1 << 20;
  return window.x1 < window.x2 && window.y1 < window.y2 && std::min(window.x1, window.y1) > -kLargest &&
         std::max(window.x2, window.y2) < kLargest;
}

// From a plate's pixels to those of a matte that covers the same canonical plane.
struct Mapping {
  double x = 1, y = 1;
  bool same() const { return std::abs(x - 1) < 1e-6 && std::abs(y - 1) < 1e-6; }
};

Mapping mapping(const ClipImage& plate, const ClipImage& matte) {
  const double x = declaredAspect(plate) / declaredAspect(matte);
  return {x * scaleOf(matte, 1, 0) / scaleOf(plate, 1, 0), scaleOf(matte, 1, 1) / scaleOf(plate, 1, 1)};
}

// One row of a matte over x1 to x2, 0 where it ends.
void readCovered(const Image& matte, int y, int x1, int x2, float* out) {
  const OfxRectI common = intersection({x1, y, x2, y + 1}, matte.bounds);
  std::fill(out, out + (x2 - x1), 0.0f);
  if (!isEmpty(common)) readMatteRow(matte, y, common.x1, common.x2, out + (common.x1 - x1));
}

// Bilinear between the centres of the matte's pixels.
void resampleRow(const Image& matte, int y, int x1, int x2, const Mapping& map, float* out) {
  const double row = (y + 0.5) * map.y - 0.5;
  const int below = static_cast<int>(std::floor(row));
  const auto share = static_cast<float>(row - below);
  const int first = static_cast<int>(std::floor((x1 + 0.5) * map.x - 0.5));
  const int last = static_cast<int>(std::floor((x2 - 0.5) * map.x - 0.5)) + 2;
  std::vector<float> low(static_cast<size_t>(last - first)), high(low.size());
  readCovered(matte, below, first, last, low.data());
  readCovered(matte, below + 1, first, last, high.data());
  for (int x = x1; x < x2; ++x) {
    const double column = (x + 0.5) * map.x - 0.5;
    const auto left = static_cast<size_t>(static_cast<int>(std::floor(column)) - first);
    const auto along = static_cast<float>(column - std::floor(column));
    const float bottom = low[left] + along * (low[left + 1] - low[left]);
    const float top = high[left] + along * (high[left + 1] - high[left]);
    *out++ = bottom + share * (top - bottom);
  }
}

void storeMatte(const ClipImage& matte, const ClipImage& plate, float* out) {
  const Mapping map = mapping(plate, matte);
  const OfxRectI& bounds = plate.image().bounds;
  for (int y = bounds.y2 - 1; y >= bounds.y1; --y, out += plate.image().width()) {
    if (map.same())
      readCovered(matte.image(), y, bounds.x1, bounds.x2, out);
    else
      resampleRow(matte.image(), y, bounds.x1, bounds.x2, map, out);
  }
}

// As a roto without shapes does, which a host may have no picture of.
bool coversNothing(const Clip& clip, double time) {
  const auto region = clip.regionOfDefinition(time);
  return region && (region->x1 >= region->x2 || region->y1 >= region->y2);
}

// Whether a connected input has to have a picture.
bool mustShow(const OptionalInput& input, const Clip& clip, double time) {
  if (!input.matte) return host().traits->tellsConnected;
  return host().traits->tellsMatte && !coversNothing(clip, time);
}

std::string noPicture(const OptionalInput& input) {
  return std::string("expected a picture at the connected input ") + input.label +
         "; the host has none at this time. Perhaps the clip does not cover the frame" +
         (input.matte ? " or has no alpha" : "") + ": connect another, or disconnect the input";
}

size_t pixelsOf(const Image& image) { return static_cast<size_t>(image.width()) * static_cast<size_t>(image.height()); }

int channelsOf(const Image& image) { return image.components == 4 ? 4 : 3; }

}  // namespace

double pixelAspect(const Clip& clip, const ClipImage& image, const FrameArguments& arguments) {
  const double aspect =
      declaredAspect(image) * scaleOf(image, arguments.scaleY, 1) / scaleOf(image, arguments.scaleX, 0);
  return isSingleField(clip, image, arguments) ? aspect / 2 : aspect;
}

OfxPointD pixelSize(const ClipImage& image) {
  return {declaredAspect(image) / scaleOf(image, 1, 0), 1 / scaleOf(image, 1, 1)};
}

void describeWindows(wire::Picture& picture, OfxHandle effect, const Clip& clip, const ClipImage& plate,
                     const FrameArguments& arguments) {
  picture.x = plate.image().bounds.x1;
  picture.y = -plate.image().bounds.y2;
  const double lines = isSingleField(clip, plate, arguments) ? 0.5 : 1;
  const double across = scaleOf(plate, arguments.scaleX, 0), up = lines * scaleOf(plate, arguments.scaleY, 1);
  const auto describe = [&](const OfxRectD& shown, double width, double height) {
    const auto at = [](double value) { return static_cast<int32_t>(std::lround(value)); };
    picture.displayX = at(shown.x1 * width);
    picture.displayY = -at(shown.y2 * height);
    picture.displayWidth = at(shown.x2 * width) - picture.displayX;
    picture.displayHeight = -at(shown.y1 * height) - picture.displayY;
  };
  const OfxRectD format = clipFormat(clip), project = projectWindow(effect);
  if (isWindow(format)) return describe(format, across, up);
  if (!isWindow(project)) return;
  describe(project, across / declaredAspect(plate), up);
  picture.flags |= wire::Project;
}

bool isPremultiplied(const ClipImage& image) {
  return image.properties().text("OfxImageEffectPropPreMultiplication") == "OfxImageAlphaPremultiplied";
}

std::string declaredSpace(const Clip& clip) { return clip.properties().text("OfxImageClipPropColourspace"); }

std::string hostConfig(OfxHandle effect) { return effectProperties(effect).text("OfxImageEffectPropOCIOConfig"); }

double identityTime(const Clip& identity, double time) {
  return host().traits->temporal ? identity.properties().number("OfxImageEffectPropFrameRange", time) : time;
}

Inputs::Input::Input(OfxHandle effect, const OptionalInput& input, const FrameArguments& arguments)
    : clip(effect, input.name) {
  if (!clip.connected()) return;
  const double time = input.matte ? arguments.time : identityTime(clip, arguments.time);
  image.emplace(clip, time);
  if (!*image && mustShow(input, clip, time)) throw EngineFailure(noPicture(input));
}

Inputs::Inputs(OfxHandle effect, const FrameArguments& arguments) : arguments_(arguments) {
  if (effectProperties(effect).text("OfxImageEffectPropContext") != "OfxImageEffectContextGeneral") return;
  identity_.emplace(effect, kIdentityInput, arguments);
  inside_.emplace(effect, kInsideMatte, arguments);
  outside_.emplace(effect, kOutsideMatte, arguments);
}

void Inputs::describe(wire::Picture& picture, wire::Spaces& spaces) const {
  if (inside_ && *inside_) picture.flags |= wire::InsideMatte;
  if (outside_ && *outside_) picture.flags |= wire::OutsideMatte;
  if (!identity_ || !*identity_) return;
  const ClipImage& shown = *identity_->image;
  picture.identityWidth = shown.image().width();
  picture.identityHeight = shown.image().height();
  picture.identityChannels = channelsOf(shown.image());
  picture.identityAspect = pixelAspect(identity_->clip, shown, arguments_);
  if (isPremultiplied(shown)) picture.flags |= wire::IdentityPremultiplied;
  spaces.identity = declaredSpace(identity_->clip);
}

size_t Inputs::bytes(const Image& plate) const {
  size_t floats = 0;
  for (const auto* matte : {&inside_, &outside_})
    if (*matte && **matte) floats += pixelsOf(plate);
  if (identity_ && *identity_) {
    const Image& shown = identity_->image->image();
    floats += pixelsOf(shown) * static_cast<size_t>(channelsOf(shown));
  }
  return kFloat * floats;
}

void Inputs::store(const ClipImage& plate, std::byte* bytes) const {
  auto* out = reinterpret_cast<float*>(bytes);
  for (const auto* matte : {&inside_, &outside_}) {
    if (!*matte || !**matte) continue;
    storeMatte(*(*matte)->image, plate, out);
    out += pixelsOf(plate.image());
  }
  if (!identity_ || !*identity_) return;
  const Image& shown = identity_->image->image();
  const int channels = channelsOf(shown);
  for (int y = shown.bounds.y2 - 1; y >= shown.bounds.y1; --y, out += channels * shown.width())
    readRow(shown, y, shown.bounds.x1, shown.bounds.x2, channels, out);
}

}  // namespace mfs
