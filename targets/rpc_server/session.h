// One client's session, in a process of its own that ends with it.
#pragma once

#include <fcntl.h>
#include <signal.h>
#include <sys/file.h>
#include <sys/utsname.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <filesystem>
#include <sstream>
#include <string>

#include "options.h"
#include "socket.h"
#include "system.h"
#include "tvm_functions.h"

namespace fs = std::filesystem;

// TVM's RPC handshake: the client sends the magic number and "client:KEY [-timeout=S]"; the server answers
// with the magic number and "server:KEY", or with kMismatch.
inline constexpr int kMagic = 0xff271, kMismatch = kMagic + 2, kLongestKey = 1024;
inline constexpr int kHandshakeTimeout = 5;
inline constexpr int kNoSession = 2;  // exit code of a child whose client failed the handshake

// The server's side of it.
struct Session {
  std::string client;
  fs::path folder;
  Socket socket;
  bool abandoned = false;
};

// The seconds of the fastest of so many loads of a library, which is given up again each time.
inline double FastestLoad(const std::string& path, int64_t times) {
  std::chrono::duration<double> fastest = std::chrono::hours(1);
  while (times-- > 0) {
    const auto start = std::chrono::steady_clock::now();
    const auto module = CallTvm("ffi.ModuleLoadFromFile", path);
    fastest = std::min<std::chrono::duration<double>>(fastest, std::chrono::steady_clock::now() - start);
  }
  return fastest.count();
}

// What the client may call besides its own module, with files kept in `folder`.
inline void RegisterServices(const fs::path& folder, const Options& options) {
  OfferToTvm("tvm.rpc.server.workpath", [folder](std::string name) { return (folder / name).string(); });
  OfferToTvm("tvm.rpc.server.load_module", [folder](std::string name) {
    return CallTvm("ffi.ModuleLoadFromFile", (folder / name).string());
  });
  // The handshake tells neither TVM's version, which must be the same at both ends, nor the kind of machine.
  OfferToTvm("armlet.tvm_version", [] { return std::string(ARMLET_TVM_VERSION); });
  OfferToTvm("armlet.machine", [] {
    utsname system{};
    uname(&system);
    return std::string(system.machine);
  });
  OfferToTvm("armlet.seconds_to_load", [folder](std::string name, int64_t times) {
    return FastestLoad((folder / name).string(), times);
  });
  OfferToTvm("armlet.emulated_core", [core = options.emulated_core] { return core; });
  // What an emulator runs on is not the device.
  if (!options.emulated_core.empty() && options.root == "/") return;
  OfferToTvm("armlet.system_files",
             [root = options.root](std::string patterns) { return ReadSystemFiles(root, patterns); });
  OfferToTvm("armlet.pin", [](std::string cpus) { return PinTo(cpus); });
}

// Returns the client's own time-out in seconds (0: none), or throws if it is no client of ours.
inline int Handshake(Socket& socket, const std::string& match_key) {
  if (socket.ReadInt() != kMagic) throw std::runtime_error("it does not speak TVM's RPC");
  std::istringstream words(socket.ReadString(kLongestKey));
  std::string word;
  std::getline(words, word, ' ');
  if (word != "client:" + match_key) {
    socket.WriteInt(kMismatch);
    throw std::runtime_error("it has another key");
  }
  int timeout = 0;
  while (words >> word)
    if (word.rfind("-timeout=", 0) == 0) timeout = std::max(1, atoi(word.c_str() + 9));
  return timeout;
}

// The child's whole life. Sessions wait for each other on the lock before they answer their client.
[[noreturn]] inline void Serve(const Options& options, Session& session, const std::string& match_key) {
  int timeout = 0;
  try {
    signal(SIGALRM, [](int) { _exit(kNoSession); });
    alarm(kHandshakeTimeout);
    timeout = Handshake(session.socket, match_key);
    alarm(0);
    signal(SIGALRM, SIG_DFL);
    const int lock = open(session.folder.parent_path().c_str(), O_RDONLY | O_CLOEXEC);
    while (flock(lock, LOCK_EX) && errno == EINTR) {
    }
    session.socket.WriteInt(kMagic);
    session.socket.WriteString("server:" + options.key);
  } catch (const std::exception& error) {
    fprintf(stderr, "rpc server: %s was refused: %s\n", session.client.c_str(), error.what());
    _exit(kNoSession);
  }
  if (options.timeout && (!timeout || options.timeout < timeout)) timeout = options.timeout;
  alarm(timeout);  // its signal ends the process, whatever the process is doing
  try {
    fs::current_path(session.folder);
    RegisterServices(session.folder, options);
    CallTvm("rpc.ServerLoop", session.socket.fd());
  } catch (const std::exception& error) {
    fprintf(stderr, "rpc server: the session of %s ended: %s\n", session.client.c_str(), error.what());
    _exit(1);
  }
  _exit(0);
}
