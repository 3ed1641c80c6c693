// From an instance's clips and parameters to a request on the wire, and back.
#pragma once

#include "engine.h"
#include "inputs.h"
#include "settings.gen.h"

namespace mfs {

enum class Effect { FaceSwap, FaceMatte };

const settings::Row& row(settings::Position position);

// The value of a setting at a time, inside its range; numbers, choices and booleans. A choice that there is not is the
// default.
double settingValue(const Parameters& parameters, settings::Position position, double time);
bool hasSetting(Effect effect, settings::Position position);
// Throws EngineFailure where a choice is one that there is not.
wire::Values settingValues(OfxHandle effect, double time);
// What the effect shows at a time.
const settings::Output& outputOf(OfxHandle effect, Effect kind, double time);
// Whether Matte to Alpha replaces the plate's alpha there.
bool matteIsAlpha(OfxHandle effect, Effect kind, double time);

// What the engine made of a frame.
struct Answer {
  wire::Changed changed{};
  std::vector<wire::Face> faces;
  // The outlines of all faces, one after the other.
  std::vector<wire::Line> lines;
  // What the user should know; "" for nothing.
  std::string note;
  // Frames that have to be looked at before this one can be rendered; then there is nothing else.
  std::vector<int64_t> needs;
};

// Numbers a frame for as long as it is in progress.
class FrameNumber {
 public:
  FrameNumber();
  ~FrameNumber();
  FrameNumber(const FrameNumber&) = delete;
  FrameNumber& operator=(const FrameNumber&) = delete;
  // The first of those in progress.
  static uint64_t oldest();

  const uint64_t value;
};

// One frame to be rendered or analysed.
class PlateRequest {
 public:
  PlateRequest(OfxHandle effect, Effect kind, const FrameArguments& arguments, const Clip& sourceClip,
               const ClipImage& source, const Inputs& inputs);

  // The frame belongs to a range under analysis.
  void setRange(uint32_t number) { picture_.range = number; }
  // What `look` found in another frame; "" where the clip has no such frame.
  void know(int64_t time, const std::string& sight);
  // Everything that it was let know.
  void forget();
  // Looks for faces in the frame, for `other`, which is rendered, to know, with its settings and what it knows already.
  std::string look(Engine::Conversation& conversation, const PlateRequest& other);
  // Sends the frame over. meanwhile: runs while the engine works. Throws what Engine::Conversation throws.
  Answer ask(Engine::Conversation& conversation, wire::Kind kind,
             const std::function<void()>& meanwhile = nullptr) const;

 private:
  size_t plateBytes() const;
  size_t resultOffset() const;
  bool storePlate(std::byte* segment, bool resident) const;
  wire::Message send(Engine::Conversation& conversation, wire::Kind kind, const std::function<void()>& meanwhile) const;
  Answer read(const std::string& body) const;

  FrameNumber number_;
  const ClipImage& source_;
  const Inputs& inputs_;
  wire::Values values_;
  wire::Picture picture_{};
  wire::Spaces spaces_;
  std::string sights_;
  uint32_t known_ = 0;
};

}  // namespace mfs
