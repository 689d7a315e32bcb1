// A TVM RPC server that needs no Python: each session is a process of its own in a folder of its own.
// `server --help` lists its options.
//
// Prints "listening on ADDRESS:PORT" when clients can connect. Sessions run one after the other, so that they
// do not disturb each other's timings. SIGTERM, SIGINT and SIGHUP end it, its sessions and their folders;
// --with-parent, so does the end of its standard input, and DIR goes too. TVM's RPC has no authentication: it
// listens on loopback unless told otherwise.

#include <poll.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>

#include <map>
#include <optional>
#include <vector>

#include "options.h"
#include "session.h"
#include "tracker.h"

namespace {

volatile sig_atomic_t stop_requested = 0;

fs::path MakeFolder(const fs::path& parent) {
  std::string name = parent / "armlet-rpc-XXXXXX";
  if (!mkdtemp(name.data()))
    throw std::runtime_error("no folder can be made in " + parent.string() + ": " + strerror(errno));
  return name;
}

class Server {
 public:
  explicit Server(Options options)
      : options_(std::move(options)), listener_(Socket::Listen(options_.host, options_.port)) {
    sockaddr_storage address{};
    socklen_t size = sizeof address;
    getsockname(listener_.fd(), reinterpret_cast<sockaddr*>(&address), &size);
    char port[8];
    getnameinfo(reinterpret_cast<sockaddr*>(&address), size, nullptr, 0, port, sizeof port, NI_NUMERICSERV);
    port_ = atoi(port);
    folder_ = MakeFolder(options_.work);
    if (!options_.tracker.empty())
      tracker_.emplace(options_.tracker, options_.tracker_port, options_.key, options_.address, port_);
  }

  // Until a signal, or the end of the parent, asks to stop.
  void Run(const sigset_t& unblocked) {
    printf("listening on %s:%d\n", options_.host.c_str(), port_);
    fflush(stdout);
    KeepOffer();
    const timespec period{Tracker::kPeriod, 0};
    while (!stop_requested) {
      std::vector<pollfd> polled{{listener_.fd(), POLLIN, 0}};
      if (options_.with_parent) polled.push_back({STDIN_FILENO, POLLIN, 0});
      for (const auto& [child, session] : sessions_)
        if (!session.abandoned) polled.push_back({session.socket.fd(), POLLRDHUP, 0});
      // Signals are only let through here, so that none is missed between a check and the wait.
      const int ready = ppoll(polled.data(), polled.size(), tracker_ ? &period : nullptr, &unblocked);
      if (ready > 0 && options_.with_parent && polled[1].revents) return;
      if (ready > 0) EndAbandoned(polled);
      if (ready > 0 && polled[0].revents) Accept(unblocked);
      const bool had_session = Reap();
      offer_used_ |= had_session;
      if (had_session || ready == 0) KeepOffer();
    }
  }

  ~Server() {
    for (const auto& [child, session] : sessions_) kill(child, SIGKILL);
    for (const auto& [child, session] : sessions_) waitpid(child, nullptr, 0);
    std::error_code ignored;
    fs::remove_all(folder_, ignored);
    // A parent that was killed does not do it.
    if (options_.with_parent) fs::remove(options_.work, ignored);
  }

 private:
  void Accept(const sigset_t& unblocked) {
    sockaddr_storage address{};
    socklen_t size = sizeof address;
    Socket socket(accept4(listener_.fd(), reinterpret_cast<sockaddr*>(&address), &size, SOCK_CLOEXEC));
    if (socket.fd() < 0) return;
    socket.KeepAlive();
    char host[NI_MAXHOST] = "?", port[NI_MAXSERV] = "?";
    getnameinfo(reinterpret_cast<sockaddr*>(&address), size, host, sizeof host, port, sizeof port,
                NI_NUMERICHOST | NI_NUMERICSERV);
    const std::string client = std::string(host) + ":" + port;
    try {
      Start({client, MakeFolder(folder_), std::move(socket)}, unblocked);
    } catch (const std::exception& error) {
      fprintf(stderr, "rpc server: %s was dropped: %s\n", client.c_str(), error.what());
    }
  }

