#include "engine.h"

#include <algorithm>
#include <iterator>
#include <system_error>
#include <thread>

#include "settings.gen.h"

namespace mfs {
namespace {

constexpr int kMostLanes = 2;
// Silence that long means that the engine hangs; one that is at work says so now and then.
constexpr double kTimeoutSeconds = 60;
// A frame may take that many timeouts, so that a network that never ends does not hold the host for ever.
constexpr double kMostTimeouts = 10;
constexpr double kDialogSeconds = 24 * 3600;
constexpr int kAttempts = 2, kBatchAttempts = 8;
constexpr auto kFirstBackoff = std::chrono::milliseconds(250);
constexpr auto kLongestBackoff = std::chrono::milliseconds(30000);
constexpr double kIdleMemorySeconds = 10;
constexpr auto kWaitSlice = std::chrono::milliseconds(50);

Deadline after(double seconds) {
  return Clock::now() + std::chrono::duration_cast<Clock::duration>(std::chrono::duration<double>(seconds));
}

double timeoutSeconds() { return environmentSeconds("MOBILEFACESWAP_TIMEOUT", kTimeoutSeconds); }

std::chrono::milliseconds backoff(int failures) {
  return std::min(kLongestBackoff, kFirstBackoff * (1 << std::min(failures - 1, 8)));
}

void checkAborted(const Patience& patience) {
  if (patience.aborted && patience.aborted()) throw Aborted();
}

// An interpreter without the package has no command to run.
std::string adviceFor(const std::string& words) {
  if (words.find("No module named") == std::string::npos) return ". Run `mobilefaceswap doctor`, then render again";
  return ". Install the package for that interpreter, or run `mobilefaceswap ofx install` where it is installed";
}

}  // namespace

bool Lane::holdsPlate(int width, int height, int channels) const {
  return segmentKnown && residentWidth == width && residentHeight == height && residentChannels == channels;
}

Engine& Engine::shared() {
  // Never destroyed: other threads of the host may still be here when the process ends.
  static Engine* const engine = new Engine;
  return *engine;
}

Segment& Engine::Conversation::segment(size_t reserved, size_t capacity) {
  std::unique_ptr<Segment>& held = lane_.segment;
  const bool fits = held && held->reserved() >= reserved && held->capacity() >= capacity;
  if (!fits || held->reserved() > 4 * reserved) {
    lane_.forgetPlate();
    lane_.segmentKnown = false;
    held.reset();
    held = std::make_unique<Segment>(reserved, capacity);
  }
  return *held;
}

wire::Message Engine::Conversation::exchange(const wire::Message& question, intptr_t handle,
                                             const std::function<void()>& meanwhile) {
  const double timeout = timeoutSeconds();
  const Deadline latest = after(patience_.attended ? kDialogSeconds : kMostTimeouts * timeout);
  lane_.channel.send(question, after(timeout), handle);
  if (meanwhile) meanwhile();
  for (;;) {
    wire::Message answer = lane_.channel.receive(std::min(latest, after(timeout)), patience_.aborted);
    if (answer.kind != wire::Kind::Working) return answer;
  }
}

wire::Message Engine::Conversation::ask(const wire::Message& question, const std::function<void()>& meanwhile) {
  const bool withSegment = lane_.segment && !lane_.segmentKnown;
  wire::Message answer = exchange(question, withSegment ? lane_.segment->handle() : -1, meanwhile);
  if (answer.kind == wire::Kind::Failed) throw EngineFailure(answer.body);
  if (withSegment) lane_.segmentKnown = true;
  return answer;
}

wire::Message Engine::Conversation::ask(const wire::Message& question, wire::Kind expected,
                                        const std::function<void()>& meanwhile) {
  wire::Message answer = ask(question, meanwhile);
  if (answer.kind != expected) throw LinkBroken("the engine answered something that was not asked");
  return answer;
}

void Engine::Conversation::greet() {
  if (lane_.greeted) return;
  wire::Writer greeting;
  greeting.put(wire::Greeting{settings::kFingerprint}).text(settings::kVersion);
  const wire::Message answer = exchange({wire::Kind::Hello, std::move(greeting).body()}, -1, nullptr);
  if (answer.kind == wire::Kind::Failed) throw EngineFailure(answer.body);
  if (answer.kind != wire::Kind::Welcome) throw LinkBroken("the engine answered something that was not asked");
  try {
    wire::Reader reader(answer.body);
    if (reader.take<wire::Greeting>().fingerprint != settings::kFingerprint)
      throw EngineFailure("expected an engine of version " + std::string(settings::kVersion) +
                          "; another one answered. Run `mobilefaceswap ofx install` again");
    const std::lock_guard<std::mutex> lock(engine_.mutex_);
    engine_.description_ = reader.text();
  } catch (const wire::Malformed& error) {
    throw LinkBroken(std::string("the engine answered with ") + error.what());
  }
  lane_.greeted = true;
}

void Engine::converse(const std::function<void(Conversation&)>& talk, const Patience& patience) {
  for (int attempt = 1;; ++attempt) {
    std::unique_ptr<Lane> lane;
    unsigned generation = 0;
    try {
      lane = checkOut(patience);
      generation = lane->generation;
      Conversation conversation(*this, *lane, patience);
      conversation.greet();
      talk(conversation);
      noteSuccess();
      checkIn(std::move(lane));
      return;
    } catch (const LinkBroken& error) {
      if (lane) discard(std::move(lane));
      const std::string message = retire(generation, error.what());
      if (attempt >= attempts(patience)) throw EngineFailure(message);
    } catch (const EngineFailure&) {
      if (lane) lane->greeted ? checkIn(std::move(lane)) : discard(std::move(lane));
      throw;
    } catch (...) {
      // The answer to an aborted question would be taken for that of the next one.
      if (lane) discard(std::move(lane));
      throw;
    }
  }
}

int Engine::attempts(const Patience& patience) {
  const std::lock_guard<std::mutex> lock(mutex_);
  return waits(patience) ? kBatchAttempts : kAttempts;
}

std::unique_ptr<Lane> Engine::checkOut(const Patience& patience) {
  std::unique_lock<std::mutex> lock(mutex_);
  for (;;) {
    while (!idle_.empty()) {
      std::unique_ptr<Lane> lane = std::move(idle_.front());
      idle_.pop_front();
      if (lane->generation == generation_ && !lane->channel.spent()) return lane;
      --lanes_;
    }
    if (lanes_ < kMostLanes) {
      // An engine that ended because nobody needed it is no failure.
      if (!process_ || process_->ended()) {
        if (patience.hurried) throw Aborted();
        start(lock, patience);
      }
      return openLane();
    }
    if (patience.hurried) throw Aborted();
    // Whoever holds the lanes has a deadline each, so that this ends.
    laneFreed_.wait_for(lock, kWaitSlice);
    checkAborted(patience);
  }
}

void Engine::start(std::unique_lock<std::mutex>& lock, const Patience& patience) {
  // Somebody who looks on is told at once; a batch has time.
  if (failures_ > 1 && !waits(patience) && Clock::now() < retryAt_) throw EngineFailure(lastFailure_);
  const std::unique_ptr<Process> ended = std::move(process_);
  while (failures_ > 0 && Clock::now() < retryAt_) {
    const Deadline slice = std::min<Deadline>(retryAt_, Clock::now() + kWaitSlice);
    lock.unlock();
    std::this_thread::sleep_until(slice);
    checkAborted(patience);
    lock.lock();
    if (process_) return;
  }
  process_ = std::make_unique<Process>(EngineCommand::recorded());
  ++generation_;
}

std::unique_ptr<Lane> Engine::openLane() {
  auto lane = std::make_unique<Lane>();
  lane->generation = generation_;
  lane->channel = process_->openLane(after(timeoutSeconds()));
  ++lanes_;
  return lane;
}

void Engine::checkIn(std::unique_ptr<Lane> lane) {
  lane->lastUsed = Clock::now();
  const std::lock_guard<std::mutex> lock(mutex_);
  idle_.push_front(std::move(lane));
  laneFreed_.notify_one();
  if (tidying_) return;
  keepLibraryLoaded();
  try {
    std::thread([] { shared().tidy(); }).detach();
    tidying_ = true;
  } catch (const std::system_error&) {
    // A host that is out of threads; the memory goes with the next purge or at the end.
  }
}

void Engine::tidy() {
  using Seconds = std::chrono::duration<double>;
  const Seconds patience(environmentSeconds("MOBILEFACESWAP_MEMORY_IDLE", kIdleMemorySeconds));
  const auto wait = std::chrono::duration_cast<Clock::duration>(patience);
  std::unique_lock<std::mutex> lock(mutex_);
  while (lanes_ > 0) {
    auto closing = takeIdleLanes(Clock::now() - wait);
    if (closing.empty()) {
      // The last of the list was used first; lanes in use will stand there later.
      tidied_.wait_until(lock, (idle_.empty() ? Clock::now() : idle_.back()->lastUsed) + wait);
      continue;
    }
    lock.unlock();
    closing.clear();
    lock.lock();
  }
  tidying_ = false;
}

std::list<std::unique_ptr<Lane>> Engine::takeIdleLanes(Clock::time_point unusedSince) {
  std::list<std::unique_ptr<Lane>> taken;
  while (!idle_.empty() && idle_.back()->lastUsed <= unusedSince) {
    taken.splice(taken.end(), idle_, std::prev(idle_.end()));
    --lanes_;
  }
  return taken;
}

void Engine::discard(std::unique_ptr<Lane> lane) {
  lane.reset();
  const std::lock_guard<std::mutex> lock(mutex_);
  --lanes_;
  laneFreed_.notify_one();
}

std::string Engine::retire(unsigned generation, const std::string& reason) {
  const std::string failure = "the engine cannot render this frame: " + reason;
  std::unique_ptr<Process> dead;
  const std::lock_guard<std::mutex> lock(mutex_);
  // Another thread may have seen it first, and there may be a new engine by now.
  if (generation != generation_ || !process_) return failure + adviceFor("");
  dead = std::move(process_);
  dead->dismiss();
  lanes_ -= static_cast<int>(idle_.size());
  idle_.clear();
  laneFreed_.notify_all();
  const std::string words = dead->lastWords();
  lastFailure_ = failure + (words.empty() ? "" : " (" + words + ")") + adviceFor(words);
  ++failures_;
  retryAt_ = Clock::now() + backoff(failures_);
  return lastFailure_;
}

void Engine::noteSuccess() {
  const std::lock_guard<std::mutex> lock(mutex_);
  failures_ = 0;
}

std::string Engine::description() {
  const std::lock_guard<std::mutex> lock(mutex_);
  return description_;
}

void Engine::releaseMemory() {
  std::list<std::unique_ptr<Lane>> closing;
  const std::lock_guard<std::mutex> lock(mutex_);
  closing = takeIdleLanes(Clock::time_point::max());
}

void Engine::release() {
  std::unique_ptr<Process> ended;
  std::list<std::unique_ptr<Lane>> lanes;
  const std::lock_guard<std::mutex> lock(mutex_);
  lanes_ -= static_cast<int>(idle_.size());
  lanes.swap(idle_);
  tidied_.notify_all();
  if (process_) process_->dismiss();
  ended = std::move(process_);
}

}  // namespace mfs
