// What the viewer shows over the picture: the faces of the last frame with their crops and mattes, and the point that
// chooses one of them.
#pragma once

#include "request.h"

namespace mfs {

// Keeps what a frame found for the viewer.
void rememberFaces(OfxHandle effect, double time, const ClipImage& plate, const Answer& answer);
void forgetFaces(OfxHandle effect);

// Main entries of the overlay: with OpenGL, and with the draw suite.
using MainEntry = OfxStatus(const char* action, const void* handle, OfxHandle in, OfxHandle out);
MainEntry overlayWithOpenGl, overlayWithDrawSuite;

}  // namespace mfs
