// The point of Nearest to Point: two settings, shares of the plate, and a place on the canonical plane for hosts whose
// viewer has a crosshair of its own.
#pragma once

#include <optional>

#include "actions.h"

namespace mfs {

// The host's control, hidden where its viewer has no crosshair for it.
void definePoint(const Properties& point, const char* parent);
// Whether the host's viewer shows the point, and lets the user drag it.
bool hostShowsPoint(const Parameters& parameters);

OfxPointD pointOn(const OfxRectD& plate, const Parameters& parameters, double time);
// Moves the point, inside of the plate.
void setPoint(const Parameters& parameters, const OfxRectD& plate, const OfxPointD& place, double time);

// The user moved the host's crosshair or changed one of the settings; or another frame is shown: the two are made to
// agree again. changed: the name of the control, "" for another frame.
void matchPoint(const Call& call, const std::string& changed);

}  // namespace mfs
