// From an instance's clips and parameters to a request on the wire.
#pragma once

#include "engine.h"
#include "host.h"
#include "settings.gen.h"

namespace mfs {

enum class Effect { FaceSwap, FaceMatte };

const settings::Row& row(settings::Position position);

// The value of a setting at a time, inside its range; numbers, choices and booleans.
double settingValue(const Parameters& parameters, settings::Position position, double time);
bool hasSetting(Effect effect, settings::Position position);
wire::Values settingValues(OfxHandle effect, double time);

// What lies around the pixels of one frame.
struct FrameArguments {
  double time = 0;
  double scaleX = 1, scaleY = 1;
};

// The optional pictures of the General context, as long as the frame needs them.
class Inputs {
 public:
  Inputs(OfxHandle effect, double time);
  const Image* identity() const { return image(identity_); }
  const Image* inside() const { return image(inside_); }
  const Image* outside() const { return image(outside_); }

 private:
  static const Image* image(const std::optional<ClipImage>& clip) { return clip && *clip ? &clip->image() : nullptr; }
  std::optional<ClipImage> identity_, inside_, outside_;
};

// Where and when the identity clip is looked at.
double identityTime(const Clip& identity, double time);

// One frame to be rendered or analysed.
class PlateRequest {
 public:
  PlateRequest(OfxHandle effect, Effect kind, const FrameArguments& arguments, const Clip& sourceClip,
               const ClipImage& source, const Inputs& inputs);

  // Sends the frame over. meanwhile: runs while the engine works. Throws what Engine::Conversation throws.
  wire::Changed ask(Engine::Conversation& conversation, wire::Kind kind, uint32_t flags = 0,
                    const std::function<void()>& meanwhile = nullptr) const;
  const wire::Values& values() const { return values_; }

 private:
  size_t plateBytes() const;
  size_t resultOffset() const;
  bool storePlate(std::byte* segment, bool resident) const;
  void storeInputs(std::byte* segment) const;
  wire::Changed checked(const wire::Changed& changed) const;

  const Image& source_;
  const Inputs& inputs_;
  wire::Values values_;
  wire::Picture picture_{};
};

}  // namespace mfs