  void Start(Session session, const sigset_t& unblocked) {
    const std::string match_key = tracker_ ? tracker_->match_key() : options_.key;
    const pid_t parent = getpid(), child = fork();
    if (child == 0) {
      prctl(PR_SET_PDEATHSIG, SIGKILL);
      if (getppid() != parent) _exit(kNoSession);
      for (int number : {SIGTERM, SIGINT, SIGHUP, SIGCHLD}) signal(number, SIG_DFL);
      sigprocmask(SIG_SETMASK, &unblocked, nullptr);
      listener_ = Socket();
      tracker_.reset();
      sessions_.clear();
      Serve(options_, session, match_key);
    }
    if (child < 0) throw std::runtime_error(std::string("no process for it: ") + strerror(errno));
    sessions_.emplace(child, std::move(session));
  }

  // A session whose client has gone may compute for ever.
  void EndAbandoned(const std::vector<pollfd>& polled) {
    for (auto& [child, session] : sessions_)
      for (const pollfd& item : polled)
        if (item.fd == session.socket.fd() && item.revents) {
          session.abandoned = true;
          kill(child, SIGKILL);
        }
  }

  // Clear up after the sessions that have ended; whether there was one, not just a failed handshake.
  bool Reap() {
    bool had_session = false;
    int status = 0;
    for (pid_t child; (child = waitpid(-1, &status, WNOHANG)) > 0;) {
      const auto found = sessions_.find(child);
      if (found == sessions_.end()) continue;
      const Session& session = found->second;
      had_session |= !(WIFEXITED(status) && WEXITSTATUS(status) == kNoSession);
      if (WIFSIGNALED(status) && !session.abandoned) ReportDeath(session, WTERMSIG(status));
      std::error_code ignored;
      fs::remove_all(session.folder, ignored);
      sessions_.erase(found);
    }
    return had_session;
  }

  // The client, which waits for an answer, learns why there will be none.
  void ReportDeath(const Session& session, int number) {
    const std::string reason =
        number == SIGALRM ? "RPCSessionTimeoutError: the time allowed for the session is over"
                          : std::string("the session's process died: ") + strsignal(number);
    fprintf(stderr, "rpc server: session of %s: %s\n", session.client.c_str(), reason.c_str());
    try {
      Socket::SetTimeout(session.socket.fd(), 1);
      CallTvm("rpc.ReturnException", session.socket.fd(), reason);
    } catch (const std::exception& error) {
      fprintf(stderr, "rpc server: %s is gone as well: %s\n", session.client.c_str(), error.what());
    }
  }

  // Keep the tracker's offer of this server true; a tracker that went away is asked again each period.
  void KeepOffer() {
    if (!tracker_ || !sessions_.empty()) return;
    try {
      if (offer_used_ || !tracker_->connected()) tracker_->Offer();
      else tracker_->Check();
      offer_used_ = tracker_lost_ = false;
    } catch (const std::exception& error) {
      if (!tracker_lost_)
        fprintf(stderr, "rpc server: no tracker at %s:%d: %s\n", options_.tracker.c_str(),
                options_.tracker_port, error.what());
      tracker_lost_ = true;
      tracker_->Disconnect();
    }
  }

  Options options_;
  Socket listener_;
  int port_ = 0;
  std::optional<Tracker> tracker_;
  bool offer_used_ = false, tracker_lost_ = false;
  fs::path folder_;  // of this server; a session's folder is inside it
  std::map<pid_t, Session> sessions_;
};

}  // namespace

int main(int argc, char** argv) {
  const Options options = ParseOptions(argc, argv);
  sigset_t blocked, unblocked;
  sigemptyset(&blocked);
  struct sigaction action {};
  action.sa_handler = [](int number) { stop_requested |= number != SIGCHLD; };
  for (int number : {SIGTERM, SIGINT, SIGHUP, SIGCHLD}) {
    struct sigaction before {};
    sigaction(number, nullptr, &before);
    if (number == SIGHUP && before.sa_handler == SIG_IGN) continue;  // nohup
    sigaddset(&blocked, number);
    sigaction(number, &action, nullptr);
  }
  sigprocmask(SIG_BLOCK, &blocked, &unblocked);
  signal(SIGPIPE, SIG_IGN);
  try {
    Server(options).Run(unblocked);
  } catch (const std::exception& error) {
    Fail("cannot serve on " + options.host + ":" + std::to_string(options.port) + ": " + error.what());
  }
  return 0;
}
