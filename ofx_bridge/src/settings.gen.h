// Written by `python -m mobilefaceswap.ofx.generate` from the table of settings. Do not edit.
#pragma once

#include <cstdint>

namespace mfs::settings {

enum class Type { Boolean, Integer, Double, Choice, File };

struct Row {
  Type type;
  const char* name;
  const char* group;
  const char* label;
  const char* hint;
  double byDefault, minimum, maximum;
  bool animates;
  int entries;
  const char* const* entryLabels;
};

constexpr char kVersion[] = "0.1.0";
constexpr uint64_t kFingerprint = 0x69943a074ba5b3d3;

constexpr const char* kGroups[] = {"Source", "Analysis & Tracking", "Face Selection", "Swap", "Matte", "Colour & Detail", "Output"};

constexpr const char* k_face_choice[] = {"Largest", "By Number", "Nearest to Point", "Like Reference Picture", "All Faces"};
constexpr const char* k_colour_space[] = {"Automatic", "sRGB", "Rec.709", "Linear Rec.709"};
constexpr const char* k_engine_failure[] = {"Fail the Frame", "Pass Through"};
constexpr const char* k_output_mode[] = {"Composite", "Face (premultiplied)", "Face (unpremultiplied)", "Matte", "Status", "Overlay"};
constexpr Row kRows[] = {
    {Type::File, "source", "Source", "Source", "A picture of the person whose face is put in, a folder of such pictures, or a prepared identity (.idn).", 0, 0, 1, false, 0, nullptr},
    {Type::Integer, "source_face", "Source", "Source Face", "Which face of the source picture, counted from the largest, beginning with 0.", 0, 0, 99, false, 0, nullptr},
    {Type::File, "track_file", "Analysis & Tracking", "Track File", "What `mobilefaceswap analyse` wrote for this clip. With it nothing is searched in the frame.", 0, 0, 1, false, 0, nullptr},
    {Type::Integer, "analysis_size", "Analysis & Tracking", "Analysis Size", "Longest side, in pixels, at which the plate is searched for faces. Raise it for small faces; the search time grows with its square. In pixels.", 640, 160, 2560, false, 0, nullptr},
    {Type::Double, "detection_threshold", "Analysis & Tracking", "Detection Threshold", "Faces found with less confidence than this are ignored.", 0.69999999999999996, 0.10000000000000001, 1, false, 0, nullptr},
    {Type::Integer, "smoothing", "Analysis & Tracking", "Smoothing", "Frames to either side over which the face's position is smoothed; a face lost for a moment within them is filled in. 0 is off. In a host without temporal access it needs a track file. In frames.", 0, 0, 12, false, 0, nullptr},
    {Type::Choice, "face_choice", "Face Selection", "Face", "Which face of the plate is swapped.", 0, 0, 1, true, 5, k_face_choice},
    {Type::Integer, "face_index", "Face Selection", "Face Number", "With By Number: the face counted from the left of the picture, beginning with 0.", 0, 0, 99, true, 0, nullptr},
    {Type::Double, "face_point_x", "Face Selection", "Point X", "With Nearest to Point: 0 is the left edge of the picture, 1 the right.", 0.5, 0, 1, true, 0, nullptr},
    {Type::Double, "face_point_y", "Face Selection", "Point Y", "With Nearest to Point: 0 is the bottom edge of the picture, 1 the top.", 0.5, 0, 1, true, 0, nullptr},
    {Type::File, "reference", "Face Selection", "Reference Picture", "With Like Reference Picture: a picture of the person of the plate who is to be swapped. Nobody else ever is.", 0, 0, 1, false, 0, nullptr},
    {Type::Double, "reference_threshold", "Face Selection", "Reference Threshold", "How like the reference a face must be (cosine of their embeddings) to be swapped.", 0.29999999999999999, -1, 1, true, 0, nullptr},
    {Type::Boolean, "enable", "Swap", "Enable", "Off passes the plate on untouched, with an empty matte.", 1, 0, 1, true, 0, nullptr},
    {Type::Double, "mix", "Swap", "Mix", "0 is the plate, 1 the full swap. It scales the matte.", 1, 0, 1, true, 0, nullptr},
    {Type::Boolean, "matte_islands", "Matte", "Remove Islands", "Keeps of the network's mask only what is connected with the face: no specks on hair or background.", 1, 0, 1, true, 0, nullptr},
    {Type::Double, "matte_holes", "Matte", "Fill Holes", "Fills holes of the network's mask that are narrower than this; what reaches its edge, such as a hand, stays. In % of the face's width.", 10, 0, 25, true, 0, nullptr},
    {Type::Double, "matte_smooth", "Matte", "Smooth Outline", "Takes the wobble out of the mask before it is clipped. Lower it where fingers or hair must stay out. In % of the face's width.", 8, 0, 25, true, 0, nullptr},
    {Type::Double, "matte_black_clip", "Matte", "Black Clip", "Values of the network's mask at and below this become 0.", 0.25, 0, 1, true, 0, nullptr},
    {Type::Double, "matte_white_clip", "Matte", "White Clip", "Values of the network's mask at and above this become 1.", 0.80000000000000004, 0, 1, true, 0, nullptr},
    {Type::Double, "matte_expand", "Matte", "Expand", "Moves the matte's edge outwards; negative values contract. In % of the face's width.", 0, -25, 25, true, 0, nullptr},
    {Type::Double, "matte_feather", "Matte", "Feather", "Softens the matte's edge. In % of the face's width.", 4, 0, 25, true, 0, nullptr},
    {Type::Double, "matte_left", "Matte", "Crop Left", "Takes the matte away from the viewer's left side of the face. In % of the face's width.", 0, 0, 100, true, 0, nullptr},
    {Type::Double, "matte_right", "Matte", "Crop Right", "Takes the matte away from the viewer's right side of the face. In % of the face's width.", 0, 0, 100, true, 0, nullptr},
    {Type::Double, "matte_top", "Matte", "Crop Top", "Takes the matte away from the forehead down. In % of the face's width.", 0, 0, 100, true, 0, nullptr},
    {Type::Double, "matte_bottom", "Matte", "Crop Bottom", "Takes the matte away from the chin up. In % of the face's width.", 0, 0, 100, true, 0, nullptr},
    {Type::Choice, "colour_space", "Colour & Detail", "Working Space", "What the plate's numbers mean. Automatic takes what the clip or the host declares.", 0, 0, 1, false, 4, k_colour_space},
    {Type::Double, "colour_match", "Colour & Detail", "Colour Match", "How far the face takes on the colour and the light of the plate, part by part; 0 is the network's own.", 1, 0, 1, true, 0, nullptr},
    {Type::Double, "plate_detail", "Colour & Detail", "Plate Detail", "How much of the plate's grain and of what is finer than the network's crop comes back into the face, highlights beyond white included.", 0.5, 0, 1, true, 0, nullptr},
    {Type::Choice, "engine_failure", "Output", "If the Engine Fails", "Fail marks the frame so that nobody ships it by mistake. Pass Through shows the unswapped plate.", 0, 0, 1, false, 2, k_engine_failure},
    {Type::Choice, "output_mode", "Output", "Output Mode", "Composite is the finished frame. Face layers carry the matte as alpha. Status shows the core white, the soft edge grey, and what holdout and garbage mattes did in blue and red. Overlay draws what was found.", 0, 0, 1, true, 6, k_output_mode},
    {Type::Boolean, "matte_to_alpha", "Output", "Matte to Alpha", "Writes the matte into the composite's alpha instead of passing the plate's alpha on.", 0, 0, 1, true, 0, nullptr},
};

// Positions in kRows.
enum class Position {
  source,
  source_face,
  track_file,
  analysis_size,
  detection_threshold,
  smoothing,
  face_choice,
  face_index,
  face_point_x,
  face_point_y,
  reference,
  reference_threshold,
  enable,
  mix,
  matte_islands,
  matte_holes,
  matte_smooth,
  matte_black_clip,
  matte_white_clip,
  matte_expand,
  matte_feather,
  matte_left,
  matte_right,
  matte_top,
  matte_bottom,
  colour_space,
  colour_match,
  plate_detail,
  engine_failure,
  output_mode,
  matte_to_alpha,
};

// Positions of the entries of choices.
namespace face_choice_entry {
enum Entry { kLargest, kIndex, kNearest, kReference, kAll };
}
namespace colour_space_entry {
enum Entry { kAuto, kSrgb, kRec709, kLinearRec709 };
}
namespace engine_failure_entry {
enum Entry { kFail, kPassThrough };
}
namespace output_mode_entry {
enum Entry { kComposite, kFace, kFaceUnpremultiplied, kMatte, kStatus, kOverlay };
}

}  // namespace mfs::settings
