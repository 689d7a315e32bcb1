// The registration of this server with a TVM tracker: one offer at a time, under a key that serves once.
#pragma once

#include <optional>
#include <random>
#include <string>

#include "socket.h"

class Tracker {
 public:
  // `address` is what clients are told to connect to; empty: the address that the tracker sees us at.
  Tracker(std::string host, int port, std::string key, std::string address, int server_port)
      : host_(std::move(host)), port_(port), key_(std::move(key)), server_port_(server_port) {
    address_ = address.empty() ? "null" : '"' + address + '"';
  }

  // What a client must present: the device's key and a random number, told to one client only.
  const std::string& match_key() const { return match_key_; }

  // Offer this server under a new key; called again after each session.
  void Offer() {
    if (!socket_) Connect();
    match_key_ = key_ + ":0." + std::to_string(random_());
    // The requests are JSON lists that begin with tvm.rpc.base.TrackerCode: 3 PUT, 5 UPDATE_INFO, 7 asks for
    // the keys not taken yet.
    Ask("[3, \"" + key_ + "\", [" + std::to_string(server_port_) + ", \"" + match_key_ + "\"], " + address_ +
        "]");
    idle_checks_ = 0;
  }

  // To be called every `kPeriod` seconds while there is no session: renews an offer that a client took but
  // did not use.
  void Check() {
    const bool pending = Ask("[7]").find('"' + match_key_ + '"') != std::string::npos;
    idle_checks_ = pending ? 0 : idle_checks_ + 1;
    if (idle_checks_ > kPatience) Offer();
  }

  bool connected() const { return socket_.has_value(); }
  void Disconnect() { socket_.reset(); }

  static constexpr int kPeriod = 2;

 private:
  void Connect() {
    Socket socket = Socket::Connect(host_, port_, kTimeout);
    socket.WriteInt(kMagic);
    if (socket.ReadInt() != kMagic) throw std::runtime_error("not a TVM tracker");
    socket_ = std::move(socket);
    Ask("[5, {\"key\": \"server:" + key_ + "\", \"addr\": [" + address_ + ", " +
        std::to_string(server_port_) + "]}]");
  }

  std::string Ask(const std::string& request) {
    socket_->WriteString(request);
    return socket_->ReadString(1 << 20);
  }

  static constexpr int kMagic = 0x2f271, kTimeout = 5, kPatience = 3;

  std::string host_;
  int port_;
  std::string key_, address_, match_key_;
  int server_port_;
  std::optional<Socket> socket_;
  std::random_device random_;
  int idle_checks_ = 0;
};
