// What clients learn of the system that this server runs on, and on which of its CPUs their sessions run.
#pragma once

#include <fnmatch.h>
#include <sched.h>

#include <cerrno>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <string>
#include <vector>

// ASCII's separators of records and of their parts, which no file of /proc or /sys has.
inline constexpr char kRecord = 0x1e, kUnit = 0x1f;

// The files that `pattern`, a path with * and [] in it, matches under `root`. (Android has glob() from API 28.)
inline std::vector<std::filesystem::path> Match(const std::filesystem::path& root, const std::string& pattern) {
  std::vector<std::filesystem::path> found{root};
  std::istringstream parts(pattern);
  for (std::string part; std::getline(parts, part, '/');) {
    std::vector<std::filesystem::path> deeper;
    for (const auto& folder : found) {
      if (part.find_first_of("*[") == std::string::npos) {
        deeper.push_back(folder / part);
        continue;
      }
      std::error_code denied;
      for (const auto& entry : std::filesystem::directory_iterator(folder, denied))
        if (!fnmatch(part.c_str(), entry.path().filename().c_str(), 0)) deeper.push_back(entry.path());
    }
    found = std::move(deeper);
  }
  return found;
}

// The path and the text of each file under `root` that one of `patterns`, a line each, matches and that can be
// read: Android denies some to its shell.
inline std::string ReadSystemFiles(const std::filesystem::path& root, const std::string& patterns) {
  std::string answer;
  std::istringstream lines(patterns);
  for (std::string pattern; std::getline(lines, pattern);)
    for (const auto& path : Match(root, pattern)) {
      std::ostringstream text;
      text << std::ifstream(path).rdbuf();
      if (text.str().empty()) continue;
      if (!answer.empty()) answer += kRecord;
      answer += '/' + path.lexically_relative(root).string() + kUnit + text.str();
    }
  return answer;
}

// Run this process on `cpus`, numbers with blanks between them, and no other; the reason if that cannot be.
inline std::string PinTo(const std::string& cpus) {
  cpu_set_t set;
  CPU_ZERO(&set);
  std::istringstream numbers(cpus);
  for (size_t number; numbers >> number;)
    if (number < CPU_SETSIZE) CPU_SET(number, &set);
  return sched_setaffinity(0, sizeof set, &set) ? strerror(errno) : "";
}
