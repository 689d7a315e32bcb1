"""A real sshd on loopback, for this user alone, whose shell is that of a board."""

import contextlib
import getpass
import os
import shlex
import shutil
import signal
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import psutil

from ..waiting import free_port, wait_until
from .board import Board

SSHD = shutil.which("sshd", path="/usr/sbin:/usr/local/sbin:/sbin")
MISSING = next(
    (
        f"no {program} here: `apt-get install {package}`"
        for program, package, found in (
            ("sshd", "openssh-server", SSHD),
            ("ssh", "openssh-client", shutil.which("ssh")),
        )
        if not found
    ),
    None,
)

SSHD_CONFIG = """
ListenAddress 127.0.0.1
Port {port}
HostKey {folder}/host_key
AuthorizedKeysFile {folder}/user_key.pub
PidFile none
StrictModes no
UsePAM no
PasswordAuthentication no
KbdInteractiveAuthentication no
Subsystem sftp /usr/lib/openssh/sftp-server
ForceCommand {folder}/shell
"""
SSH_CONFIG = """
Host raspberrypi
    HostName 127.0.0.1
    Port {port}
    User {user}
Host *
    IdentityFile {folder}/user_key
    IdentitiesOnly yes
    UserKnownHostsFile {folder}/known_hosts
    GlobalKnownHostsFile none
"""


@dataclass
class SshBoard:
    """A board that answers to `ssh raspberrypi`, if `bin` is first on the PATH."""

    board: Board
    port: int
    folder: Path
    process: subprocess.Popen

    @property
    def bin(self) -> Path:
        return self.folder / "bin"

    @property
    def uri(self) -> str:
        return "ssh://raspberrypi"

    def connections(self) -> list[psutil.Process]:
        """The processes of sshd's for its clients."""
        return psutil.Process(self.process.pid).children()

    def processes(self) -> list[psutil.Process]:
        """Everything that runs on the board for its clients."""
        return psutil.Process(self.process.pid).children(recursive=True)

    def cut_off(self) -> None:
        """What happens when somebody pulls the plug of the network."""
        for process in self.connections():
            with contextlib.suppress(psutil.NoSuchProcess):
                os.kill(process.pid, signal.SIGKILL)


@contextlib.contextmanager
def ssh_board(folder: Path, **options) -> Iterator[SshBoard]:
    """Start an sshd whose files are in the new folder `folder`."""
    board = Board(folder / "board", **options)
    for name in ("host_key", "user_key"):
        key = ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", folder / name]
        subprocess.run(key, check=True, stdin=subprocess.DEVNULL)
    facts = {"folder": folder, "port": free_port(), "user": getpass.getuser()}
    (folder / "sshd_config").write_text(SSHD_CONFIG.format(**facts))
    (folder / "ssh_config").write_text(SSH_CONFIG.format(**facts))
    host_key = (folder / "host_key.pub").read_text()
    (folder / "known_hosts").write_text(f"[127.0.0.1]:{facts['port']} {host_key}")
    variables = shlex.join(f"{name}={value}" for name, value in board.environment.items())
    _script(
        folder / "shell",
        f"cd {shlex.quote(str(board.home))} && . {folder}/limits &&\n"
        f'exec env -i {variables} {board.shell} -c "${{SSH_ORIGINAL_COMMAND:-exec sh}}"',
    )
    (folder / "limits").touch()
    (folder / "bin").mkdir()
    for name in ("ssh", "scp", "sftp"):
        _script(folder / "bin" / name, f'exec {shutil.which(name)} -F {folder}/ssh_config "$@"')
    if os.geteuid() == 0:
        Path("/run/sshd").mkdir(exist_ok=True)  # sshd wants it as root
    with (folder / "log").open("w") as log:
        process = subprocess.Popen([SSHD, "-D", "-e", "-f", folder / "sshd_config"], stderr=log)
    try:
        wait_until(lambda: "Server listening" in (folder / "log").read_text() or process.poll() is not None)
        assert process.poll() is None, (folder / "log").read_text()
        yield SshBoard(board, facts["port"], folder, process)
    finally:
        process.terminate()
        process.wait(60)


def _script(path: Path, body: str) -> None:
    path.write_text(f"#!/bin/sh\n{body}\n")
    path.chmod(0o755)
