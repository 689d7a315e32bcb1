// Runs a compiled network twice, the second time as the region that counter.c counts:
//
//   runner LIBRARY INPUT DIM...
//
// INPUT holds the float32 input as it is in memory, of the shape DIM.... Prints where LIBRARY was loaded.

#include <tvm/ffi/container/tensor.h>
#include <tvm/ffi/extra/module.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
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
  run(input);
  close(-777);
  run(input);
  close(-778);

  std::ifstream maps("/proc/self/maps");
  for (std::string line; std::getline(maps, line);)
    if (line.find(library) != std::string::npos) {
      printf("%s\n", line.substr(0, line.find('-')).c_str());
      return 0;
    }
  return 1;
} catch (const std::exception& error) {
  fprintf(stderr, "runner: %s\n", error.what());
  return 1;
}
