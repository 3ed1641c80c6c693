#include "point.h"

#include <algorithm>
#include <cmath>

namespace mfs {
namespace {

using settings::Position;

// A host may render again for anything that is set.
void showPoint(const Parameters& parameters, const OfxPointD& place, double time) {
  const OfxPointD shown = parameters.point(control::kPoint, time, {NAN, NAN});
  const bool same = std::abs(shown.x - place.x) < 1e-6 && std::abs(shown.y - place.y) < 1e-6;
  if (hostShowsPoint(parameters) && !same) parameters.set(control::kPoint, place);
}

}  // namespace

void definePoint(const Properties& point, const char* parent) {
  point.set("OfxParamPropParent", parent);
  point.set("OfxParamPropAnimates", 0);
  point.set("OfxParamPropEvaluateOnChange", 0);
  // The settings that it follows are what is undone.
  point.set("OfxParamPropCanUndo", 0);
  point.set("OfxParamPropDoubleType", "OfxParamDoubleTypeXYAbsolute");
  point.set("OfxParamPropDefaultCoordinateSystem", "OfxParamCoordinatesNormalised");
  for (int axis = 0; axis < 2; ++axis) point.set("OfxParamPropDefault", 0.5, axis);
  const bool shown = point.integer("OfxParamPropHasHostOverlayHandle", 0) != 0;
  point.set("kOfxParamPropUseHostOverlayHandle", shown ? 1 : 0);
  point.set("OfxParamPropSecret", shown ? 0 : 1);
}

bool hostShowsPoint(const Parameters& parameters) {
  return parameters.properties(control::kPoint).integer("OfxParamPropHasHostOverlayHandle", 0) != 0;
}

OfxPointD pointOn(const OfxRectD& plate, const Parameters& parameters, double time) {
  return {plate.x1 + settingValue(parameters, Position::face_point_x, time) * (plate.x2 - plate.x1),
          plate.y1 + settingValue(parameters, Position::face_point_y, time) * (plate.y2 - plate.y1)};
}

void setPoint(const Parameters& parameters, const OfxRectD& plate, const OfxPointD& place, double time) {
  const OfxPointD inside{std::clamp(place.x, plate.x1, plate.x2), std::clamp(place.y, plate.y1, plate.y2)};
  parameters.set(row(Position::face_point_x).name, (inside.x - plate.x1) / (plate.x2 - plate.x1));
  parameters.set(row(Position::face_point_y).name, (inside.y - plate.y1) / (plate.y2 - plate.y1));
  showPoint(parameters, inside, time);
}

void matchPoint(const Call& call, const std::string& changed) {
  const Parameters parameters(call.effect);
  if (!hostShowsPoint(parameters)) return;
  const bool setting = changed == row(Position::face_point_x).name || changed == row(Position::face_point_y).name;
  if (!setting && changed != control::kPoint && !changed.empty()) return;
  const auto plate = Clip(call.effect, "Source").regionOfDefinition(call.time());
  if (!plate || plate->x1 >= plate->x2 || plate->y1 >= plate->y2) return;
  const OfxPointD place = pointOn(*plate, parameters, call.time());
  if (changed != control::kPoint) return showPoint(parameters, place, call.time());
  const Edit edit(parameters, "Move Point");
  setPoint(parameters, *plate, parameters.point(control::kPoint, call.time(), place), call.time());
}

}  // namespace mfs
