#include <dlfcn.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <thread>

#ifdef __APPLE__
#include <crt_externs.h>
#else
#include <sys/syscall.h>
#endif

#include "process.h"

namespace mfs {
namespace {

constexpr int kEngineSocket = 3;
constexpr auto kPollSlice = std::chrono::milliseconds(50);
constexpr auto kGrace = std::chrono::milliseconds(300);

int descriptor(intptr_t handle) { return static_cast<int>(handle); }

std::string reason() { return std::strerror(errno); }

char** environment() {
#ifdef __APPLE__
  return *_NSGetEnviron();
#else
  return environ;
#endif
}

// Above the numbers that the engine's start uses, and never inherited by other children of the host.
int claimed(int fd) {
  const int high = ::fcntl(fd, F_DUPFD_CLOEXEC, 16);
  if (high < 0) return fd;
  ::close(fd);
  return high;
}

int anonymousFile() {
#ifdef __APPLE__
  const std::string name = "/mfs" + std::to_string(::getpid()) + std::to_string(::arc4random());
  const int fd = ::shm_open(name.c_str(), O_RDWR | O_CREAT | O_EXCL, 0600);
  if (fd >= 0) ::shm_unlink(name.c_str());
  return fd;
#else
  constexpr unsigned closeOnExec = 1;
  return static_cast<int>(::syscall(SYS_memfd_create, "mobilefaceswap", closeOnExec));
#endif
}

// Touching memory that was never reserved would kill the host once /dev/shm is full.
int reserve([[maybe_unused]] int fd, [[maybe_unused]] size_t bytes) {
#ifdef __APPLE__
  return 0;
#else
  return ::posix_fallocate(fd, 0, static_cast<off_t>(bytes));
#endif
}

int millisecondsUntil(Deadline deadline) {
  const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(deadline - Clock::now());
  return static_cast<int>(std::clamp<int64_t>(left.count(), 0, kPollSlice.count()));
}

void awaitReady(int fd, short events, Deadline deadline, const AbortFunction& aborted) {
  for (;;) {
    pollfd waiting{fd, events, 0};
    const int ready = ::poll(&waiting, 1, millisecondsUntil(deadline));
    if (ready > 0) return;
    if (ready < 0 && errno != EINTR) throw LinkBroken("waiting for the engine failed: " + reason());
    if (aborted && aborted()) throw Aborted();
    if (Clock::now() >= deadline) throw LinkBroken("the engine did not answer in time");
  }
}

size_t sendSome(int fd, const char* bytes, size_t count, intptr_t handle) {
  iovec part{const_cast<char*>(bytes), count};
  alignas(cmsghdr) char control[CMSG_SPACE(sizeof(int))] = {};
  msghdr message{};
  message.msg_iov = &part;
  message.msg_iovlen = 1;
  if (handle >= 0) {
    message.msg_control = control;
    message.msg_controllen = sizeof control;
    cmsghdr* rights = CMSG_FIRSTHDR(&message);
    rights->cmsg_level = SOL_SOCKET;
    rights->cmsg_type = SCM_RIGHTS;
    rights->cmsg_len = CMSG_LEN(sizeof(int));
    const int fd_sent = descriptor(handle);
    std::memcpy(CMSG_DATA(rights), &fd_sent, sizeof fd_sent);
  }
#ifdef __APPLE__
  const int flags = MSG_DONTWAIT;
#else
  const int flags = MSG_DONTWAIT | MSG_NOSIGNAL;
#endif
  const ssize_t sent = ::sendmsg(fd, &message, flags);
  if (sent >= 0) return static_cast<size_t>(sent);
  if (errno == EAGAIN || errno == EINTR) return 0;
  throw LinkBroken("the engine is gone (" + reason() + ")");
}

bool startsWith(const char* text, const char* prefix) { return std::strncmp(text, prefix, std::strlen(prefix)) == 0; }

// A host's own interpreter, libraries, toolkit and colour configuration must not leak into the engine.
std::vector<std::string> cleanEnvironment(const std::string& packageFolder) {
  const char* const kept_out[] = {"PYTHON", "LD_LIBRARY_PATH=", "LD_PRELOAD=", "DYLD_", "QT_", "OCIO"};
  std::vector<std::string> variables;
  for (char** variable = environment(); variable && *variable; ++variable) {
    const char* text = *variable;
    const bool foreign =
        std::any_of(std::begin(kept_out), std::end(kept_out), [text](const char* p) { return startsWith(text, p); });
    if (!foreign) variables.emplace_back(text);
  }
  if (!packageFolder.empty()) variables.push_back("PYTHONPATH=" + packageFolder);
  return variables;
}

std::vector<char*> pointers(std::vector<std::string>& texts) {
  std::vector<char*> result;
  for (std::string& text : texts) result.push_back(text.data());
  result.push_back(nullptr);
  return result;
}

class SpawnSetup {
 public:
  SpawnSetup(int channel, int log) {
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0);
    posix_spawn_file_actions_addopen(&actions, 1, "/dev/null", O_WRONLY, 0);
    if (log >= 0)
      posix_spawn_file_actions_adddup2(&actions, log, 2);
    else
      posix_spawn_file_actions_addopen(&actions, 2, "/dev/null", O_WRONLY, 0);
    posix_spawn_file_actions_adddup2(&actions, channel, kEngineSocket);
    posix_spawnattr_init(&attributes);
    sigset_t none, all;
    sigemptyset(&none);
    sigfillset(&all);
    posix_spawnattr_setsigmask(&attributes, &none);
    posix_spawnattr_setsigdefault(&attributes, &all);
    posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETPGROUP);
  }
  ~SpawnSetup() {
    posix_spawn_file_actions_destroy(&actions);
    posix_spawnattr_destroy(&attributes);
  }
  SpawnSetup(const SpawnSetup&) = delete;
  SpawnSetup& operator=(const SpawnSetup&) = delete;

