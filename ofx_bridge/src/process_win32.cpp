// Windows hands over names instead of descriptors: what the bridge makes for the engine is called by a token that
// nobody else knows and a number that the message carries. Everything is open to the current user alone, and goes with
// the last handle.
#include <windows.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cstdio>
#include <cwchar>
#include <memory>
#include <random>
#include <utility>
#include <vector>

#include "process_parts.h"

namespace mfs {
namespace {

constexpr DWORD kPipeBuffer = 1 << 16;
constexpr char kMemoryAdvice[] = "Close other programs, or enlarge the page file";

class Handle {
 public:
  explicit Handle(HANDLE handle = nullptr) : handle_(handle == INVALID_HANDLE_VALUE ? nullptr : handle) {}
  ~Handle() {
    if (handle_) ::CloseHandle(handle_);
  }
  Handle(Handle&& other) noexcept : handle_(std::exchange(other.handle_, nullptr)) {}
  Handle& operator=(Handle&& other) noexcept {
    std::swap(handle_, other.handle_);
    return *this;
  }
  explicit operator bool() const { return handle_ != nullptr; }
  HANDLE get() const { return handle_; }
  HANDLE released() { return std::exchange(handle_, nullptr); }

 private:
  HANDLE handle_;
};

std::string narrow(const std::wstring& text) {
  const int length = static_cast<int>(text.size());
  const int bytes = ::WideCharToMultiByte(CP_UTF8, 0, text.data(), length, nullptr, 0, nullptr, nullptr);
  std::string result(static_cast<size_t>(std::max(bytes, 0)), '\0');
  ::WideCharToMultiByte(CP_UTF8, 0, text.data(), length, result.data(), bytes, nullptr, nullptr);
  return result;
}

std::wstring wide(const std::string& text) {
  const int length = static_cast<int>(text.size());
  const int letters = ::MultiByteToWideChar(CP_UTF8, 0, text.data(), length, nullptr, 0);
  std::wstring result(static_cast<size_t>(std::max(letters, 0)), L'\0');
  ::MultiByteToWideChar(CP_UTF8, 0, text.data(), length, result.data(), letters);
  return result;
}

std::string describedError(DWORD error) {
  wchar_t text[256];
  constexpr DWORD flags = FORMAT_MESSAGE_FROM_SYSTEM | FORMAT_MESSAGE_IGNORE_INSERTS;
  DWORD length = ::FormatMessageW(flags, nullptr, error, 0, text, static_cast<DWORD>(std::size(text)), nullptr);
  while (length > 0 && (text[length - 1] < L' ' || text[length - 1] == L' ' || text[length - 1] == L'.')) --length;
  return length ? narrow(std::wstring(text, length)) : "error " + std::to_string(error);
}

std::string reason() { return describedError(::GetLastError()); }

// 128 random bits that only this process and its engines know.
const std::string& sessionToken() {
  static const std::string* const token = [] {
    std::random_device random;
    std::array<char, 40> digits{};
    std::snprintf(digits.data(), digits.size(), "%08x%08x%08x%08x", random(), random(), random(), random());
    return new std::string(digits.data());
  }();
  return *token;
}

uint32_t nextNumber() {
  static std::atomic<uint32_t> last{0};
  return ++last;
}

std::wstring nameOf(const wchar_t* kind, uint32_t number) {
  return kind + wide("mobilefaceswap-" + sessionToken() + "-" + std::to_string(number));
}

std::wstring pipeName(uint32_t number) { return nameOf(L"\\\\.\\pipe\\", number); }

// Access for the current user and nobody else, administrators included.
class OwnUserOnly {
 public:
  OwnUserOnly() {
    HANDLE token = nullptr;
    if (!::OpenProcessToken(::GetCurrentProcess(), TOKEN_QUERY, &token)) refuse();
    const Handle held(token);
    DWORD bytes = 0;
    ::GetTokenInformation(token, TokenUser, nullptr, 0, &bytes);
    user_.resize(bytes);
    if (!::GetTokenInformation(token, TokenUser, user_.data(), bytes, &bytes)) refuse();
    const PSID person = reinterpret_cast<TOKEN_USER*>(user_.data())->User.Sid;
    list_.resize(sizeof(ACL) + sizeof(ACCESS_ALLOWED_ACE) + ::GetLengthSid(person));
    auto* const list = reinterpret_cast<ACL*>(list_.data());
    const bool made = ::InitializeAcl(list, static_cast<DWORD>(list_.size()), ACL_REVISION) &&
                      ::AddAccessAllowedAce(list, ACL_REVISION, GENERIC_ALL, person) &&
                      ::InitializeSecurityDescriptor(&descriptor_, SECURITY_DESCRIPTOR_REVISION) &&
                      ::SetSecurityDescriptorDacl(&descriptor_, TRUE, list, FALSE);
    if (!made) refuse();
  }
  SECURITY_ATTRIBUTES* attributes() { return &attributes_; }

