// Written by `python -m mobilefaceswap.ofx.generate` from the table of settings and the shipped pack's defaults.
// Do not edit.
#pragma once

#include <cstdint>

#include "pixels.h"

namespace mfs::settings {

enum class Type { Boolean, Integer, Double, Choice, File, Text };
enum class Alpha { Plate, Premultiplied, Straight, Opaque };
enum class Outside { Plate, Zero };

// What an output mode shows. picture: in the plate's colour space; otherwise data.
struct Output {
  Alpha alpha;
  Outside outside;
  bool picture;
  // Matte to Alpha replaces its alpha.
  bool alphaSwitch;
  // The first that holds it.
  Depth depth;
};

struct Row {
  Type type;
  const char* name;
  const char* group;
  const char* label;
  const char* hint;
  double byDefault, minimum, maximum;
  const char* textByDefault;
  bool animates;
  // The setting's position without whose value this one has no effect; -1 for none. A text counts as 0 or 1.
  int dependsOn;
  double dependsOnValue;
  int entries;
  const char* const* entryLabels;
};

constexpr char kVersion[] = "0.1.0";
constexpr uint64_t kFingerprint = 0x282cefff2ac893ae;

constexpr const char* kGroups[] = {"Source", "Analysis & Tracking", "Face Selection", "Swap", "Matte", "Colour & Detail", "Output"};

constexpr const char* k_missing_frames[] = {"Fail", "Hold", "Skip"};
constexpr const char* k_face_choice[] = {"Largest", "By Number", "Nearest to Point", "Like Reference Picture", "All Faces", "By Track ID"};
constexpr const char* k_device[] = {"Automatic", "CPU", "CUDA", "TensorRT", "Core ML", "DirectML", "OpenVINO"};
constexpr const char* k_pixel_boost[] = {"1x", "2x", "3x", "4x"};
constexpr const char* k_matte_source[] = {"Learned Mask", "Hull", "Both", "Either"};
constexpr const char* k_colour_space[] = {"Automatic", "sRGB", "Rec.709", "Linear Rec.709", "ACEScg", "ACES2065-1", "Linear Rec.2020", "Linear P3-D65", "ACEScct", "DaVinci Intermediate", "ARRI LogC3", "ARRI LogC4", "S-Log3 S-Gamut3.Cine", "S-Log3 S-Gamut3", "Canon Log 2", "Canon Log 3", "RED Log3G10", "Panasonic V-Log", "BMD Film Gen 5", "Cineon Film Log", "Display P3", "P3 (DCI)", "Rec.2020", "PQ Rec.2100", "PQ P3-D65", "HLG Rec.2100"};
constexpr const char* k_colour_match_method[] = {"Local", "Mean and Deviation", "Covariance", "Off"};
constexpr const char* k_regrain_from[] = {"New Grain", "Plate Grain"};
constexpr const char* k_engine_failure[] = {"Fail the Frame", "Pass Through"};
constexpr const char* k_output_mode[] = {"Composite", "Face (premultiplied)", "Face (unpremultiplied)", "Matte", "Status", "Overlay", "Learned Matte", "Occlusion", "Trust", "Difference", "ST Map of the Crop", "People (Cryptomatte)"};
constexpr Row kRows[] = {
    {Type::File, "source", "Source", "Source", "A photo of the person whose face to use, a folder of such photos, or a prepared identity (.idn).", 0, 0, 1, "", false, -1, 0, 0, nullptr},
    {Type::Integer, "source_face", "Source", "Source Face", "Which face in the source picture, counting from the largest, starting at 0.", 0, 0, 99, "", false, -1, 0, 0, nullptr},
    {Type::Double, "source_age", "Source", "Source Age", "For portraits taken years apart: those before and after this age count, by how near they are. The ages stand in a file ages.toml beside the portraits, a line such as \"at_25.jpg\" = 25 for each. 0 for all alike.", 0, 0, 9999, "", false, -1, 0, 0, nullptr},
    {Type::Text, "detector", "Analysis & Tracking", "Face Detector", "Empty for the model pack's own, or insightface:NAME_OR_FOLDER for an InsightFace pack on this machine.", 0, 0, 1, "", false, -1, 0, 0, nullptr},
    {Type::File, "track_file", "Analysis & Tracking", "Track File", "Faces stored for this clip by `mobilefaceswap analyse` or Analyse Range, used instead of searching the frame.", 0, 0, 1, "", false, -1, 0, 0, nullptr},
    {Type::Integer, "analysis_size", "Analysis & Tracking", "Analysis Size", "Longest side of the picture that is searched for faces. Raise it to find small faces; the time for the search grows with its square. In pixels.", 640, 160, 2560, "", false, 4, 0, 0, nullptr},
    {Type::Double, "detection_threshold", "Analysis & Tracking", "Detection Threshold", "Faces that the detector is less confident of are ignored.", 0.69999999999999996, 0.10000000000000001, 1, "", false, 4, 0, 0, nullptr},
    {Type::Integer, "smoothing", "Analysis & Tracking", "Smoothing", "Steadies the face's position by this many frames before and after, without lag: firmly at rest, hardly in fast motion, never across a cut. 0 is off. Where a host gives no access to other frames, it needs a track file. In frames.", 3, 0, 12, "", false, -1, 0, 0, nullptr},
    {Type::Integer, "gap", "Analysis & Tracking", "Fill Gaps", "A face that is lost for at most this many frames is filled in between. Needs other frames, as Smoothing does. In frames.", 6, 0, 48, "", false, -1, 0, 0, nullptr},
    {Type::Integer, "fade", "Analysis & Tracking", "Fade", "Where a face is lost for longer, the swap fades out over this many frames before, and in over as many after. 0 is a hard change. Needs other frames, as Smoothing does. In frames.", 3, 0, 24, "", false, -1, 0, 0, nullptr},
    {Type::Choice, "missing_frames", "Analysis & Tracking", "Missing Frames", "For frames that an image sequence or the track lacks. Fail stops the render. Hold takes the last one before. Skip leaves a frame of the sequence out, and passes the plate where the track lacks it.", 0, 0, 1, "", false, -1, 0, 3, k_missing_frames},
    {Type::Choice, "face_choice", "Face Selection", "Face", "Which face in the plate to replace.", 0, 0, 1, "", true, -1, 0, 6, k_face_choice},
    {Type::Integer, "face_person", "Face Selection", "Track ID", "For By Track ID: the person's id in the track, which stays with them through gaps, crossings and cuts. `mobilefaceswap track show` lists the ids.", 1, 1, 999, "", true, 11, 5, 0, nullptr},
    {Type::Integer, "face_index", "Face Selection", "Face Number", "For By Number: counts faces from the left of the picture, starting at 0.", 0, 0, 99, "", true, 11, 1, 0, nullptr},
    {Type::Double, "face_point_x", "Face Selection", "Point X", "For Nearest to Point: 0 is the left edge of the picture, 1 the right.", 0.5, 0, 1, "", true, 11, 2, 0, nullptr},
    {Type::Double, "face_point_y", "Face Selection", "Point Y", "For Nearest to Point: 0 is the bottom edge of the picture, 1 the top.", 0.5, 0, 1, "", true, 11, 2, 0, nullptr},
    {Type::File, "reference", "Face Selection", "Reference Picture", "For Like Reference Picture: a photo of the person in the plate to replace. Other faces are left alone.", 0, 0, 1, "", false, 11, 3, 0, nullptr},
    {Type::Double, "reference_threshold", "Face Selection", "Reference Threshold", "Least similarity to the reference (cosine of the embeddings) for a face to be replaced.", 0.29999999999999999, -1, 1, "", true, 11, 3, 0, nullptr},
    {Type::Text, "pack", "Swap", "Model Pack", "Empty for the pack that ships, or the name or folder of another. Controls keep their values: defaults of the other pack do not apply.", 0, 0, 1, "", false, -1, 0, 0, nullptr},
    {Type::Choice, "device", "Swap", "Device", "What the swapping network runs on. Automatic takes MOBILEFACESWAP_DEVICE, else the first that works; one that you name runs or the frame fails. Engine says which it is.", 0, 0, 1, "", false, -1, 0, 7, k_device},
    {Type::Boolean, "enable", "Swap", "Enable", "Off passes the plate through untouched, with an empty matte.", 1, 0, 1, "", true, -1, 0, 0, nullptr},
    {Type::Double, "mix", "Swap", "Mix", "0 is the plate, 1 the full swap. Scales the matte.", 1, 0, 1, "", true, -1, 0, 0, nullptr},
    {Type::Integer, "deflicker", "Swap", "Deflicker", "Averages what the network draws over this many frames before and after, along the plate's own motion: what flickers goes, expressions stay. Never across a cut. 0 is off. Needs the frames themselves: in a host that hands out no others it does nothing, with a track file or without. In frames.", 2, 0, 4, "", false, -1, 0, 0, nullptr},
    {Type::Double, "likeness", "Swap", "Likeness", "From the target's own face at 0 to the source at 1, and beyond it up to 1.3, where traits are exaggerated.", 1, 0, 1.3, "", true, -1, 0, 0, nullptr},
    {Type::Double, "face_scale", "Swap", "Face Scale", "Makes the swapped face larger or smaller than the one in the plate, about its middle.", 1, 0.5, 1.5, "", true, -1, 0, 0, nullptr},
    {Type::Double, "face_offset_x", "Swap", "Face Offset X", "Moves the swapped face to the right, as the face stands. In % of the face's width.", 0, -25, 25, "", true, -1, 0, 0, nullptr},
    {Type::Double, "face_offset_y", "Swap", "Face Offset Y", "Moves the swapped face upwards, as the face stands. In % of the face's width.", 0, -25, 25, "", true, -1, 0, 0, nullptr},
    {Type::Choice, "pixel_boost", "Swap", "Pixel Boost", "Runs the network on crops of 2, 3 or 4 times the resolution, in interleaved parts: more detail for large faces, at 4, 9 or 16 times the work.", 0, 0, 1, "", false, -1, 0, 4, k_pixel_boost},
    {Type::Choice, "matte_source", "Matte", "Matte From", "What the matte begins with: the mask that the network puts out, a face-shaped hull drawn from the landmarks, where both are, or where either is.", 0, 0, 1, "", true, -1, 0, 4, k_matte_source},
    {Type::Boolean, "matte_islands", "Matte", "Remove Islands", "Keeps only the part of the mask connected to the face; removes specks on hair and background.", 1, 0, 1, "", true, -1, 0, 0, nullptr},
    {Type::Double, "matte_holes", "Matte", "Fill Holes", "Fills holes in the mask narrower than this. Openings that reach its edge, such as a hand, stay open. In % of the face's width.", 10, 0, 25, "", true, -1, 0, 0, nullptr},
    {Type::Double, "matte_smooth", "Matte", "Smooth Outline", "Smooths the outline of the mask before it is clipped. Lower it to keep fingers and hair out of the matte. In % of the face's width.", 8, 0, 25, "", true, -1, 0, 0, nullptr},
    {Type::Double, "matte_black_clip", "Matte", "Black Clip", "Mask values at or below this become 0.", 0.25, 0, 1, "", true, -1, 0, 0, nullptr},
    {Type::Double, "matte_white_clip", "Matte", "White Clip", "Mask values at or above this become 1.", 0.80000000000000004, 0, 1, "", true, -1, 0, 0, nullptr},
    {Type::Double, "matte_gamma", "Matte", "Gamma", "Above 1 lifts the greys of the matte, below 1 lowers them; black and white stay.", 1, 0.10000000000000001, 10, "", true, -1, 0, 0, nullptr},
    {Type::Double, "matte_expand", "Matte", "Expand", "Moves the edge of the matte outwards; negative values move it inwards. In % of the face's width.", 0, -25, 25, "", true, -1, 0, 0, nullptr},
    {Type::Double, "matte_feather", "Matte", "Feather", "Softens the edge of the matte. In % of the face's width.", 4, 0, 25, "", true, -1, 0, 0, nullptr},
    {Type::Double, "matte_soft_inside", "Matte", "Soften Inside", "Fades the edge inwards from where it is; outside it nothing is added. In % of the face's width.", 0, 0, 25, "", true, -1, 0, 0, nullptr},
    {Type::Double, "matte_soft_outside", "Matte", "Soften Outside", "Fades the edge outwards from where it is; the core stays solid up to it. In % of the face's width.", 0, 0, 25, "", true, -1, 0, 0, nullptr},
    {Type::Double, "matte_soft_edge", "Matte", "Soften Edge Only", "Softens the outline as Feather does, but leaves greys inside the matte as they are. In % of the face's width.", 0, 0, 25, "", true, -1, 0, 0, nullptr},
    {Type::Double, "matte_erode_dark", "Matte", "Erode Where Dark", "Moves the edge inwards where the plate is darker than the face, as at hair and beards. In % of the face's width.", 0, 0, 25, "", true, -1, 0, 0, nullptr},
    {Type::Double, "matte_erode_bright", "Matte", "Erode Where Bright", "Moves the edge inwards where the plate is brighter than the face, as at a rim light or a bright background. In % of the face's width.", 0, 0, 25, "", true, -1, 0, 0, nullptr},
    {Type::Double, "matte_left", "Matte", "Crop Left", "Crops the matte from the left, as you see the face. In % of the face's width.", 0, 0, 100, "", true, -1, 0, 0, nullptr},
    {Type::Double, "matte_right", "Matte", "Crop Right", "Crops the matte from the right, as you see the face. In % of the face's width.", 0, 0, 100, "", true, -1, 0, 0, nullptr},
    {Type::Double, "matte_top", "Matte", "Crop Top", "Crops the matte from the forehead down. In % of the face's width.", 0, 0, 100, "", true, -1, 0, 0, nullptr},
    {Type::Double, "matte_bottom", "Matte", "Crop Bottom", "Crops the matte from the chin up. In % of the face's width.", 0, 0, 100, "", true, -1, 0, 0, nullptr},
    {Type::Boolean, "matte_invert", "Matte", "Invert", "Turns the shaped matte around inside the crop, before kept features and external mattes.", 0, 0, 1, "", true, -1, 0, 0, nullptr},
    {Type::Double, "keep_mouth", "Matte", "Keep Mouth", "Keeps the plate between the lips, with a soft edge: teeth, tongue and speech are the actor's own.", 0, 0, 1, "", true, -1, 0, 0, nullptr},
    {Type::Double, "keep_eyes", "Matte", "Keep Eyes", "Keeps the plate's eyes and lids, with a soft edge.", 0, 0, 1, "", true, -1, 0, 0, nullptr},
    {Type::Double, "keep_brows", "Matte", "Keep Brows", "Keeps the plate's brows, with a soft edge.", 0, 0, 1, "", true, -1, 0, 0, nullptr},
    {Type::Double, "keep_skin", "Matte", "Keep Skin", "Keeps the plate's skin, so that only eyes, brows and mouth are swapped.", 0, 0, 1, "", true, -1, 0, 0, nullptr},
    {Type::Double, "occlusion", "Matte", "Occlusion", "Keeps what stands before the face: hands, and whatever differs from the face in colour, such as hair, microphones, dark glasses and food.", 0, 0, 1, "", true, -1, 0, 0, nullptr},
    {Type::Text, "other_space", "Colour & Detail", "Other Space", "A colour space that Working Space does not list: a name, alias or role of the OpenColorIO configuration. Empty for Working Space.", 0, 0, 1, "", false, -1, 0, 0, nullptr},
    {Type::Choice, "colour_space", "Colour & Detail", "Working Space", "The colour space of the plate. Automatic uses what the clip or the host declares. Besides those listed, any name, alias or role of the OpenColorIO configuration.", 0, 0, 1, "", false, 52, 0, 26, k_colour_space},
    {Type::File, "ocio_config", "Colour & Detail", "OpenColorIO Config", "A configuration file (.ocio, .ocioz) or ocio:// name that defines further working spaces. Empty for $OCIO or, where that is not set, the built-in ACES studio configuration. The spaces listed need none.", 0, 0, 1, "", false, -1, 0, 0, nullptr},
    {Type::Double, "view_exposure", "Colour & Detail", "View Exposure", "Brightens or darkens the plate for detector and network alone, as a viewer's gain does. The picture keeps its exposure. With Automatic Exposure it is added to it. In stops.", 0, -10, 10, "", true, -1, 0, 0, nullptr},
    {Type::Boolean, "auto_exposure", "Colour & Detail", "Automatic Exposure", "Shows the network every face as if well exposed, measured in each frame. For underexposed and overexposed plates, and day for night. The picture keeps its exposure.", 0, 0, 1, "", true, -1, 0, 0, nullptr},
    {Type::Double, "colour_match", "Colour & Detail", "Colour Match", "Matches the colour and light of the face to the plate, region by region. 0 keeps the network's own.", 1, 0, 1, "", true, -1, 0, 0, nullptr},
    {Type::Choice, "colour_match_method", "Colour & Detail", "Match By", "Local matches colour and light region by region. Mean and Deviation, and Covariance, match the face as a whole and keep its own shading; Covariance turns hues as well.", 0, 0, 1, "", true, -1, 0, 4, k_colour_match_method},
    {Type::Double, "colour_match_size", "Colour & Detail", "Match Size", "For Local: what is coarser than this becomes the plate's colour and light. Lower it where the skin has patches of shade or hue that the plate does not; the source's own shading goes with them. Features keep theirs. In % of the face's width.", 25, 5, 50, "", true, -1, 0, 0, nullptr},
    {Type::Double, "edge_match", "Colour & Detail", "Edge Match", "Brings the face to the plate's colour along the edge of its matte and fades inwards: removes a seam where the light on the two differs at cheek or forehead. Features in the middle keep their shading.", 0, 0, 1, "", true, -1, 0, 0, nullptr},
    {Type::Double, "face_exposure", "Colour & Detail", "Face Exposure", "Brightens or darkens the swapped face, in scene-linear light. In stops.", 0, -4, 4, "", true, -1, 0, 0, nullptr},
    {Type::Double, "face_saturation", "Colour & Detail", "Face Saturation", "0 is grey, 1 leaves the face as it is.", 1, 0, 2, "", true, -1, 0, 0, nullptr},
    {Type::Double, "face_warmth", "Colour & Detail", "Face Warmth", "Warms or cools the swapped face at the same luminance: at 1 red gains one stop over blue.", 0, -1, 1, "", true, -1, 0, 0, nullptr},
    {Type::Double, "sharpness_match", "Colour & Detail", "Sharpness Match", "Blurs or sharpens the face until it is as sharp as the plate is in this frame: for shots in soft focus and focus pulls.", 0, 0, 1, "", true, -1, 0, 0, nullptr},
    {Type::Double, "motion_blur", "Colour & Detail", "Motion Blur", "Blurs the face along its way through the frame, as a shutter that is open for this share of the frame: 0.5 is 180 degrees. Needs a track. In frames.", 0, 0, 1, "", true, -1, 0, 0, nullptr},
    {Type::Double, "plate_detail", "Colour & Detail", "Plate Detail", "How much of the plate's grain and fine detail shows in the face: all that the network's crop is too small to hold.", 1, 0, 1, "", true, -1, 0, 0, nullptr},
    {Type::Double, "regrain", "Colour & Detail", "Regrain", "Adds the plate's own grain, measured on the skin in this frame, as far as the face lacks it. 1 is the plate's.", 0, 0, 2, "", true, -1, 0, 0, nullptr},
    {Type::Choice, "regrain_from", "Colour & Detail", "Regrain With", "New Grain is drawn like the plate's, another in every frame. Plate Grain is the plate's own where it is, and moves as it does: for compressed clips, whose grain stands still for several frames.", 0, 0, 1, "", true, -1, 0, 2, k_regrain_from},
    {Type::Choice, "engine_failure", "Output", "If the Engine Fails", "Fail the Frame stops the render, so that no frame ships unswapped by mistake. Pass Through shows the plate.", 0, 0, 1, "", false, -1, 0, 2, k_engine_failure},
    {Type::Choice, "output_mode", "Output", "Output Mode", "Composite is the finished frame. Face layers carry the matte as alpha. Status shows the core in white, the soft edge in grey, areas added by the inside matte in blue and removed by the outside matte in red. Overlay draws the faces found.", 0, 0, 1, "", false, -1, 0, 12, k_output_mode},
    {Type::Boolean, "matte_to_alpha", "Output", "Matte to Alpha", "Puts the matte into the alpha of the composite, in place of the plate's alpha.", 0, 0, 1, "", false, 70, 0, 0, nullptr},
};

// In the order of the output modes.
constexpr Output kOutputs[] = {
    {Alpha::Plate, Outside::Plate, true, true, Depth::Byte},
    {Alpha::Premultiplied, Outside::Zero, true, false, Depth::Byte},
    {Alpha::Straight, Outside::Zero, true, false, Depth::Byte},
    {Alpha::Opaque, Outside::Zero, false, false, Depth::Byte},
    {Alpha::Opaque, Outside::Zero, false, false, Depth::Byte},
    {Alpha::Plate, Outside::Plate, true, false, Depth::Byte},
    {Alpha::Opaque, Outside::Zero, false, false, Depth::Byte},
    {Alpha::Opaque, Outside::Zero, false, false, Depth::Byte},
    {Alpha::Opaque, Outside::Zero, false, false, Depth::Byte},
    {Alpha::Opaque, Outside::Zero, false, false, Depth::Half},
    {Alpha::Opaque, Outside::Zero, false, false, Depth::Short},
    {Alpha::Opaque, Outside::Zero, false, false, Depth::Float},
};

// Positions in kRows.
enum class Position {
  source,
  source_face,
  source_age,
  detector,
  track_file,
  analysis_size,
  detection_threshold,
  smoothing,
  gap,
  fade,
  missing_frames,
  face_choice,
  face_person,
  face_index,
  face_point_x,
  face_point_y,
  reference,
  reference_threshold,
  pack,
  device,
  enable,
  mix,
  deflicker,
  likeness,
  face_scale,
  face_offset_x,
  face_offset_y,
  pixel_boost,
  matte_source,
  matte_islands,
  matte_holes,
  matte_smooth,
  matte_black_clip,
  matte_white_clip,
  matte_gamma,
  matte_expand,
  matte_feather,
  matte_soft_inside,
  matte_soft_outside,
  matte_soft_edge,
  matte_erode_dark,
  matte_erode_bright,
  matte_left,
  matte_right,
  matte_top,
  matte_bottom,
  matte_invert,
  keep_mouth,
  keep_eyes,
  keep_brows,
  keep_skin,
  occlusion,
  other_space,
  colour_space,
  ocio_config,
  view_exposure,
  auto_exposure,
  colour_match,
  colour_match_method,
  colour_match_size,
  edge_match,
  face_exposure,
  face_saturation,
  face_warmth,
  sharpness_match,
  motion_blur,
  plate_detail,
  regrain,
  regrain_from,
  engine_failure,
  output_mode,
  matte_to_alpha,
};

// Positions of the entries of choices.
namespace missing_frames_entry {
enum Entry { kFail, kHold, kSkip };
}
namespace face_choice_entry {
enum Entry { kLargest, kIndex, kNearest, kReference, kAll, kPerson };
}
namespace device_entry {
enum Entry { kAuto, kCpu, kCuda, kTensorrt, kCoreml, kDirectml, kOpenvino };
}
namespace pixel_boost_entry {
enum Entry { k1x, k2x, k3x, k4x };
}
namespace matte_source_entry {
enum Entry { kLearned, kHull, kBoth, kEither };
}
namespace colour_space_entry {
enum Entry { kAuto, kSrgb, kRec709, kLinearRec709, kAcescg, kAces20651, kLinearRec2020, kLinearP3D65, kAcescct, kDavinciIntermediate, kArriLogc3, kArriLogc4, kSLog3, kSLog3SGamut3, kCanonLog2, kCanonLog3, kLog3g10, kVLog, kBmdFilmGen5, kCineon, kDisplayP3, kP3Dci, kRec2020, kPq, kPqP3, kHlg };
}
namespace colour_match_method_entry {
enum Entry { kLocal, kMeanDeviation, kCovariance, kOff };
}
namespace regrain_from_entry {
enum Entry { kNew, kPlate };
}
namespace engine_failure_entry {
enum Entry { kFail, kPassThrough };
}
namespace output_mode_entry {
enum Entry { kComposite, kFace, kFaceUnpremultiplied, kMatte, kStatus, kOverlay, kLearnedMatte, kOcclusion, kTrust, kDifference, kStMap, kPeople };
}

}  // namespace mfs::settings
