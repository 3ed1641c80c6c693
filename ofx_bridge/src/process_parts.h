// What process_posix.cpp and process_win32.cpp share, and nobody else needs.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "process.h"

namespace mfs {

constexpr auto kPollSlice = std::chrono::milliseconds(50);
constexpr auto kGrace = std::chrono::milliseconds(300);
constexpr char kEngineModule[] = "mobilefaceswap.engine";

struct Channel::End {
  End() = default;
  virtual ~End() = default;
  End(const End&) = delete;
  End& operator=(const End&) = delete;

  // As in Channel.
  virtual void send(const wire::Message& message, Deadline deadline, intptr_t handle) = 0;
  virtual void receive(char* bytes, size_t count, Deadline deadline, const AbortFunction& aborted) = 0;
  virtual bool spent() const = 0;
};

// How long to wait before the host is asked again whether to stop.
int millisecondsUntil(Deadline deadline);
// Throws Aborted, LinkBroken once the deadline is over.
void checkPatience(Deadline deadline, const AbortFunction& aborted);

// A host's own interpreter, libraries, toolkit and colour configuration must not leak into the engine.
bool isForeignVariable(std::string_view assignment);

[[noreturn]] void refuseMemory(size_t bytes, const std::string& reason, const char* advice);
[[noreturn]] void refuseStart(const std::string& interpreter, const std::string& reason);
std::string lastLine(std::string text);

// By each system: a variable of the environment in UTF-8, "" for none; the texts of the installation's records, first
// the one that counts.
std::string environmentText(const char* name);
std::vector<std::string> recordTexts();

}  // namespace mfs
