// The host as we see it: suites, properties, parameters, clips, messages. Every status is read; what a host does not
// know has a default.
#pragma once

#include <cstdint>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "hosts.h"
#include "ofx_abi.h"
#include "pixels.h"

namespace mfs {

class HostInadequate : public std::exception {};

struct Host {
  OfxHandle properties = nullptr;
  const OfxPropertySuite* property = nullptr;
  const OfxImageEffectSuite* effect = nullptr;
  const OfxParameterSuite* parameter = nullptr;
  // What follows may be missing.
  const OfxMessageSuite* message = nullptr;
  const OfxMessageSuite* persistentMessage = nullptr;
  const OfxProgressSuite* progress = nullptr;
  const OfxTimeLineSuite* timeline = nullptr;
  const OfxDrawSuite* draw = nullptr;
  const OfxInteractSuite* interact = nullptr;
  std::string name;
  const HostTraits* traits = nullptr;

  // Nobody looks on: frames are rendered for keeps.
  bool background() const;
  bool showsOverlays() const;
  // Effects may say how many frames a second their output has.
  bool takesFrameRate() const;
};

void setHost(OfxHost* host);
// Throws HostInadequate where a suite that we cannot do without is missing.
void fetchSuites();
const Host& host();

class Properties {
 public:
  explicit Properties(OfxHandle handle = nullptr) : handle_(handle) {}
  explicit operator bool() const { return handle_ != nullptr; }
  OfxHandle handle() const { return handle_; }

  // Setting what an older host does not know is no error.
  void set(const char* name, int value, int index = 0) const;
  void set(const char* name, double value, int index = 0) const;
  void set(const char* name, const char* value, int index = 0) const;
  void setPointer(const char* name, void* value) const;
  void set(const char* name, bool value) const = delete;

  int integer(const char* name, int otherwise, int index = 0) const;
  double number(const char* name, double otherwise, int index = 0) const;
  std::string text(const char* name) const;
  void* pointer(const char* name) const;

 private:
  OfxHandle handle_;
};

Properties effectProperties(OfxHandle effect);

class Parameters {
 public:
  explicit Parameters(OfxHandle effect);
  int integer(const char* name, double time, int otherwise) const;
  double number(const char* name, double time, double otherwise) const;
  std::string text(const char* name, double time) const;
  OfxPointD point(const char* name, double time, OfxPointD otherwise) const;
  bool keyed(const char* name) const;
  // What the host tells of a parameter.
  Properties properties(const char* name) const;
  void set(const char* name, const std::string& value) const;
  void set(const char* name, double value) const;
  void set(const char* name, int value) const;
  void set(const char* name, const OfxPointD& value) const;
  // What is set in between is one step for the host's undo.
  void beginEdit(const char* label) const;
  void endEdit() const;

 private:
  OfxHandle find(const char* name) const;
  OfxHandle set_ = nullptr;
};

// One step for the host's undo, as long as it is in scope.
class Edit {
 public:
  Edit(const Parameters& parameters, const char* label) : parameters_(parameters) { parameters_.beginEdit(label); }
  ~Edit() { parameters_.endEdit(); }
  Edit(const Edit&) = delete;
  Edit& operator=(const Edit&) = delete;

 private:
  const Parameters& parameters_;
};

class ClipImage;

// Frames, both included.
struct FrameRange {
  double first = 0, last = 0;
};

class Clip {
 public:
  Clip(OfxHandle effect, const char* name);
  bool connected() const;
  std::optional<OfxRectD> regionOfDefinition(double time) const;
  // The frames that it has, where the host tells.
  std::optional<FrameRange> frameRange() const;
  const Properties& properties() const { return properties_; }
  OfxHandle handle() const { return handle_; }

 private:
  OfxHandle handle_ = nullptr;
  Properties properties_;
};

// An image of a clip, released when it goes out of scope.
class ClipImage {
 public:
  ClipImage(const Clip& clip, double time);
  ~ClipImage();
  ClipImage(const ClipImage&) = delete;
  ClipImage& operator=(const ClipImage&) = delete;

  // False where the host has none, or one that we cannot read.
  explicit operator bool() const { return usable_; }
  const Image& image() const { return image_; }
  const Properties& properties() const { return properties_; }

 private:
  Properties properties_;
  Image image_;
  bool usable_ = false;
};

// Frames as people write them, such as "1, 3-7"; of more than ten ranges the first ten and, in brackets, the number of
// all frames.
std::string listed(const std::set<int64_t>& frames);

// What stands on a node until the next good frame or an edit. Hosts where nothing can stand on a node show each kind of
// it once: a warning for as long as the node lives, an error until the node is right or noteRemedy.
void showError(OfxHandle effect, const std::string& text);
void showWarning(OfxHandle effect, const std::string& text);
// The frame passes through unswapped: it is logged, and good frames beside it do not take that off the node.
void notePassed(OfxHandle effect, double time, const std::string& reason);
// The frame is good. note: what the user should know nevertheless, "" for nothing.
void noteGood(OfxHandle effect, double time, const std::string& note);
// The node was changed: what stands on it was said of another one.
void noteEdit(OfxHandle effect);
// The user did what may end an error: it goes, and is shown anew if it comes again. Not for the steps of a drag, each
// of which would open a dialog.
void noteRemedy(OfxHandle effect);
// The effect is new or gone; its handle may come again.
void forgetNotices(OfxHandle effect);
// Answers a button.
void showNote(OfxHandle effect, const std::string& text);

// The progress bar of a host that has one.
class Progress {
 public:
  Progress(OfxHandle effect, const char* label);
  ~Progress();
  Progress(const Progress&) = delete;
  Progress& operator=(const Progress&) = delete;
  // False where the user wants to stop.
  bool update(double share) const;

 private:
  OfxHandle effect_;
};

}  // namespace mfs
