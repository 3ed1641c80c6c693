#include "request.h"

#include <algorithm>
#include <cmath>
#include <cstring>

namespace mfs {
namespace {

using settings::Position;
using settings::Type;

constexpr size_t kPage = 4096;
constexpr size_t kFloat = sizeof(float);

// OpenFX 1.5's names of the spaces that we know.
wire::ColourSpace colourSpaceNamed(const std::string& name) {
  if (name == "srgb_display" || name == "srgb_tx" || name == "ofx_display_sdr") return wire::ColourSpace::Srgb;
  if (name == "rec1886_rec709_display" || name == "g24_rec709_tx") return wire::ColourSpace::Rec709;
  if (name == "lin_rec709_srgb" || name == "lin_rec709" || name == "ofx_scene_linear")
    return wire::ColourSpace::LinearRec709;
  return wire::ColourSpace::Undeclared;
}

wire::ColourSpace colourSpaceOf(const Clip& clip) {
  const wire::ColourSpace declared = colourSpaceNamed(clip.properties().text("OfxImageClipPropColourspace"));
  if (declared != wire::ColourSpace::Undeclared) return declared;
  return host().worksInLinear() ? wire::ColourSpace::LinearRec709 : wire::ColourSpace::Rec709;
}

// Half the lines of a frame: each stands for two.
bool isSingleField(const Clip& clip, const ClipImage& image, const FrameArguments& arguments, double scaleY) {
  const std::string field = image.properties().text("OfxImagePropField");
  if (field != "OfxFieldLower" && field != "OfxFieldUpper" && field != "OfxFieldSingle") return false;
  const auto region = clip.regionOfDefinition(arguments.time);
  return region && image.image().height() <= 0.6 * (region->y2 - region->y1) * scaleY;
}

double pixelAspect(const Clip& clip, const ClipImage& image, const FrameArguments& arguments) {
  // In reduced previews some hosts hand over images of another scale than they say in the arguments.
  const double scaleX = image.properties().number("OfxImageEffectPropRenderScale", arguments.scaleX, 0);
  const double scaleY = image.properties().number("OfxImageEffectPropRenderScale", arguments.scaleY, 1);
  const double declared = image.properties().number("OfxImagePropPixelAspectRatio", 1);
  const double aspect = (declared > 0 ? declared : 1) * (scaleX > 0 && scaleY > 0 ? scaleY / scaleX : 1);
  return isSingleField(clip, image, arguments, scaleY > 0 ? scaleY : 1) ? aspect / 2 : aspect;
}

void storeMatte(const Image& matte, const OfxRectI& plate, float* out) {
  const OfxRectI common = intersection(plate, matte.bounds);
  const int width = plate.x2 - plate.x1;
  for (int y = plate.y2 - 1; y >= plate.y1; --y, out += width) {
    std::fill_n(out, width, 0.0f);
    if (!isEmpty(common) && y >= common.y1 && y < common.y2)
      readMatteRow(matte, y, common.x1, common.x2, out + (common.x1 - plate.x1));
  }
}

}  // namespace

const settings::Row& row(Position position) { return settings::kRows[static_cast<int>(position)]; }

double settingValue(const Parameters& parameters, Position position, double time) {
  const settings::Row& setting = row(position);
  if (setting.type == Type::Double)
    return std::clamp(parameters.number(setting.name, time, setting.byDefault), setting.minimum, setting.maximum);
  const int byDefault = static_cast<int>(setting.byDefault);
  const int value = parameters.integer(setting.name, time, byDefault);
  if (setting.type == Type::Boolean) return value != 0;
  if (setting.type == Type::Choice) return value >= 0 && value < setting.entries ? value : byDefault;
  return std::clamp<double>(value, setting.minimum, setting.maximum);
}

bool hasSetting(Effect effect, Position position) {
  return effect == Effect::FaceSwap || (position != Position::output_mode && position != Position::matte_to_alpha);
}

wire::Values settingValues(OfxHandle effect, double time) {
  const Parameters parameters(effect);
  wire::Values values;
  int position = 0;
  for (const settings::Row& setting : settings::kRows) {
    if (setting.type == Type::File)
      values.texts.push_back(parameters.text(setting.name, time));
    else
      values.numbers.push_back(settingValue(parameters, static_cast<Position>(position), time));
    ++position;
  }
  return values;
}

double identityTime(const Clip& identity, double time) {
  return host().honestAboutTime() ? identity.properties().number("OfxImageEffectPropFrameRange", time) : time;
}

Inputs::Inputs(OfxHandle effect, double time) {
  if (effectProperties(effect).text("OfxImageEffectPropContext") != "OfxImageEffectContextGeneral") return;
  const Clip identity(effect, "Identity"), inside(effect, "InM"), outside(effect, "OutM");
  if (identity.connected()) identity_.emplace(identity, identityTime(identity, time));
  if (inside.connected()) inside_.emplace(inside, time);
  if (outside.connected()) outside_.emplace(outside, time);
}

PlateRequest::PlateRequest(OfxHandle effect, Effect kind, const FrameArguments& arguments, const Clip& sourceClip,
                           const ClipImage& source, const Inputs& inputs)
    : source_(source.image()), inputs_(inputs), values_(settingValues(effect, arguments.time)) {
  picture_.time = static_cast<int64_t>(std::llround(arguments.time));
  picture_.pixelAspect = pixelAspect(sourceClip, source, arguments);
  picture_.width = source_.width();
  picture_.height = source_.height();
  picture_.channels = source_.components == 3 ? 3 : 4;
  picture_.colourSpace = colourSpaceOf(sourceClip);
  picture_.matteOnly = kind == Effect::FaceMatte;
  if (source.properties().text("OfxImageEffectPropPreMultiplication") == "OfxImageAlphaPremultiplied")
    picture_.flags |= wire::Premultiplied;
  if (inputs.inside()) picture_.flags |= wire::InsideMatte;
  if (inputs.outside()) picture_.flags |= wire::OutsideMatte;
  if (const Image* identity = inputs.identity()) {
    picture_.identityWidth = identity->width();
    picture_.identityHeight = identity->height();
  }
}

size_t PlateRequest::plateBytes() const {
  return kFloat * static_cast<size_t>(picture_.width) * static_cast<size_t>(picture_.height) *
         static_cast<size_t>(picture_.channels);
}

size_t PlateRequest::resultOffset() const {
  const size_t pixels = static_cast<size_t>(picture_.width) * static_cast<size_t>(picture_.height);
  const size_t mattes = (inputs_.inside() ? 1 : 0) + (inputs_.outside() ? 1 : 0);
  const size_t identity = 3 * static_cast<size_t>(picture_.identityWidth) * static_cast<size_t>(picture_.identityHeight);
  const size_t bytes = plateBytes() + kFloat * (mattes * pixels + identity);
  return (bytes + kPage - 1) / kPage * kPage;
}

// Copies the plate, top row first; returns whether it is the one that lay there already.
bool PlateRequest::storePlate(std::byte* segment, bool resident) const {
  const size_t rowBytes = plateBytes() / static_cast<size_t>(picture_.height);
  const bool direct = source_.depth == Depth::Float && source_.components == picture_.channels;
  std::vector<float> converted(direct ? 0 : rowBytes / kFloat);
  bool same = resident;
  for (int y = source_.bounds.y2 - 1; y >= source_.bounds.y1; --y, segment += rowBytes) {
    const void* pixels = source_.at(source_.bounds.x1, y);
    if (!direct) {
      readRow(source_, y, source_.bounds.x1, source_.bounds.x2, picture_.channels, converted.data());
      pixels = converted.data();
    }
    if (same && std::memcmp(segment, pixels, rowBytes) == 0) continue;
    same = false;
    std::memcpy(segment, pixels, rowBytes);
  }
  return same;
}

void PlateRequest::storeInputs(std::byte* segment) const {
  auto* out = reinterpret_cast<float*>(segment + plateBytes());
  const ptrdiff_t pixels = static_cast<ptrdiff_t>(picture_.width) * picture_.height;
  for (const Image* matte : {inputs_.inside(), inputs_.outside()}) {
    if (!matte) continue;
    storeMatte(*matte, source_.bounds, out);
    out += pixels;
  }
  const Image* identity = inputs_.identity();
  if (!identity) return;
  for (int y = identity->bounds.y2 - 1; y >= identity->bounds.y1; --y, out += 3 * identity->width())
    readRow(*identity, y, identity->bounds.x1, identity->bounds.x2, 3, out);
}

wire::Changed PlateRequest::ask(Engine::Conversation& conversation, wire::Kind kind, uint32_t flags,
                                const std::function<void()>& meanwhile) const {
  Lane& lane = conversation.lane();
  wire::Picture picture = picture_;
  const size_t largestResult = 4 * kFloat * static_cast<size_t>(picture.width) * static_cast<size_t>(picture.height);
  Segment& segment = conversation.segment(resultOffset(), resultOffset() + largestResult);
  const bool resident = lane.holdsPlate(picture.width, picture.height, picture.channels);
  lane.forgetPlate();
  if (storePlate(segment.data(), resident)) picture.flags |= wire::SamePlate;
  storeInputs(segment.data());
  if (!lane.segmentKnown) picture.flags |= wire::NewSegment;
  picture.flags |= flags;
  picture.segmentBytes = segment.capacity();
  wire::Writer writer;
  writer.put(picture).values(values_);
  const wire::Message answer = conversation.ask({kind, std::move(writer).body()}, wire::Kind::Rendered, meanwhile);
  lane.residentWidth = picture.width;
  lane.residentHeight = picture.height;
  lane.residentChannels = picture.channels;
  try {
    return checked(wire::Reader(answer.body).take<wire::Changed>());
  } catch (const wire::Malformed& error) {
    throw LinkBroken(std::string("the engine answered with ") + error.what());
  }
}

wire::Changed PlateRequest::checked(const wire::Changed& changed) const {
  const bool inside = changed.x1 >= 0 && changed.y1 >= 0 && changed.x1 <= changed.x2 && changed.y1 <= changed.y2 &&
                      changed.x2 <= picture_.width && changed.y2 <= picture_.height;
  const bool described = (changed.channels == 1 || changed.channels == 3 || changed.channels == 4) &&
                         (changed.outside == wire::Outside::Plate || changed.outside == wire::Outside::Zero);
  if (!inside || !described || changed.offset != resultOffset())
    throw wire::Malformed("a rectangle that is not of this frame");
  return changed;
}

}  // namespace mfs
