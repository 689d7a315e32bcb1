// The server's command line.
#pragma once

#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <string>

inline constexpr char kUsage[] =
    "server [--host ADDRESS] [--port N] [--key KEY] [--tracker HOST:PORT] [--address HOST] [--timeout S]\n"
    "       [--work DIR] [--emulated CORE] [--root DIR] [--with-parent]\n"
    "\n"
    "  --host ADDRESS       where to listen: 127.0.0.1 unless told otherwise; there is no authentication\n"
    "  --port N             0: any, the one it got is printed\n"
    "  --key KEY            clients must present it\n"
    "  --tracker HOST:PORT  offer this device there under KEY\n"
    "  --address HOST       what the tracker tells clients, if not the address it sees\n"
    "  --timeout S          seconds that a session may take; 0: any\n"
    "  --work DIR           where sessions keep their files\n"
    "  --emulated CORE      tell clients that this is an emulator, whose times mean nothing\n"
    "  --root DIR           read the system's state in DIR/proc and DIR/sys, for tests\n"
    "  --with-parent        end when standard input does";

struct Options {
  std::string host = "127.0.0.1", key;
  std::string tracker;        // host of the tracker; empty: none
  std::string address;        // where the tracker's clients find us, if not where the tracker does
  std::string emulated_core;  // what clients are told: an emulated time is no time
  int port = 0, tracker_port = 0, timeout = 0;
  bool with_parent = false;
  std::filesystem::path root = "/";  // where proc and sys are
  std::filesystem::path work;  // empty: where the system keeps what is temporary, which Android does not have
};

[[noreturn]] inline void Fail(const std::string& message, int code = 1) {
  fprintf(stderr, "rpc server: %s\n", message.c_str());
  exit(code);
}

inline int ParseNumber(const std::string& option, const std::string& text, int least, int limit) {
  char* end = nullptr;
  const long value = strtol(text.c_str(), &end, 10);
  if (text.empty() || *end || value < least || value > limit)
    Fail(option + " wants a number from " + std::to_string(least) + " to " + std::to_string(limit) + ", not '" +
             text + "'", 2);
  return static_cast<int>(value);
}

inline void ParseTracker(const std::string& value, Options& options) {
  const size_t colon = value.rfind(':');
  if (colon == std::string::npos || colon == 0) Fail("--tracker wants HOST:PORT, not '" + value + "'", 2);
  options.tracker = value.substr(0, colon);
  options.tracker_port = ParseNumber("the port of --tracker", value.substr(colon + 1), 1, 65535);
}

inline Options ParseOptions(int argc, char** argv) {
  Options options;
  for (int at = 1; at < argc; ++at) {
    const std::string name = argv[at];
    if (name == "-h" || name == "--help") {
      puts(kUsage);
      exit(0);
    }
    if (name == "--with-parent") {
      options.with_parent = true;
      continue;
    }
    if (++at == argc) Fail("unknown option, or one without its value: " + name, 2);
    const std::string value = argv[at];
    if (name == "--host") options.host = value;
    else if (name == "--port") options.port = ParseNumber(name, value, 0, 65535);
    else if (name == "--key") options.key = value;
    else if (name == "--tracker") ParseTracker(value, options);
    else if (name == "--address") options.address = value;
    else if (name == "--timeout") options.timeout = ParseNumber(name, value, 0, 7 * 24 * 3600);
    else if (name == "--work") options.work = std::filesystem::absolute(value);  // sessions change folders
    else if (name == "--emulated") options.emulated_core = value;
    else if (name == "--root") options.root = std::filesystem::absolute(value);
    else Fail("unknown option " + name, 2);
  }
  if (options.work.empty()) {
    std::error_code none;
    options.work = std::filesystem::temp_directory_path(none);
    if (none) Fail("there is no folder for temporary files: name one by --work", 2);
  }
  if (!options.tracker.empty() && options.key.empty())
    Fail("--tracker needs --key, under which clients ask it for this device", 2);
  // Keys and addresses travel inside JSON and are separated by blanks in the handshake.
  for (const std::string& text : {options.key, options.address})
    if (text.find_first_of("\"\\ \t\r\n") != std::string::npos)
      Fail("'" + text + "' must hold no blank, quote or backslash", 2);
  return options;
}