 private:
  [[noreturn]] static void refuse() { throw SystemRefusal("the user's rights could not be read: " + reason()); }
  std::vector<char> user_, list_;
  SECURITY_DESCRIPTOR descriptor_{};
  SECURITY_ATTRIBUTES attributes_{sizeof(SECURITY_ATTRIBUTES), &descriptor_, FALSE};
};

// An operation on a pipe that is given up together with the pipe where it lasts too long.
class Pending {
 public:
  explicit Pending(HANDLE pipe) : pipe_(pipe), event_(::CreateEventW(nullptr, TRUE, FALSE, nullptr)) {
    if (!event_) throw SystemRefusal("no event could be made: " + reason());
    state_.hEvent = event_.get();
  }
  ~Pending() {
    DWORD count = 0;
    // The system writes into state_ until the operation has ended.
    if (running_ && ::CancelIoEx(pipe_, &state_)) ::GetOverlappedResult(pipe_, &state_, &count, TRUE);
  }
  Pending(const Pending&) = delete;
  Pending& operator=(const Pending&) = delete;

  OVERLAPPED* state() { return &state_; }

  // started: what the call said. Returns the bytes that were moved. Throws LinkBroken, Aborted.
  DWORD finished(BOOL started, Deadline deadline, const AbortFunction& aborted, HANDLE engine) {
    const DWORD error = started ? ERROR_SUCCESS : ::GetLastError();
    if (error == ERROR_PIPE_CONNECTED) return 0;
    if (error != ERROR_SUCCESS && error != ERROR_IO_PENDING) broken(error);
    running_ = true;
    const HANDLE waited[] = {event_.get(), engine};
    const DWORD count = engine ? 2 : 1;
    for (;;) {
      const auto slice = static_cast<DWORD>(millisecondsUntil(deadline));
      const DWORD woken = ::WaitForMultipleObjects(count, waited, FALSE, slice);
      if (woken == WAIT_OBJECT_0) break;
      if (woken == WAIT_OBJECT_0 + 1) throw LinkBroken("the engine ended unexpectedly");
      if (woken == WAIT_FAILED) throw LinkBroken("waiting for the engine failed: " + reason());
      checkPatience(deadline, aborted);
    }
    DWORD moved = 0;
    const BOOL well = ::GetOverlappedResult(pipe_, &state_, &moved, FALSE);
    running_ = false;
    if (!well) broken(::GetLastError());
    return moved;
  }

