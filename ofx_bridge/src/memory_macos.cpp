// The memory operators of the release for macOS. Those of zig's C++ library would be exported as weak symbols, which
// the loader merges over the whole process: the host's allocator would be ours, or ours the host's. Compiled with
// -fvisibility-global-new-delete=force-hidden, these stay inside and take the others' place.
#include <cstdlib>
#include <new>

namespace {

void* checked(void* memory) {
  if (!memory) throw std::bad_alloc();
  return memory;
}

void* allocated(std::size_t bytes) { return checked(std::malloc(bytes ? bytes : 1)); }

void* allocated(std::size_t bytes, std::align_val_t alignment) {
  void* memory = nullptr;
  const bool refused = ::posix_memalign(&memory, static_cast<std::size_t>(alignment), bytes ? bytes : 1) != 0;
  return checked(refused ? nullptr : memory);
}

}  // namespace

void* operator new(std::size_t bytes) { return allocated(bytes); }
void* operator new[](std::size_t bytes) { return allocated(bytes); }
void* operator new(std::size_t bytes, std::align_val_t alignment) { return allocated(bytes, alignment); }
void* operator new[](std::size_t bytes, std::align_val_t alignment) { return allocated(bytes, alignment); }
void operator delete(void* memory) noexcept { std::free(memory); }
void operator delete[](void* memory) noexcept { std::free(memory); }
void operator delete(void* memory, std::size_t) noexcept { std::free(memory); }
void operator delete[](void* memory, std::size_t) noexcept { std::free(memory); }
void operator delete(void* memory, std::align_val_t) noexcept { std::free(memory); }
void operator delete[](void* memory, std::align_val_t) noexcept { std::free(memory); }
void operator delete(void* memory, std::size_t, std::align_val_t) noexcept { std::free(memory); }
void operator delete[](void* memory, std::size_t, std::align_val_t) noexcept { std::free(memory); }
