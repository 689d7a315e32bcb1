// Runs a compiled network twice, the second time as the region that counter.c counts:
//
//   runner LIBRARY INPUT DIM...
//
// INPUT holds the float32 input as it is in memory, of the shape DIM.... Counted is what is in LIBRARY. If that
// crashes, the last line on standard error is "crash SIGNAL ADDRESS": a number, and the hexadecimal address of the
// instruction relative to LIBRARY.

#include <link.h>
#include <signal.h>
#include <sys/syscall.h>
#include <tvm/ffi/container/tensor.h>
#include <tvm/ffi/extra/module.h>
#include <ucontext.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <exception>
#include <fstream>
#include <string>
#include <vector>

#include "../rpc_server/tvm_functions.h"

namespace ffi = tvm::ffi;

struct Aligned {
  void AllocData(DLTensor* tensor) { tensor->data = aligned_alloc(64, (ffi::GetDataSize(*tensor) + 63) / 64 * 64); }
  void FreeData(DLTensor* tensor) { free(tensor->data); }
};

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

int main(int argc, char** argv) try {
  const std::string library = argv[1];
  std::vector<int64_t> shape;
  for (int at = 3; at < argc; ++at) shape.push_back(atoll(argv[at]));
  ffi::Tensor input = ffi::Tensor::FromNDAlloc(Aligned(), ffi::ShapeView(shape.data(), shape.size()),
                                               DLDataType{kDLFloat, 32, 1}, DLDevice{kDLCPU, 0});
  std::ifstream(argv[2], std::ios::binary)
      .read(static_cast<char*>(input.data_ptr()), static_cast<std::streamsize>(ffi::GetDataSize(input)));

  const auto module = CallTvm("ffi.ModuleLoadFromFile", library).cast<ffi::Module>();
  const auto machine = module->GetFunction("vm_load_executable").value()().cast<ffi::Module>();
  constexpr int kCpu = 1, kPooled = 2;
  machine->GetFunction("vm_initialization").value()(kCpu, 0, kPooled);
  const ffi::Function run = machine->GetFunction("main").value();

  code = {argv[1], UINT64_MAX, 0};
  dl_iterate_phdr(WidenTo, &code);
  struct sigaction report {};
  report.sa_sigaction = OnCrash;
  report.sa_flags = SA_SIGINFO;
  for (const int signal : {SIGSEGV, SIGBUS, SIGILL, SIGFPE, SIGTRAP, SIGABRT}) sigaction(signal, &report, nullptr);
  run(input);
  syscall(SYS_close, -776, code.first, code.end);
  close(-777);
  run(input);
  close(-778);
  return 0;
} catch (const std::exception& error) {
  fprintf(stderr, "runner: %s\n", error.what());
  return 1;
}
