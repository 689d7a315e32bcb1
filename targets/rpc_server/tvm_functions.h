// TVM's global functions, called and offered through the C interface only: an exception must not pass between
// this program and TVM's libraries, which may be built on different C++ libraries.
#pragma once

#include <tvm/ffi/function.h>

#include <string>
#include <utility>

// The result of TVM's function `name`; its error is thrown.
template <typename... Arguments>
tvm::ffi::Any CallTvm(const std::string& name, Arguments&&... arguments) {
  const auto function = tvm::ffi::Function::GetGlobalRequired(name);
  return function.CallExpected<tvm::ffi::Any>(std::forward<Arguments>(arguments)...).value();
}

// Offer `callable` to TVM, and so to the client, as `name` for as long as the process lives.
template <typename Callable>
void OfferToTvm(const std::string& name, Callable callable) {
  auto* kept = new tvm::ffi::Function(tvm::ffi::Function::FromTyped(std::move(callable)));
  const auto call = [](void* self, const TVMFFIAny* arguments, int32_t count, TVMFFIAny* result) {
    const tvm::ffi::FunctionObj* function = static_cast<tvm::ffi::Function*>(self)->get();
    return TVMFFIFunctionCall(const_cast<tvm::ffi::FunctionObj*>(function), const_cast<TVMFFIAny*>(arguments), count, result);
  };
  tvm::ffi::Function::SetGlobal(name, tvm::ffi::Function::FromExternC(kept, call, nullptr), true);
}
