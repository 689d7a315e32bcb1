"""The way `ssh://[USER@]HOST[:PORT]`: OpenSSH's own client, with the user's keys and configuration."""

import shlex
import socket
import tarfile
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from ...errors import DeviceError
from .shell import Shell
from .started import started

# Never a question, a terminal, or what the user's configuration has for people at work there.
OPTIONS = (
    *("-T", "-x", "-a", "-oBatchMode=yes", "-oRemoteCommand=none", "-oPermitLocalCommand=no"),
    *("-oServerAliveInterval=15", "-oServerAliveCountMax=3"),
)
GREETING = "armlet is at home in "
# The first connection carries all others, until our end of its input is closed.
STAY = f'echo {shlex.quote(GREETING)}"$HOME"; exec cat >/dev/null'
# What OpenSSH says, and what the user can do.
REMEDIES = {
    "Permission denied": "armlet asks for no password: let your key in with ssh-copy-id",
    "Host key verification failed": "connect once with ssh, and confirm the key of the host",
    "is not installed": "apt-get install openssh-client",
}
FORWARD_TRIES = 5


@dataclass(frozen=True)
class SshLink:
    """The host of `uri`, which may be a name of the user's ~/.ssh/config."""

    uri: str
    timeout: float
    connect_timeout: float

    @contextmanager
    def shell(self) -> Iterator["SshShell"]:
        """A shell there; one connection is opened and authenticated for all that it does."""
        with ExitStack() as stack:
            folder = tempfile.TemporaryDirectory(prefix="armlet-ssh-", ignore_cleanup_errors=True)
            control = f"{stack.enter_context(folder)}/control"
            options = (f"-oConnectTimeout={max(1, round(self.connect_timeout))}", "-oClearAllForwardings=yes")
            master = ["ssh", *OPTIONS, *options, "-oControlMaster=yes", "-oControlPersist=no", "-S", control]
            session = started([*master, self.uri, _posix(STAY)], GREETING, self.uri, self.connect_timeout)
            try:
                home = stack.enter_context(session)
            except DeviceError as error:
                raise DeviceError(_with_remedy(str(error))) from error
            yield SshShell(self.uri, home, self.timeout, control)


class SshShell(Shell):
    """A shell on the connection that `control` is the socket of."""

    os_name = "linux"

    def __init__(self, uri: str, home: str, timeout: float, control: str) -> None:
        super().__init__(uri, home, timeout)
        self._ssh = ["ssh", *OPTIONS, "-oControlMaster=no", "-S", control]

    def command(self, script: str) -> list[str]:
        """As Shell has it."""
        return [*self._ssh, self.uri, _posix(script)]

    def spelled(self, script: str) -> str:
        """As Shell has it."""
        host = self.uri.removeprefix("ssh://").removesuffix("/")
        return shlex.join(["ssh", self.uri if ":" in host else host, script])

    @property
    def system(self) -> str:
        """The name that a system gives itself in /etc/os-release, and its kernel."""
        words = self.run(
            '[ -r /etc/os-release ] && . /etc/os-release; echo "${PRETTY_NAME:-Linux}, kernel $(uname -r)"'
        )
        return words.decode(errors="replace").strip()

    def push(self, folder: Path, destination: str) -> None:
        """As Shell has it, by the tar of the device."""
        there = shlex.quote(destination)
        with tempfile.TemporaryFile() as packed:
            with tarfile.open(fileobj=packed, mode="w") as archive:
                archive.add(folder, ".", filter=_of_nobody)
            packed.seek(0)
            # The first of tar's complaints says why, the last only that there were some.
            unpack = f"mkdir -p {there} && said=$(tar -C {there} -xf - 2>&1)"
            self.run(f'{unpack} || {{ echo "$said" | head -n 1 >&2; exit 1; }}', packed)

    @contextmanager
    def forward(self, port: int) -> Iterator[int]:
        """As Shell has it; it ends with the connection."""
        for tries_left in reversed(range(FORWARD_TRIES)):
            # ssh does not choose a free port itself, and another may be faster to take this one.
            with socket.create_server(("127.0.0.1", 0)) as free:
                here = free.getsockname()[1]
            try:
                there = f"127.0.0.1:{here}:127.0.0.1:{port}"
                self.run_here([*self._ssh, "-O", "forward", "-L", there, self.uri])
                break
            except DeviceError:
                if not tries_left:
                    raise
        yield here


def _posix(script: str) -> str:
    """`script` for a login shell of any kind."""
    return f"exec sh -c {shlex.quote(script)}"


def _of_nobody(member: tarfile.TarInfo) -> tarfile.TarInfo:
    """Who owns a file here means nothing there."""
    member.uid = member.gid = 0
    member.uname = member.gname = ""
    return member


def _with_remedy(words: str) -> str:
    remedy = next((remedy for problem, remedy in REMEDIES.items() if problem in words), None)
    return f"{words}; {remedy}" if remedy else words