  posix_spawn_file_actions_t actions;
  posix_spawnattr_t attributes;
};

std::string parent(const std::string& path) { return path.substr(0, path.find_last_of('/')); }

std::vector<std::string> recordPlaces() {
  std::vector<std::string> places;
#ifdef __APPLE__
  // Beside the bundle it would spoil the bundle's signature.
  if (const char* home = std::getenv("HOME"))
    places.push_back(std::string(home) + "/Library/Application Support/mobilefaceswap/engine.txt");
#endif
  Dl_info own;
  if (::dladdr(reinterpret_cast<const void*>(&environmentSeconds), &own) && own.dli_fname)
    places.push_back(parent(parent(own.dli_fname)) + "/Resources/engine.txt");
  return places;
}

}  // namespace

Segment::Segment(size_t reserved, size_t capacity) : reserved_(reserved), capacity_(capacity) {
  const int file = anonymousFile();
  if (file < 0) throw SystemRefusal("no shared memory could be made: " + reason());
  handle_ = claimed(file);
  const int fd = descriptor(handle_);
  int error = ::ftruncate(fd, static_cast<off_t>(capacity)) == 0 ? reserve(fd, reserved) : errno;
  if (error == 0) {
    void* address = ::mmap(nullptr, capacity, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    if (address != MAP_FAILED) {
      data_ = static_cast<std::byte*>(address);
      return;
    }
    error = errno;
  }
  ::close(fd);
  throw SystemRefusal("expected " + std::to_string(reserved >> 20) +
                      " MB of shared memory for the frame; the system refuses (" + std::strerror(error) +
                      "). Free memory, or enlarge /dev/shm");
}

Segment::~Segment() {
  ::munmap(data_, capacity_);
  ::close(descriptor(handle_));
}

Channel::~Channel() { close(); }

Channel& Channel::operator=(Channel&& other) noexcept {
  std::swap(handle_, other.handle_);
  return *this;
}

void Channel::close() {
  if (handle_ >= 0) ::close(descriptor(handle_));
  handle_ = -1;
}

std::pair<Channel, Channel> Channel::pair() {
  int ends[2];
#ifdef __APPLE__
  const int made = ::socketpair(AF_UNIX, SOCK_STREAM, 0, ends);
#else
  const int made = ::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends);
#endif
  if (made != 0) throw SystemRefusal("no connection to the engine could be made: " + reason());
  for (int& end : ends) {
    end = claimed(end);
#ifdef __APPLE__
    const int yes = 1;
    ::setsockopt(end, SOL_SOCKET, SO_NOSIGPIPE, &yes, sizeof yes);
#endif
  }
  return {Channel(ends[0]), Channel(ends[1])};
}

void Channel::send(const wire::Message& message, Deadline deadline, intptr_t handle) {
  const std::string bytes = wire::packed(message);
  for (size_t sent = 0; sent < bytes.size();) {
    awaitReady(descriptor(handle_), POLLOUT, deadline, nullptr);
    sent += sendSome(descriptor(handle_), bytes.data() + sent, bytes.size() - sent, sent == 0 ? handle : -1);
  }
}

