import contextlib
import subprocess
import sys

import numpy as np
import pytest

from armlet.errors import UsageError
from armlet.targets import open_device, write_server
from armlet.targets.elf import read_needs
from armlet.targets.qemu import find_qemu


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("portable") / "server"
    write_server(folder)
    return folder


@contextlib.contextmanager
def started(folder, *options):
    """What `start` does, with qemu in front and no libraries of the system's."""
    command = [find_qemu(), "-cpu", "cortex-a72", "./ld-linux-aarch64.so.1", "--library-path", "."]
    command += ["./server", "--work", ".", *options]
    process = subprocess.Popen(command, cwd=folder, stdout=subprocess.PIPE, text=True)
    try:
        yield process.stdout.readline()
    finally:
        process.terminate()
        assert process.wait(timeout=30) == 0


@pytest.mark.emulator
def test_brings_all_that_it_loads(folder):
    files = {path.name for path in folder.iterdir()}
    assert {"start", "server", "libtvm_runtime.so", "libc.so.6"} <= files
    for path in folder.iterdir():
        if path.name != "start":
            assert read_needs(path).machine == "aarch64"
            assert {*read_needs(path).libraries} <= files


@pytest.mark.emulator
def test_serves_with_nothing_else_installed(folder, library):
    before = {path.name for path in folder.iterdir()}
    with started(folder, "--port", "0", "--key", "board") as line:
        assert line.startswith("listening on 127.0.0.1:")
        port = int(line.rpartition(":")[2])
        with open_device(f"rpc://127.0.0.1:{port}/board").connect() as session:
            program = session.load(library("affine", "cortex-a72"))
            (result,) = program.run([np.arange(1024, dtype=np.float32)])
    assert np.array_equal(result, np.arange(1024, dtype=np.float32) * 2 + 1)
    # Nothing of the session stays in the folder.
    assert {path.name for path in folder.iterdir()} == before


@pytest.mark.emulator
@pytest.mark.parametrize("option", ["-h", "--help"])
def test_its_help_names_every_option(folder, option):
    command = [find_qemu(), "./ld-linux-aarch64.so.1", "--library-path", ".", "./server", option]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True)
    assert done.returncode == 0
    source = (folder / "start").read_text()
    assert "--library-path . ./server" in source
    for option in ("--host", "--port", "--key", "--tracker", "--address", "--timeout", "--work"):
        assert option in done.stdout


LIMITED = """
import resource, sys
from pathlib import Path
from armlet.errors import ArmletError
from armlet.targets import write_server
resource.setrlimit(resource.RLIMIT_FSIZE, (200_000, 200_000))
try:
    write_server(Path(sys.argv[1]))
except ArmletError as error:
    sys.exit(str(error))
"""


@pytest.mark.emulator
def test_a_full_disk_is_one_line_and_leaves_nothing(folder, tmp_path):
    # A limit on the size of files stands for a full disk.
    target = tmp_path / "server"
    done = subprocess.run([sys.executable, "-c", LIMITED, target], capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (1, f"cannot write {target}: File too large\n")
    assert list(tmp_path.iterdir()) == []


def test_an_existing_folder_is_kept(tmp_path):
    with pytest.raises(UsageError, match="--force"):
        write_server(tmp_path)
