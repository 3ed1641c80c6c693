// What the bridge needs of the operating system: a process, private channels to it, memory that both map.
// process_posix.cpp implements it for Linux and macOS, process_win32.cpp for Windows; process.cpp is what they share.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <stdexcept>
#include <string>

#include "wire.h"

namespace mfs {

using Clock = std::chrono::steady_clock;
using Deadline = Clock::time_point;
using AbortFunction = std::function<bool()>;

// The engine died, hung or answered nonsense: worth another engine.
class LinkBroken : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

// The machine refuses (no memory, no such program): another try would end the same way.
class SystemRefusal : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

// The host asked to stop.
class Aborted : public std::exception {};

// Memory shared with the engine. It goes with the last side that maps it: nothing can outlive both.
class Segment {
 public:
  // reserved: bytes that are certainly there. capacity: how far the other side may grow it. Throws SystemRefusal.
  Segment(size_t reserved, size_t capacity);
  ~Segment();
  Segment(const Segment&) = delete;
  Segment& operator=(const Segment&) = delete;

  std::byte* data() const { return data_; }
  size_t reserved() const { return reserved_; }
  size_t capacity() const { return capacity_; }
  // What a message carries so that the engine can map it, too.
  intptr_t handle() const { return handle_; }

 private:
  size_t reserved_, capacity_;
  intptr_t handle_ = -1;
  std::byte* data_ = nullptr;
  // What keeps the memory on our side: a descriptor, or Windows' section.
  intptr_t owned_ = -1;
};

// Our end of a private two-way connection to the engine that nobody else can open.
class Channel {
 public:
  // What each system makes of it; empty once closed.
  struct End;

  Channel() noexcept;
  explicit Channel(std::unique_ptr<End> end) noexcept;
  ~Channel();
  Channel(Channel&& other) noexcept;
  Channel& operator=(Channel&& other) noexcept;

  // Throws LinkBroken. handle: of a segment that the engine gets with it.
  void send(const wire::Message& message, Deadline deadline, intptr_t handle = -1);
  // Throws LinkBroken, Aborted; SystemRefusal where the engine is of a version that cannot be understood.
  wire::Message receive(Deadline deadline, const AbortFunction& aborted);
  // True where the other side is gone, or speaks without being asked.
  bool spent() const;
  void close();

 private:
  End& end() const;
  std::unique_ptr<End> end_;
};

// How the engine is started: what the installation recorded beside the bundle, or MOBILEFACESWAP_PYTHON.
struct EngineCommand {
  std::string interpreter;
  std::string packageFolder;  // empty: the interpreter finds the package by itself

  // Throws SystemRefusal where nothing is recorded.
  static EngineCommand recorded();
};

// The running engine. It ends by itself once we are gone; destruction makes sure.
class Process {
 public:
  // Throws SystemRefusal.
  explicit Process(const EngineCommand& command);
  ~Process();
  Process(const Process&) = delete;
  Process& operator=(const Process&) = delete;

  // A lane: a connection for one request at a time. Where the engine is dead, its first use tells.
  // Throws SystemRefusal.
  Channel openLane(Deadline deadline);
  // True where it is gone: nobody answers any more.
  bool ended() const { return control_.spent(); }
  // Asks it to end, and does not wait.
  void dismiss() { control_.close(); }
  // The last line that the engine wrote before it could report anything itself.
  std::string lastWords() const;

 private:
  struct Child;
  Channel control_;
  std::unique_ptr<Child> child_;
};

// Threads of ours may run in this library from now on: it stays loaded until the host ends.
void keepLibraryLoaded();

// A function of the OpenGL library that the host has loaded; nullptr where it has none.
void* openGlFunction(const char* name);

// A number of seconds above 0, a year at most; `otherwise` where the variable holds none.
double environmentSeconds(const char* name, double otherwise);

}  // namespace mfs
