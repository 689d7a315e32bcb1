// A TCP socket that is closed with its owner and reads or writes everything or throws.
#pragma once

#include <netdb.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include <cerrno>
#include <cstdint>
#include <cstring>
#include <memory>
#include <stdexcept>
#include <string>
#include <utility>

class Socket {
 public:
  explicit Socket(int fd = -1) : fd_(fd) {}
  Socket(Socket&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  Socket& operator=(Socket&& other) noexcept {
    std::swap(fd_, other.fd_);
    return *this;
  }
  ~Socket() {
    if (fd_ >= 0) close(fd_);
  }

  int fd() const { return fd_; }

  // A socket that listens on, or is connected to, `host`:`port`. Throws std::runtime_error.
  static Socket Listen(const std::string& host, int port) {
    return Open(host, port, [](int fd, const addrinfo* address) {
      const int yes = 1;
      setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes);
      return bind(fd, address->ai_addr, address->ai_addrlen) == 0 && listen(fd, 16) == 0;
    });
  }
  static Socket Connect(const std::string& host, int port, int timeout_seconds) {
    return Open(host, port, [timeout_seconds](int fd, const addrinfo* address) {
      SetTimeout(fd, timeout_seconds);
      return connect(fd, address->ai_addr, address->ai_addrlen) == 0;
    });
  }

  // Each later read and write, and the connect, fails after so many seconds; 0 is never.
  static void SetTimeout(int fd, int seconds) {
    const timeval limit{seconds, 0};
    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
    setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof limit);
  }

  // Notice within a minute that the other end, or the network, has vanished.
  void KeepAlive() {
    const int yes = 1, idle = 30, interval = 10, tries = 3;
    setsockopt(fd_, SOL_SOCKET, SO_KEEPALIVE, &yes, sizeof yes);
    setsockopt(fd_, IPPROTO_TCP, TCP_KEEPIDLE, &idle, sizeof idle);
    setsockopt(fd_, IPPROTO_TCP, TCP_KEEPINTVL, &interval, sizeof interval);
    setsockopt(fd_, IPPROTO_TCP, TCP_KEEPCNT, &tries, sizeof tries);
  }

  void Read(void* data, size_t size) {
    for (char* at = static_cast<char*>(data); size;) {
      const ssize_t count = recv(fd_, at, size, 0);
      if (count < 0 && errno == EINTR) continue;
      if (count <= 0) throw std::runtime_error(count ? strerror(errno) : "connection closed");
      at += count;
      size -= count;
    }
  }
  void Write(const void* data, size_t size) {
    for (const char* at = static_cast<const char*>(data); size;) {
      const ssize_t count = send(fd_, at, size, MSG_NOSIGNAL);
      if (count < 0 && errno == EINTR) continue;
      if (count < 0) throw std::runtime_error(strerror(errno));
      at += count;
      size -= count;
    }
  }

  // TVM's protocols are made of little-endian 32-bit integers and of strings led by their length.
  int32_t ReadInt() {
    int32_t value;
    Read(&value, sizeof value);
    return value;
  }
  void WriteInt(int32_t value) { Write(&value, sizeof value); }
  std::string ReadString(int32_t limit) {
    const int32_t size = ReadInt();
    if (size < 0 || size > limit) throw std::runtime_error("a string of absurd length");
    std::string text(size, '\0');
    Read(text.data(), size);
    return text;
  }
  void WriteString(const std::string& text) {
    WriteInt(static_cast<int32_t>(text.size()));
    Write(text.data(), text.size());
  }

 private:
  template <typename Action>
  static Socket Open(const std::string& host, int port, Action action) {
    addrinfo hints{}, *found = nullptr;
    hints.ai_socktype = SOCK_STREAM;
    if (const int code = getaddrinfo(host.c_str(), std::to_string(port).c_str(), &hints, &found))
      throw std::runtime_error(gai_strerror(code));
    const std::unique_ptr<addrinfo, decltype(&freeaddrinfo)> owner(found, freeaddrinfo);
    for (const addrinfo* address = found; address; address = address->ai_next) {
      Socket socket(::socket(address->ai_family, SOCK_STREAM | SOCK_CLOEXEC, 0));
      if (socket.fd_ >= 0 && action(socket.fd_, address)) return socket;
    }
    throw std::runtime_error(strerror(errno));
  }

  int fd_;
};
