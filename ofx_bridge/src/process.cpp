#include "process.h"

#include <algorithm>
#include <cctype>
#include <cstdlib>
#include <sstream>

#include "process_parts.h"

namespace mfs {
namespace {

// A year: what is added to a clock must not be more than it can hold.
constexpr double kMostSeconds = 366 * 24 * 3600.0;

// Names of variables on Windows differ in case between programs.
bool startsWith(std::string_view text, std::string_view prefix) {
  const auto same = [](char a, char b) { return std::toupper(static_cast<unsigned char>(a)) == b; };
  return text.size() >= prefix.size() && std::equal(prefix.begin(), prefix.end(), text.begin(),
                                                    [&](char expected, char found) { return same(found, expected); });
}

EngineCommand parsed(const std::string& record) {
  EngineCommand command;
  std::istringstream lines(record);
  for (std::string line; std::getline(lines, line);) {
    if (!line.empty() && line.back() == '\r') line.pop_back();
    if (line.rfind("python=", 0) == 0) command.interpreter = line.substr(7);
    if (line.rfind("package=", 0) == 0) command.packageFolder = line.substr(8);
  }
  return command;
}

}  // namespace

int millisecondsUntil(Deadline deadline) {
  const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(deadline - Clock::now());
  return static_cast<int>(std::clamp<int64_t>(left.count(), 0, kPollSlice.count()));
}

void checkPatience(Deadline deadline, const AbortFunction& aborted) {
  if (aborted && aborted()) throw Aborted();
  if (Clock::now() >= deadline) throw LinkBroken("the engine did not answer in time");
}

bool isForeignVariable(std::string_view assignment) {
  const std::string_view kept_out[] = {"PYTHON", "LD_LIBRARY_PATH=",    "LD_PRELOAD=", "DYLD_",
                                       "QT_",    "__PYVENV_LAUNCHER__="};
  return std::any_of(std::begin(kept_out), std::end(kept_out),
                     [assignment](std::string_view prefix) { return startsWith(assignment, prefix); });
}

void refuseMemory(size_t bytes, const std::string& reason, const char* advice) {
  throw SystemRefusal("expected " + std::to_string(bytes >> 20) +
                      " MB of shared memory for the frame; the system refuses (" + reason + "). " + advice);
}

void refuseStart(const std::string& interpreter, const std::string& reason) {
  throw SystemRefusal("expected to start the engine with " + interpreter + "; " + reason +
                      ". Run `mobilefaceswap ofx install` again");
}

std::string lastLine(std::string text) {
  while (!text.empty() && (text.back() == '\n' || text.back() == '\r' || text.back() == ' ')) text.pop_back();
  return text.substr(text.find_last_of('\n') + 1);
}

Channel::Channel() noexcept = default;
Channel::Channel(std::unique_ptr<End> end) noexcept : end_(std::move(end)) {}
Channel::~Channel() = default;
Channel::Channel(Channel&& other) noexcept = default;
Channel& Channel::operator=(Channel&& other) noexcept = default;

void Channel::close() { end_.reset(); }

bool Channel::spent() const { return !end_ || end_->spent(); }

Channel::End& Channel::end() const {
  if (!end_) throw LinkBroken("the engine is gone");
  return *end_;
}

void Channel::send(const wire::Message& message, Deadline deadline, intptr_t handle) {
  end().send(message, deadline, handle);
}

wire::Message Channel::receive(Deadline deadline, const AbortFunction& aborted) {
  char head[sizeof(wire::Header)];
  end().receive(head, sizeof head, deadline, aborted);
  try {
    const wire::Header header = wire::checkedHeader(head);
    wire::Message message{header.kind, std::string(header.size, '\0')};
    end().receive(message.body.data(), message.body.size(), deadline, aborted);
    return message;
  } catch (const wire::ForeignVersion& error) {
    // Another engine of that version would answer the same.
    throw SystemRefusal(error.what());
  } catch (const wire::Malformed& error) {
    throw LinkBroken(std::string("the engine answered with ") + error.what());
  }
}

EngineCommand EngineCommand::recorded() {
  if (const std::string chosen = environmentText("MOBILEFACESWAP_PYTHON"); !chosen.empty()) return {chosen, ""};
  for (const std::string& record : recordTexts())
    if (const EngineCommand command = parsed(record); !command.interpreter.empty()) return command;
  throw SystemRefusal(
      "expected a record of where the engine is installed; found none. Run `mobilefaceswap ofx install`, or set "
      "MOBILEFACESWAP_PYTHON to the Python interpreter that has mobilefaceswap");
}

double environmentSeconds(const char* name, double otherwise) {
  const char* text = std::getenv(name);
  char* end = nullptr;
  const double seconds = text ? std::strtod(text, &end) : otherwise;
  return std::min(text && (end == text || !(seconds > 0)) ? otherwise : seconds, kMostSeconds);
}

}  // namespace mfs
