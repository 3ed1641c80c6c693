// The optional pictures of the General context on their way to the engine.
#pragma once

#include "host.h"
#include "wire.h"

namespace mfs {

// An optional input: its name in projects and scripts, and the one that hosts show.
struct OptionalInput {
  const char* name;
  const char* label;
  bool matte;
};

constexpr OptionalInput kIdentityInput{"Identity", "Identity", false};
constexpr OptionalInput kInsideMatte{"InM", "Inside Matte", true}, kOutsideMatte{"OutM", "Outside Matte", true};

// What lies around the pixels of one frame.
struct FrameArguments {
  double time = 0;
  double scaleX = 1, scaleY = 1;
  // Rendered for keeps, one frame after the other.
  bool batch = false;
  // Speed counts more than the last percent of quality.
  bool draft = false;
};

// Width of a pixel over its height, render scale and single fields taken into account.
double pixelAspect(const Clip& clip, const ClipImage& image, const FrameArguments& arguments);
// Width and height of a pixel on the canonical plane.
OfxPointD pixelSize(const ClipImage& image);
bool isPremultiplied(const ClipImage& image);
// Where the plate and the display window lie. The standard knows a project's window alone; one host tells the clip's.
void describeWindows(wire::Picture& picture, OfxHandle effect, const Clip& clip, const ClipImage& plate,
                     const FrameArguments& arguments);
// The name of the space that the host declares, "" where it declares none; its OpenColorIO configuration says what the
// name means, or OpenFX 1.5 where there is none.
std::string declaredSpace(const Clip& clip);
std::string hostConfig(OfxHandle effect);

// Where and when the identity clip is looked at.
double identityTime(const Clip& identity, double time);

// The connected ones, as long as the frame needs them.
class Inputs {
 public:
  // None at all.
  Inputs() = default;
  // Throws EngineFailure where the host has no picture at one.
  Inputs(OfxHandle effect, const FrameArguments& arguments);
  // Fills in what the picture says of them.
  void describe(wire::Picture& picture, wire::Spaces& spaces) const;
  size_t bytes(const Image& plate) const;
  // Mattes over the plate's pixels, 0 where they end; then the identity picture as it is.
  void store(const ClipImage& plate, std::byte* out) const;

 private:
  struct Input {
    Input(OfxHandle effect, const OptionalInput& input, const FrameArguments& arguments);
    explicit operator bool() const { return image && *image; }
    Clip clip;
    std::optional<ClipImage> image;
  };
  FrameArguments arguments_;
  std::optional<Input> identity_, inside_, outside_;
};

}  // namespace mfs
