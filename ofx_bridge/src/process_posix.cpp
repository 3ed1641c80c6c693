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
#include <iterator>
#include <thread>

#ifdef __APPLE__
#include <crt_externs.h>
#else
#include <sys/syscall.h>
#endif

#include "process_parts.h"

namespace mfs {
namespace {

constexpr int kEngineSocket = 3;
constexpr char kMemoryAdvice[] = "Free memory, or enlarge /dev/shm";

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

void awaitReady(int fd, short events, Deadline deadline, const AbortFunction& aborted) {
  for (;;) {
    pollfd waiting{fd, events, 0};
    const int ready = ::poll(&waiting, 1, millisecondsUntil(deadline));
    if (ready > 0) return;
    if (ready < 0 && errno != EINTR) throw LinkBroken("waiting for the engine failed: " + reason());
    checkPatience(deadline, aborted);
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

std::vector<std::string> cleanEnvironment(const std::string& packageFolder) {
  std::vector<std::string> variables;
  for (char** variable = environment(); variable && *variable; ++variable)
    if (!isForeignVariable(*variable)) variables.emplace_back(*variable);
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
  places.push_back("/Library/Application Support/mobilefaceswap/engine.txt");
#endif
  Dl_info own;
  if (::dladdr(reinterpret_cast<const void*>(&environmentSeconds), &own) && own.dli_fname)
    places.push_back(parent(parent(own.dli_fname)) + "/Resources/engine.txt");
  return places;
}

struct SocketEnd : Channel::End {
  explicit SocketEnd(int number) : fd(number) {}
  ~SocketEnd() override { ::close(fd); }

  void send(const wire::Message& message, Deadline deadline, intptr_t handle) override {
    const std::string bytes = wire::packed(message);
    for (size_t sent = 0; sent < bytes.size();) {
      awaitReady(fd, POLLOUT, deadline, nullptr);
      sent += sendSome(fd, bytes.data() + sent, bytes.size() - sent, sent == 0 ? handle : -1);
    }
  }

  void receive(char* bytes, size_t count, Deadline deadline, const AbortFunction& aborted) override {
    for (size_t got = 0; got < count;) {
      awaitReady(fd, POLLIN, deadline, aborted);
      const ssize_t some = ::recv(fd, bytes + got, count - got, MSG_DONTWAIT);
      if (some == 0) throw LinkBroken("the engine ended unexpectedly");
      if (some < 0 && errno != EAGAIN && errno != EINTR) throw LinkBroken("the engine is gone (" + reason() + ")");
      if (some > 0) got += static_cast<size_t>(some);
    }
  }

  bool spent() const override {
    pollfd waiting{fd, POLLIN, 0};
    return ::poll(&waiting, 1, 0) != 0;
  }

  const int fd;
};

using Ends = std::pair<std::unique_ptr<SocketEnd>, std::unique_ptr<SocketEnd>>;

// A connection without a name: no address exists that anybody else could connect to.
Ends connectedEnds() {
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
  return {std::make_unique<SocketEnd>(ends[0]), std::make_unique<SocketEnd>(ends[1])};
}

pid_t spawned(const EngineCommand& command, int channel, int log) {
  SpawnSetup setup(channel, log);
  std::vector<std::string> arguments{command.interpreter, "-P", "-m", kEngineModule, std::to_string(kEngineSocket)};
  std::vector<std::string> variables = cleanEnvironment(command.packageFolder);
  pid_t id = -1;
  const int error = ::posix_spawn(&id, command.interpreter.c_str(), &setup.actions, &setup.attributes,
                                  pointers(arguments).data(), pointers(variables).data());
  if (error != 0) refuseStart(command.interpreter, std::strerror(error));
  return id;
}

}  // namespace

struct Process::Child {
  pid_t id = -1;
  int log = -1;
};

Segment::Segment(size_t reserved, size_t capacity) : reserved_(reserved), capacity_(capacity) {
  const int file = anonymousFile();
  if (file < 0) throw SystemRefusal("no shared memory could be made: " + reason());
  const int fd = claimed(file);
  int error = ::ftruncate(fd, static_cast<off_t>(capacity)) == 0 ? reserve(fd, reserved) : errno;
  if (error == 0) {
    void* address = ::mmap(nullptr, capacity, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    if (address != MAP_FAILED) {
      owned_ = handle_ = fd;
      data_ = static_cast<std::byte*>(address);
      return;
    }
    error = errno;
  }
  ::close(fd);
  refuseMemory(reserved, std::strerror(error), kMemoryAdvice);
}

Segment::~Segment() {
  ::munmap(data_, capacity_);
  ::close(descriptor(owned_));
}

std::string environmentText(const char* name) {
  const char* text = std::getenv(name);
  return text ? text : "";
}

std::vector<std::string> recordTexts() {
  std::vector<std::string> texts;
  for (const std::string& place : recordPlaces()) {
    std::ifstream file(place);
    texts.emplace_back(std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>());
  }
  return texts;
}

Process::Process(const EngineCommand& command) : child_(std::make_unique<Child>()) {
  auto [ours, theirs] = connectedEnds();
  const int log = anonymousFile();
  child_->log = log < 0 ? -1 : claimed(log);
  try {
    child_->id = spawned(command, theirs->fd, child_->log);
  } catch (const SystemRefusal&) {
    if (child_->log >= 0) ::close(child_->log);
    throw;
  }
  control_ = Channel(std::move(ours));
}

Process::~Process() {
  control_.close();
  const Deadline patience = Clock::now() + kGrace;
  while (::waitpid(child_->id, nullptr, WNOHANG) == 0) {
    if (Clock::now() >= patience) {
      ::kill(child_->id, SIGKILL);
      ::waitpid(child_->id, nullptr, 0);
      break;
    }
    std::this_thread::sleep_for(std::chrono::milliseconds(5));
  }
  if (child_->log >= 0) ::close(child_->log);
}

Channel Process::openLane(Deadline deadline) {
  auto [ours, theirs] = connectedEnds();
  try {
    control_.send({wire::Kind::Lane, ""}, deadline, theirs->fd);
  } catch (const LinkBroken&) {
    // The engine's end closes here, so the lane's first use reports the same.
  }
  return Channel(std::move(ours));
}

std::string Process::lastWords() const {
  struct stat status{};
  if (child_->log < 0 || ::fstat(child_->log, &status) != 0) return "";
  char tail[512];
  const off_t start = std::max<off_t>(0, status.st_size - static_cast<off_t>(sizeof tail));
  const ssize_t count = ::pread(child_->log, tail, sizeof tail, start);
  return lastLine(std::string(tail, static_cast<size_t>(std::max<ssize_t>(0, count))));
}

void keepLibraryLoaded() {
  Dl_info own;
  if (::dladdr(reinterpret_cast<const void*>(&keepLibraryLoaded), &own) && own.dli_fname)
    (void)::dlopen(own.dli_fname, RTLD_NOW | RTLD_NOLOAD | RTLD_NODELETE);
}

void* openGlFunction(const char* name) {
#ifdef __APPLE__
  const char* const library = "/System/Library/Frameworks/OpenGL.framework/OpenGL";
#else
  const char* const library = "libGL.so.1";
#endif
  if (void* found = ::dlsym(RTLD_DEFAULT, name)) return found;
  static void* const loaded = ::dlopen(library, RTLD_LAZY | RTLD_NOLOAD);
  return loaded ? ::dlsym(loaded, name) : nullptr;
}

}  // namespace mfs