void Channel::receiveBytes(char* bytes, size_t count, Deadline deadline, const AbortFunction& aborted) {
  for (size_t got = 0; got < count;) {
    awaitReady(descriptor(handle_), POLLIN, deadline, aborted);
    const ssize_t some = ::recv(descriptor(handle_), bytes + got, count - got, MSG_DONTWAIT);
    if (some == 0) throw LinkBroken("the engine ended unexpectedly");
    if (some < 0 && errno != EAGAIN && errno != EINTR) throw LinkBroken("the engine is gone (" + reason() + ")");
    if (some > 0) got += static_cast<size_t>(some);
  }
}

wire::Message Channel::receive(Deadline deadline, const AbortFunction& aborted) {
  char head[sizeof(wire::Header)];
  receiveBytes(head, sizeof head, deadline, aborted);
  try {
    const wire::Header header = wire::checkedHeader(head);
    wire::Message message{header.kind, std::string(header.size, '\0')};
    receiveBytes(message.body.data(), message.body.size(), deadline, aborted);
    return message;
  } catch (const wire::Malformed& error) {
    throw LinkBroken(std::string("the engine answered with ") + error.what());
  }
}

bool Channel::spent() const {
  pollfd waiting{descriptor(handle_), POLLIN, 0};
  return ::poll(&waiting, 1, 0) != 0;
}

EngineCommand EngineCommand::recorded() {
  if (const char* chosen = std::getenv("MOBILEFACESWAP_PYTHON"); chosen && *chosen) return {chosen, ""};
  for (const std::string& place : recordPlaces()) {
    std::ifstream file(place);
    EngineCommand command;
    for (std::string line; std::getline(file, line);) {
      if (line.rfind("python=", 0) == 0) command.interpreter = line.substr(7);
      if (line.rfind("package=", 0) == 0) command.packageFolder = line.substr(8);
    }
    if (!command.interpreter.empty()) return command;
  }
  throw SystemRefusal(
      "expected a record of where the engine is installed; found none. Run `mobilefaceswap ofx install`, or set "
      "MOBILEFACESWAP_PYTHON to the Python interpreter that has mobilefaceswap");
}

Process::Process(const EngineCommand& command, const Channel& channel) {
  const int log = anonymousFile();
  log_ = log < 0 ? -1 : claimed(log);
  SpawnSetup setup(descriptor(channel.handle()), descriptor(log_));
  std::vector<std::string> arguments{command.interpreter, "-P", "-m", "mobilefaceswap.engine",
                                     std::to_string(kEngineSocket)};
  std::vector<std::string> variables = cleanEnvironment(command.packageFolder);
  pid_t id = -1;
  const int error = ::posix_spawn(&id, command.interpreter.c_str(), &setup.actions, &setup.attributes,
                                  pointers(arguments).data(), pointers(variables).data());
  if (error != 0) {
    if (log_ >= 0) ::close(descriptor(log_));
    throw SystemRefusal("expected to start the engine with " + command.interpreter + "; " + std::strerror(error) +
                        ". Run `mobilefaceswap ofx install` again");
  }
  id_ = id;
}

Process::~Process() {
  const auto id = static_cast<pid_t>(id_);
  const Deadline patience = Clock::now() + kGrace;
  while (::waitpid(id, nullptr, WNOHANG) == 0) {
    if (Clock::now() >= patience) {
      ::kill(id, SIGKILL);
      ::waitpid(id, nullptr, 0);
      break;
    }
    std::this_thread::sleep_for(std::chrono::milliseconds(5));
  }
  if (log_ >= 0) ::close(descriptor(log_));
}

std::string Process::lastWords() const {
  if (log_ < 0) return "";
  struct stat status {};
  ::fstat(descriptor(log_), &status);
  char tail[512];
  const off_t start = std::max<off_t>(0, status.st_size - static_cast<off_t>(sizeof tail));
  const ssize_t count = ::pread(descriptor(log_), tail, sizeof tail, start);
  std::string text(tail, static_cast<size_t>(std::max<ssize_t>(0, count)));
  while (!text.empty() && (text.back() == '\n' || text.back() == ' ')) text.pop_back();
  return text.substr(text.find_last_of('\n') + 1);
}

double environmentSeconds(const char* name, double otherwise) {
  const char* text = std::getenv(name);
  char* end = nullptr;
  const double seconds = text ? std::strtod(text, &end) : otherwise;
  return text && (end == text || !(seconds > 0)) ? otherwise : seconds;
}

}  // namespace mfs
