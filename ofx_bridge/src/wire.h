// The messages between bridge and engine; plugin/mobilefaceswap/engine/wire/ is the twin. Little-endian, like every
// machine that hosts run on. tests/ofx/wire.bin holds one message of each kind, and both sides are tested against it.
#pragma once

#include <cstdint>
#include <cstring>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

namespace wire {

constexpr uint32_t kMagic = 0x5753464d;  // "MFSW"
constexpr uint16_t kVersion = 7;
constexpr uint32_t kLargestBody = 1 << 20;

enum class Kind : uint16_t {
  Hello = 1,         // Greeting, text: the bridge's version
  Welcome = 2,       // Greeting, text: what the engine runs with
  Lane = 3,          // carries a further lane
  Render = 4,        // Picture, Spaces, Values, Sights; carries the segment where it is new
  Rendered = 5,      // Changed, its faces, their outlines, text: what the user should know, "" for nothing
  Failed = 6,        // text: what was expected, found, and what to do
  Prepare = 7,       // Values; answered by Done
  ChooseSource = 8,  // text: where to begin; answered by Done with the chosen path
  Analyse = 9,       // as Render, but only finds the faces; answered by Rendered
  SaveTrack = 10,    // Range; answered by Done with the track's path
  ClearCache = 11,   // answered by Done
  Done = 12,         // text
  Working = 13,      // sent now and then before an answer that takes its time
  LoadLook = 14,     // Values; answered by Look, or by Done where the user chose none
  Look = 15,         // Values: the settings of the look, the rest as they were sent
  SaveLook = 16,     // Values; answered by Done
  ExportTrack = 17,  // Values; answered by Done
  Help = 18,         // text: the heading of a group of controls; answered by Done
  Describe = 19,     // Values; answered by Done: pack, detector and device with their licences
  Choose = 20,       // Values, text: a setting; answered by Done with its new value, "" where the user chose none
  Need = 21,         // answers Render: int64 frames that have to be looked at first
  Neighbour = 22,    // as Render, of another frame; answered by Sight
  Sight = 23,        // what was found there, for the engine alone to read
};

enum PictureFlags : uint32_t {
  SamePlate = 1,
  NewSegment = 2,
  Premultiplied = 4,
  InsideMatte = 8,
  OutsideMatte = 16,
  IdentityPremultiplied = 32,
  MatteOnly = 64,    // the effect that yields the matte alone
  Batch = 128,       // rendered for keeps, one frame after the other
  Draft = 256,       // the host asks for speed
  LinearHost = 512,  // what is declared nowhere is scene-linear
  Outlines = 1024,   // a viewer may show the outline of the matte
  Temporal = 2048,   // the host hands out other frames
  Project = 4096,    // the display window is the project's: the host does not tell the clip's
};

// Its layout is for ever, and so is Failed with a text as its body: so one version can tell another what is wrong.
struct Header {
  uint32_t magic;
  uint16_t version;
  Kind kind;
  uint32_t size;    // bytes of the body
  uint32_t handle;  // Windows: the number in the name of what comes with it; 0 for nothing, and elsewhere
};
static_assert(sizeof(Header) == 16, "the layout of the wire");

struct Greeting {
  uint64_t fingerprint;  // of the table of settings
};
static_assert(sizeof(Greeting) == 8, "the layout of the wire");

// Float pictures lie in the segment from its first byte, top row first, without gaps: plate, inside matte, outside
// matte, identity picture. The result begins at the next multiple of 4096.
struct Picture {
  uint64_t segmentBytes;
  int64_t time;
  double pixelAspect, identityAspect;
  int32_t width, height, channels;                          // of the plate
  int32_t identityWidth, identityHeight, identityChannels;  // 0: no identity picture
  uint32_t flags;
  uint32_t range;  // Analyse: the range that the frame belongs to
  // In pixels of the host's plane, y down: the plate's upper left corner and the display window, 0 wide where the host
  // does not tell it.
  int32_t x, y;
  int32_t displayX, displayY, displayWidth, displayHeight;
  // The frame that is rendered, of Neighbour the one that it is looked at for, by a number that no other has; and the
  // first number that is still in progress: the engine forgets what it kept for those before it.
  uint64_t frame, oldest;
};
static_assert(sizeof(Picture) == 104, "the layout of the wire");

// The colour spaces of the pictures by the names of `config`, the host's OpenColorIO configuration, or by OpenFX's
// native names where there is none; "" undeclared.
struct Spaces {
  std::string plate, identity, config;
};

struct Range {
  uint32_t number;
};

// The changed rectangle, half-open, origin top left; its pixels lie at `offset` of the segment, `channels` floats each.
struct Changed {
  uint64_t offset;
  int32_t x1, y1, x2, y2;
  uint32_t channels;  // 1: the value of every channel; 3, 4
  uint32_t faces;     // that follow
};
static_assert(sizeof(Changed) == 32, "the layout of the wire");

enum FaceFlags : uint32_t { Swapped = 1, Filled = 2 };

// A face in pixels of the plate, origin top left. The order is that of By Number. From the crop on
// all is 0 where the face was not swapped.
struct Face {
  float x1, y1, x2, y2;  // its box
  float confidence;
  uint32_t flags;
  uint32_t person;           // its id in the track; 0 where there is none
  float cropX[3], cropY[3];  // the crop's corners: top left, top right, bottom left, as the face is upright
  float width;               // of a face, as a share of the crop's side
  uint32_t lines;            // of its matte's outline, which come after the last face
};
static_assert(sizeof(Face) == 60, "the layout of the wire");

struct Line {
  float x1, y1, x2, y2;
};

// Numbers (choices as the position of the entry) and texts of the settings, each in the table's order.
struct Values {
  std::vector<double> numbers;
  std::vector<std::string> texts;
};

struct Message {
  Kind kind;
  std::string body;
};

class Malformed : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

class ForeignVersion : public Malformed {
 public:
  using Malformed::Malformed;
};

class Writer {
 public:
  template <class T>
  Writer& put(const T& value) {
    static_assert(std::is_trivially_copyable_v<T>);
    body_.append(reinterpret_cast<const char*>(&value), sizeof value);
    return *this;
  }
  Writer& text(std::string_view value) {
    body_.append(value);
    return *this;
  }
  Writer& values(const Values& values) {
    put(static_cast<uint32_t>(values.numbers.size()));
    put(static_cast<uint32_t>(values.texts.size()));
    for (double number : values.numbers) put(number);
    for (const std::string& value : values.texts) counted(value);
    return *this;
  }
  Writer& spaces(const Spaces& spaces) { return counted(spaces.plate).counted(spaces.identity).counted(spaces.config); }
  std::string body() && { return std::move(body_); }