 private:
  [[noreturn]] static void broken(DWORD error) {
    if (error == ERROR_BROKEN_PIPE) throw LinkBroken("the engine ended unexpectedly");
    throw LinkBroken("the engine is gone (" + describedError(error) + ")");
  }
  HANDLE pipe_;
  Handle event_;
  OVERLAPPED state_{};
  bool running_ = false;
};

// Our end of a pipe that one client of this user and machine may open once.
Handle serverEnd(uint32_t number) {
  OwnUserOnly rights;
  constexpr DWORD open = PIPE_ACCESS_DUPLEX | FILE_FLAG_OVERLAPPED | FILE_FLAG_FIRST_PIPE_INSTANCE;
  constexpr DWORD mode = PIPE_TYPE_MESSAGE | PIPE_READMODE_BYTE | PIPE_WAIT | PIPE_REJECT_REMOTE_CLIENTS;
  Handle pipe(
      ::CreateNamedPipeW(pipeName(number).c_str(), open, mode, 1, kPipeBuffer, kPipeBuffer, 0, rights.attributes()));
  if (!pipe) throw SystemRefusal("no connection to the engine could be made: " + reason());
  return pipe;
}

// The engine's end of the first pipe, inherited: what is written before it runs waits in the pipe.
Handle inheritedEnd(uint32_t number) {
  SECURITY_ATTRIBUTES inherited{sizeof(SECURITY_ATTRIBUTES), nullptr, TRUE};
  Handle pipe(::CreateFileW(pipeName(number).c_str(), GENERIC_READ | GENERIC_WRITE, 0, &inherited, OPEN_EXISTING,
                            FILE_FLAG_OVERLAPPED, nullptr));
  DWORD whole = PIPE_READMODE_MESSAGE;
  if (!pipe || !::SetNamedPipeHandleState(pipe.get(), &whole, nullptr, nullptr))
    throw SystemRefusal("no connection to the engine could be made: " + reason());
  return pipe;
}

Handle inheritedFile(const std::wstring& path, DWORD access, DWORD disposition, DWORD flags) {
  SECURITY_ATTRIBUTES inherited{sizeof(SECURITY_ATTRIBUTES), nullptr, TRUE};
  constexpr DWORD shared = FILE_SHARE_READ | FILE_SHARE_WRITE | FILE_SHARE_DELETE;
  return Handle(::CreateFileW(path.c_str(), access, shared, &inherited, disposition, flags, nullptr));
}

// Where the engine writes what it cannot report; gone with its last handle.
Handle logFile() {
  wchar_t folder[MAX_PATH + 1];
  const DWORD length = ::GetTempPathW(static_cast<DWORD>(std::size(folder)), folder);
  if (length == 0 || length >= std::size(folder)) return Handle();
  const std::wstring path = folder + nameOf(L"", nextNumber()) + L".log";
  return inheritedFile(path, GENERIC_READ | GENERIC_WRITE | DELETE, CREATE_NEW,
                       FILE_ATTRIBUTE_TEMPORARY | FILE_FLAG_DELETE_ON_CLOSE);
}

// Everything in it ends when its last handle closes, that is at the latest when the host ends in whatever way.
Handle killingJob() {
  Handle job(::CreateJobObjectW(nullptr, nullptr));
  JOBOBJECT_EXTENDED_LIMIT_INFORMATION limits{};
  limits.BasicLimitInformation.LimitFlags = JOB_OBJECT_LIMIT_KILL_ON_JOB_CLOSE;
  if (!job || !::SetInformationJobObject(job.get(), JobObjectExtendedLimitInformation, &limits, sizeof limits))
    throw SystemRefusal("no job for the engine could be made: " + reason());
  return job;
}

std::wstring cleanEnvironment(const std::string& packageFolder) {
  std::vector<std::wstring> variables;
  wchar_t* const block = ::GetEnvironmentStringsW();
  for (const wchar_t* variable = block; variable && *variable; variable += std::wcslen(variable) + 1)
    if (!isForeignVariable(narrow(variable))) variables.emplace_back(variable);
  if (block) ::FreeEnvironmentStringsW(block);
  if (!packageFolder.empty()) variables.push_back(L"PYTHONPATH=" + wide(packageFolder));
  // Windows looks variables up in a sorted block.
  std::sort(variables.begin(), variables.end(),
            [](const std::wstring& a, const std::wstring& b) { return ::_wcsicmp(a.c_str(), b.c_str()) < 0; });
  std::wstring joined;
  for (const std::wstring& variable : variables) joined.append(variable).push_back(L'\0');
  joined.push_back(L'\0');
  return joined;
}

// Only these handles reach the engine, whatever else of the host's can be inherited.
class InheritedHandles {
 public:
  explicit InheritedHandles(std::vector<HANDLE> handles) : handles_(std::move(handles)) {
    SIZE_T bytes = 0;
    ::InitializeProcThreadAttributeList(nullptr, 1, 0, &bytes);
    memory_.resize(bytes);
    if (!::InitializeProcThreadAttributeList(list(), 1, 0, &bytes)) refuse();
    if (!::UpdateProcThreadAttribute(list(), 0, PROC_THREAD_ATTRIBUTE_HANDLE_LIST, handles_.data(),
                                     handles_.size() * sizeof(HANDLE), nullptr, nullptr)) {
      ::DeleteProcThreadAttributeList(list());
      refuse();
    }
  }
  ~InheritedHandles() { ::DeleteProcThreadAttributeList(list()); }
  InheritedHandles(const InheritedHandles&) = delete;
  InheritedHandles& operator=(const InheritedHandles&) = delete;
  LPPROC_THREAD_ATTRIBUTE_LIST list() { return reinterpret_cast<LPPROC_THREAD_ATTRIBUTE_LIST>(memory_.data()); }

