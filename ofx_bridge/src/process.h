// What the bridge needs of the operating system: a process, a channel to it, memory that both map.
// process_posix.cpp implements it for Linux and macOS.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <stdexcept>
#include <string>
#include <vector>

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

// Memory shared with the engine. It has no name, or loses it at once, so that it cannot outlive both sides.
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
  intptr_t handle() const { return handle_; }

 private:
  size_t reserved_, capacity_;
  intptr_t handle_ = -1;
  std::byte* data_ = nullptr;
};

// One end of a private two-way connection without a name: nobody else can open it.
class Channel {
 public:
  explicit Channel(intptr_t handle = -1) : handle_(handle) {}
  ~Channel();
  Channel(Channel&& other) noexcept : handle_(other.handle_) { other.handle_ = -1; }
  Channel& operator=(Channel&& other) noexcept;

  // Throws LinkBroken. handle: something that the engine gets as its own.
  void send(const wire::Message& message, Deadline deadline, intptr_t handle = -1);
  // Throws LinkBroken, Aborted.
  wire::Message receive(Deadline deadline, const AbortFunction& aborted);
  // True where the other side is gone, or speaks without being asked.
  bool spent() const;
  void close();
  intptr_t handle() const { return handle_; }

  static std::pair<Channel, Channel> pair();

 private:
  void receiveBytes(char* bytes, size_t count, Deadline deadline, const AbortFunction& aborted);
  intptr_t handle_;
};

// How the engine is started: what the installation recorded beside the bundle, or MOBILEFACESWAP_PYTHON.
struct EngineCommand {
  std::string interpreter;
  std::string packageFolder;  // empty: the interpreter finds the package by itself

  // Throws SystemRefusal where nothing is recorded.
  static EngineCommand recorded();
};

// The running engine. It ends by itself once its channel closes; destruction makes sure.
class Process {
 public:
  // Throws SystemRefusal. channel: the engine's end.
  Process(const EngineCommand& command, const Channel& channel);
  ~Process();
  Process(const Process&) = delete;
  Process& operator=(const Process&) = delete;

  // The last line that the engine wrote before it could report anything itself.
  std::string lastWords() const;

 private:
  intptr_t id_ = -1;
  intptr_t log_ = -1;
};

double environmentSeconds(const char* name, double otherwise);

}  // namespace mfs