 private:
  Writer& counted(std::string_view value) { return put(static_cast<uint32_t>(value.size())).text(value); }
  std::string body_;
};

class Reader {
 public:
  explicit Reader(std::string_view body) : rest_(body) {}
  template <class T>
  T take() {
    static_assert(std::is_trivially_copyable_v<T>);
    const std::string_view bytes = bytesOf(sizeof(T));
    T value;
    std::memcpy(&value, bytes.data(), sizeof value);
    return value;
  }
  Values values() {
    Values values;
    const auto numbers = take<uint32_t>(), texts = take<uint32_t>();
    for (uint32_t i = 0; i < numbers; ++i) values.numbers.push_back(take<double>());
    for (uint32_t i = 0; i < texts; ++i) values.texts.push_back(counted());
    return values;
  }
  Spaces spaces() {
    std::string plate = counted(), identity = counted();
    return {std::move(plate), std::move(identity), counted()};
  }
  std::string text() { return std::string(bytesOf(rest_.size())); }

 private:
  std::string counted() { return std::string(bytesOf(take<uint32_t>())); }
  std::string_view bytesOf(size_t count) {
    if (count > rest_.size()) throw Malformed("a message ends before its last field");
    const std::string_view bytes = rest_.substr(0, count);
    rest_.remove_prefix(count);
    return bytes;
  }
  std::string_view rest_;
};

inline std::string packed(const Message& message, uint32_t handle = 0) {
  const Header header{kMagic, kVersion, message.kind, static_cast<uint32_t>(message.body.size()), handle};
  return std::string(reinterpret_cast<const char*>(&header), sizeof header) + message.body;
}

// The header of a message to come. Throws Malformed on anything that is not ours, ForeignVersion on what another
// version says, but that something failed.
inline Header checkedHeader(const char* bytes) {
  Header header;
  std::memcpy(&header, bytes, sizeof header);
  if (header.magic != kMagic) throw Malformed("bytes that are no message of ours");
  if (header.version != kVersion && header.kind != Kind::Failed)
    throw ForeignVersion("expected messages of version " + std::to_string(kVersion) +
                         " from the engine; found version " + std::to_string(header.version) +
                         ". Run `mobilefaceswap ofx install` and start the host again");
  if (header.size > kLargestBody) throw Malformed("a message larger than any of ours");
  return header;
}

}  // namespace wire