 private:
  [[noreturn]] static void refuse() { throw SystemRefusal("the engine's start could not be set up: " + reason()); }
  std::vector<HANDLE> handles_;
  std::vector<char> memory_;
};

std::wstring commandLine(const EngineCommand& command, HANDLE channel) {
  const auto number = std::to_string(reinterpret_cast<uintptr_t>(channel));
  return L"\"" + wide(command.interpreter) + L"\" -P -m " + wide(kEngineModule + (" " + number) + " " + sessionToken());
}

// Started, but held until it stands in its job.
PROCESS_INFORMATION suspended(const EngineCommand& command, HANDLE channel, HANDLE nothing, HANDLE log) {
  std::vector<HANDLE> handed{channel, nothing};
  if (log) handed.push_back(log);
  InheritedHandles inherited(handed);
  STARTUPINFOEXW startup{};
  startup.StartupInfo.cb = sizeof startup;
  startup.StartupInfo.dwFlags = STARTF_USESTDHANDLES;
  startup.StartupInfo.hStdInput = startup.StartupInfo.hStdOutput = nothing;
  startup.StartupInfo.hStdError = log ? log : nothing;
  startup.lpAttributeList = inherited.list();
  std::wstring line = commandLine(command, channel), variables = cleanEnvironment(command.packageFolder);
  constexpr DWORD flags =
      CREATE_NO_WINDOW | CREATE_SUSPENDED | CREATE_UNICODE_ENVIRONMENT | EXTENDED_STARTUPINFO_PRESENT;
  PROCESS_INFORMATION child{};
  if (!::CreateProcessW(wide(command.interpreter).c_str(), line.data(), nullptr, nullptr, TRUE, flags, variables.data(),
                        nullptr, &startup.StartupInfo, &child))
    refuseStart(command.interpreter, reason());
  return child;
}

std::wstring ownPath() {
  HMODULE own = nullptr;
  constexpr DWORD flags = GET_MODULE_HANDLE_EX_FLAG_FROM_ADDRESS | GET_MODULE_HANDLE_EX_FLAG_UNCHANGED_REFCOUNT;
  const auto* const here = reinterpret_cast<const wchar_t*>(&environmentSeconds);
  if (!::GetModuleHandleExW(flags, here, &own)) return L"";
  std::wstring path(32768, L'\0');
  path.resize(::GetModuleFileNameW(own, path.data(), static_cast<DWORD>(path.size())));
  return path;
}

std::wstring parent(const std::wstring& path) {
  const size_t end = path.find_last_of(L"\\/");
  return end == std::wstring::npos ? L"" : path.substr(0, end);
}

// connected: the engine has opened its end. process: watched until then, since a dead one never would.
class PipeEnd : public Channel::End {
 public:
  PipeEnd(Handle server, Handle process, bool connected)
      : pipe_(std::move(server)), engine_(std::move(process)), connected_(connected) {}

