// The link to the engine: one per host process, shared by every instance of both effects.
#pragma once

#include <condition_variable>
#include <functional>
#include <list>
#include <memory>
#include <mutex>
#include <string>

#include "process.h"

namespace mfs {

// What the user is told: the frame cannot be made, and what to do.
class EngineFailure : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

// How long whoever asks is willing to wait.
struct Patience {
  AbortFunction aborted;
  // Nobody looks on: rather wait for another engine than spoil the frame.
  bool batch = false;
  // The engine shows a dialog: only silence is too long.
  bool attended = false;
  // Rather have no answer, and Aborted, than wait for a lane or for an engine to start.
  bool hurried = false;
};

// A connection that one request has to itself, with the memory that its last plate still lies in.
struct Lane {
  Channel channel;
  unsigned generation = 0;
  bool greeted = false;
  std::unique_ptr<Segment> segment;
  // The engine has mapped `segment`.
  bool segmentKnown = false;
  // Size of the plate that lies in `segment` and that the engine has seen; 0, 0, 0 for none.
  int residentWidth = 0, residentHeight = 0, residentChannels = 0;
  Clock::time_point lastUsed{};

  bool holdsPlate(int width, int height, int channels) const;
  void forgetPlate() { residentWidth = residentHeight = residentChannels = 0; }
};

class Engine {
 public:
  static Engine& shared();

  // Sends requests on a lane. Throws LinkBroken, Aborted.
  class Conversation {
   public:
    Conversation(Engine& engine, Lane& lane, const Patience& patience)
        : engine_(engine), lane_(lane), patience_(patience) {}
    Lane& lane() { return lane_; }
    // A segment of at least `reserved` bytes, pooled.
    Segment& segment(size_t reserved, size_t capacity);
    // meanwhile: what can be done while the engine works. Throws EngineFailure where the engine says why it cannot.
    wire::Message ask(const wire::Message& question, const std::function<void()>& meanwhile = nullptr);
    wire::Message ask(const wire::Message& question, wire::Kind expected,
                      const std::function<void()>& meanwhile = nullptr);
    std::string askText(const wire::Message& question) { return ask(question, wire::Kind::Done).body; }
    void greet();

   private:
    wire::Message exchange(const wire::Message& question, intptr_t handle, const std::function<void()>& meanwhile);
    Engine& engine_;
    Lane& lane_;
    const Patience& patience_;
  };

  // Runs `talk`; starts the engine if there is none, again if the link breaks: once, or a few times in a batch. Throws
  // EngineFailure, Aborted, SystemRefusal. Waiting for a lane counts against nobody's time. `talk` must not ask the
  // host for pictures: it may render them through further nodes of ours, which would wait for this lane.
  void converse(const std::function<void(Conversation&)>& talk, const Patience& patience);

  // What the engine said it runs with; empty before the first conversation.
  std::string description();
  // Gives all pooled memory back that no request uses at this moment.
  void releaseMemory();
  // Ends the engine; the next conversation starts another.
  void release();

 private:
  // Whether another engine is worth a wait. One that has never answered is not there to be waited for. Call it locked.
  bool waits(const Patience& patience) const { return patience.batch && !description_.empty(); }
  int attempts(const Patience& patience);
  std::unique_ptr<Lane> checkOut(const Patience& patience);
  void checkIn(std::unique_ptr<Lane> lane);
  void discard(std::unique_ptr<Lane> lane);
  void start(std::unique_lock<std::mutex>& lock, const Patience& patience);
  std::unique_ptr<Lane> openLane();
  // Takes the broken engine of this generation away; returns what to tell the user.
  std::string retire(unsigned generation, const std::string& reason);
  void noteSuccess();
  // Closes lanes that nobody used for a while, and with them the memory on both sides; ends once there are none.
  void tidy();
  std::list<std::unique_ptr<Lane>> takeIdleLanes(Clock::time_point unusedSince);

  std::mutex mutex_;
  std::condition_variable laneFreed_;
  std::list<std::unique_ptr<Lane>> idle_;
  int lanes_ = 0;
  bool tidying_ = false;
  std::condition_variable tidied_;
  std::unique_ptr<Process> process_;
  unsigned generation_ = 0;
  int failures_ = 0;
  Clock::time_point retryAt_{};
  std::string lastFailure_, description_;
};

}  // namespace mfs
