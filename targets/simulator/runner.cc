// Runs a compiled network once, as the region that counter.c counts:
//
//   runner LIBRARY INPUT...
//
// Each INPUT holds a tensor as it is in memory. Counted is what is in LIBRARY. If that crashes, the last line on
// standard error is "crash SIGNAL ADDRESS": a number, and the hexadecimal address of the instruction relative to
// LIBRARY.

#include <dlfcn.h>
#include <link.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <ucontext.h>
#include <unistd.h>

#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <vector>

// The addresses of a library.
struct Span {
  const char* library;
  uint64_t first, end;
};

int WidenTo(dl_phdr_info* info, size_t, void* data) {
  Span& span = *static_cast<Span*>(data);
  if (strcmp(info->dlpi_name, span.library)) return 0;
  for (const auto* segment = info->dlpi_phdr; segment < info->dlpi_phdr + info->dlpi_phnum; ++segment) {
    if (segment->p_type != PT_LOAD) continue;
    const uint64_t start = info->dlpi_addr + segment->p_vaddr;
    span.first = std::min(span.first, start / 4096 * 4096);
    span.end = std::max(span.end, start + segment->p_memsz);
  }
  return 1;
}

Span code;

void OnCrash(int signal, siginfo_t*, void* context) {
  const uint64_t at = static_cast<const ucontext_t*>(context)->uc_mcontext.pc;
  dprintf(STDERR_FILENO, "crash %d %lx\n", signal, at - code.first);
  _exit(128 + signal);
}

// Pages of their own, so that where a buffer begins does not depend on what was allocated before.
void* Pages(uint64_t bytes) {
  void* memory = mmap(nullptr, bytes + 1, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (memory == MAP_FAILED) abort();
  memset(memory, 0, bytes);
  return memory;
}

int main(int argc, char** argv) {
  void* library = argc > 1 ? dlopen(argv[1], RTLD_LAZY) : nullptr;
  if (!library) {
    fprintf(stderr, "runner: %s\n", dlerror());
    return 1;
  }
  const auto run = reinterpret_cast<void (*)(void* const*, void* const*, void*)>(dlsym(library, "armlet_run"));
  const auto number = [&](const char* name) { return *static_cast<const int32_t*>(dlsym(library, name)); };
  const auto* sizes = static_cast<const uint64_t*>(dlsym(library, "armlet_sizes"));
  const int32_t inputs = number("armlet_inputs"), tensors = inputs + number("armlet_outputs");
  std::vector<void*> data;
  for (int32_t i = 0; i < tensors; ++i) data.push_back(Pages(sizes[i]));
  for (int32_t i = 0; i < inputs; ++i) {
    FILE* file = fopen(argv[2 + i], "rb");
    if (!file || fread(data[i], 1, sizes[i], file) != sizes[i]) {
      fprintf(stderr, "runner: %s does not hold the %lu bytes of an input\n", argv[2 + i], sizes[i]);
      return 1;
    }
    fclose(file);
  }
  void* workspace = Pages(*static_cast<const uint64_t*>(dlsym(library, "armlet_workspace_bytes")));

  code = {argv[1], UINT64_MAX, 0};
  dl_iterate_phdr(WidenTo, &code);
  struct sigaction action = {};
  action.sa_sigaction = OnCrash;
  action.sa_flags = SA_SIGINFO;
  for (int each : {SIGSEGV, SIGILL, SIGBUS, SIGFPE, SIGTRAP}) sigaction(each, &action, nullptr);

  syscall(SYS_close, -776, code.first, code.end);
  close(-777);
  run(data.data(), data.data() + inputs, workspace);
  close(-778);
  return 0;
}