  void send(const wire::Message& message, Deadline deadline, intptr_t handle) override {
    awaitEngine(deadline);
    const std::string bytes = wire::packed(message, handle < 0 ? 0 : static_cast<uint32_t>(handle));
    Pending writing(pipe_.get());
    const BOOL started =
        ::WriteFile(pipe_.get(), bytes.data(), static_cast<DWORD>(bytes.size()), nullptr, writing.state());
    writing.finished(started, deadline, nullptr, nullptr);
  }

  void receive(char* bytes, size_t count, Deadline deadline, const AbortFunction& aborted) override {
    for (size_t got = 0; got < count;) {
      Pending reading(pipe_.get());
      const BOOL started =
          ::ReadFile(pipe_.get(), bytes + got, static_cast<DWORD>(count - got), nullptr, reading.state());
      got += reading.finished(started, deadline, aborted, nullptr);
    }
  }

  bool spent() const override {
    if (!connected_) return ::WaitForSingleObject(engine_.get(), 0) == WAIT_OBJECT_0;
    DWORD waiting = 0;
    return !::PeekNamedPipe(pipe_.get(), nullptr, 0, nullptr, &waiting, nullptr) || waiting > 0;
  }

 private:
  void awaitEngine(Deadline deadline) {
    if (connected_) return;
    Pending opening(pipe_.get());
    opening.finished(::ConnectNamedPipe(pipe_.get(), opening.state()), deadline, nullptr, engine_.get());
    connected_ = true;
  }
  Handle pipe_, engine_;
  bool connected_;
};

}  // namespace

struct Process::Child {
  Handle process, job, log;
};

Segment::Segment(size_t reserved, size_t capacity) : reserved_(reserved), capacity_(capacity) {
  const uint32_t number = nextNumber();
  const auto bytes = static_cast<uint64_t>(capacity);
  OwnUserOnly rights;
  // Reserved and then committed piece by piece, so that a full page file refuses here instead of raising an exception
  // where the memory is touched.
  Handle section(::CreateFileMappingW(INVALID_HANDLE_VALUE, rights.attributes(), PAGE_READWRITE | SEC_RESERVE,
                                      static_cast<DWORD>(bytes >> 32), static_cast<DWORD>(bytes),
                                      nameOf(L"Local\\", number).c_str()));
  if (!section || ::GetLastError() == ERROR_ALREADY_EXISTS) refuseMemory(reserved, reason(), kMemoryAdvice);
  void* const address = ::MapViewOfFile(section.get(), FILE_MAP_READ | FILE_MAP_WRITE, 0, 0, capacity);
  if (!address) refuseMemory(reserved, reason(), kMemoryAdvice);
  if (!::VirtualAlloc(address, reserved, MEM_COMMIT, PAGE_READWRITE)) {
    const std::string refused = reason();
    ::UnmapViewOfFile(address);
    refuseMemory(reserved, refused, kMemoryAdvice);
  }
  data_ = static_cast<std::byte*>(address);
  handle_ = static_cast<intptr_t>(number);
  owned_ = reinterpret_cast<intptr_t>(section.released());
}

Segment::~Segment() {
  ::UnmapViewOfFile(data_);
  ::CloseHandle(reinterpret_cast<HANDLE>(owned_));
}

std::string environmentText(const char* name) {
  const wchar_t* const text = ::_wgetenv(wide(name).c_str());
  return text ? narrow(text) : "";
}

std::vector<std::string> recordTexts() {
  const std::wstring place = parent(parent(ownPath())) + L"\\Resources\\engine.txt";
  const Handle file(::CreateFileW(place.c_str(), GENERIC_READ, FILE_SHARE_READ, nullptr, OPEN_EXISTING, 0, nullptr));
  std::string text(1 << 16, '\0');
  DWORD count = 0;
  if (!file || !::ReadFile(file.get(), text.data(), static_cast<DWORD>(text.size()), &count, nullptr)) return {};
  text.resize(count);
  return {text};
}

Process::Process(const EngineCommand& command) : child_(std::make_unique<Child>()) {
  const uint32_t number = nextNumber();
  Handle ours = serverEnd(number), theirs = inheritedEnd(number);
  const Handle nothing = inheritedFile(L"NUL", GENERIC_READ | GENERIC_WRITE, OPEN_EXISTING, 0);
  child_->log = logFile();
  child_->job = killingJob();
  const PROCESS_INFORMATION started = suspended(command, theirs.get(), nothing.get(), child_->log.get());
  const Handle thread(started.hThread);
  child_->process = Handle(started.hProcess);
  // Where a host's own job forbids it, the closed pipe still ends the engine.
  (void)::AssignProcessToJobObject(child_->job.get(), started.hProcess);
  ::ResumeThread(thread.get());
  control_ = Channel(std::make_unique<PipeEnd>(std::move(ours), Handle(), true));
}

Process::~Process() {
  control_.close();
  const auto patience = static_cast<DWORD>(kGrace.count());
  if (::WaitForSingleObject(child_->process.get(), patience) == WAIT_OBJECT_0) return;
  // The interpreter of a virtual environment is a launcher: the engine proper is another process of the job.
  ::TerminateJobObject(child_->job.get(), 1);
  ::TerminateProcess(child_->process.get(), 1);
}

Channel Process::openLane(Deadline deadline) {
  const uint32_t number = nextNumber();
  Handle ours = serverEnd(number);
  HANDLE watched = nullptr;
  const HANDLE self = ::GetCurrentProcess();
  if (!::DuplicateHandle(self, child_->process.get(), self, &watched, SYNCHRONIZE, FALSE, 0))
    throw SystemRefusal("the engine could not be watched: " + reason());
  auto end = std::make_unique<PipeEnd>(std::move(ours), Handle(watched), false);
  try {
    control_.send({wire::Kind::Lane, ""}, deadline, static_cast<intptr_t>(number));
  } catch (const LinkBroken&) {
    // The lane's first use finds the engine dead, too.
  }
  return Channel(std::move(end));
}

std::string Process::lastWords() const {
  LARGE_INTEGER size{};
  if (!child_->log || !::GetFileSizeEx(child_->log.get(), &size)) return "";
  char tail[512];
  const auto start = std::max<LONGLONG>(0, size.QuadPart - static_cast<LONGLONG>(sizeof tail));
  OVERLAPPED place{};
  place.Offset = static_cast<DWORD>(start);
  place.OffsetHigh = static_cast<DWORD>(start >> 32);
  DWORD count = 0;
  if (!::ReadFile(child_->log.get(), tail, sizeof tail, &count, &place)) return "";
  return lastLine(std::string(tail, count));
}

void keepLibraryLoaded() {
  HMODULE own = nullptr;
  constexpr DWORD flags = GET_MODULE_HANDLE_EX_FLAG_FROM_ADDRESS | GET_MODULE_HANDLE_EX_FLAG_PIN;
  (void)::GetModuleHandleExW(flags, reinterpret_cast<const wchar_t*>(&keepLibraryLoaded), &own);
}

void* openGlFunction(const char* name) {
  const HMODULE loaded = ::GetModuleHandleW(L"opengl32.dll");
  return loaded ? reinterpret_cast<void*>(::GetProcAddress(loaded, name)) : nullptr;
}

}  // namespace mfs
