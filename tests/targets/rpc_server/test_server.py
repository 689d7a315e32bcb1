import contextlib
import platform
import signal
import socket
import struct
import subprocess
from pathlib import Path

import numpy as np
import psutil
import pytest

from armlet.errors import DeviceError, InvalidArtifactError
from armlet.targets import Conditions, measure_in_turns, open_device
from armlet.targets.rpc_server import build_server, server_program
from armlet.targets.toolchains import find_toolchain
from armlet.targets.tvm_runtime import installed_version, runtime_folder

X = np.arange(1024, dtype=np.float32)
MAGIC = 0xFF271


def run_once(port: int, library, key: str = ""):
    with open_device(f"rpc://127.0.0.1:{port}/{key}", timeout=60).connect() as session:
        return session.load(library).run([X])[0]


@pytest.fixture(scope="module")
def affine(library):
    return library("affine", "host")


def test_a_session_runs_and_times_a_model(start_server, affine):
    server = start_server("--key", "board")
    with open_device(f"rpc://127.0.0.1:{server.port}/board").connect() as session:
        program = session.load(affine)
        np.testing.assert_array_equal(program.run([X])[0], 2 * X + 1)
        samples = program.time([X], warm_up=2, rounds=7)
    assert len(samples) == 7
    assert min(samples) > 0


def test_a_session_times_two_models_of_one_name_in_turns(start_server, library, affine):
    server, other = start_server(), library("pair", "host")
    assert other.name == affine.name
    with open_device(f"rpc://127.0.0.1:{server.port}").connect() as session:
        programs, inputs = [session.load(affine), session.load(other)], [[X], [X[:4]]]
        np.testing.assert_array_equal(programs[0].run(inputs[0])[0], 2 * X + 1)
        assert len(programs[1].run(inputs[1])) == 2
        conditions = Conditions(cooldown=0)
        times = measure_in_turns(session, programs, inputs, core="host", rounds=7, conditions=conditions)
    assert [len(latency.samples_ms) for latency in times] == [7, 7]
    assert len(times[0].watch.turns) == 3


def test_a_library_is_loaded_anew_and_given_up(start_server, affine):
    server = start_server()
    with open_device(f"rpc://127.0.0.1:{server.port}").connect() as session:
        program = session.load(affine)
        loading = session.loading(affine)
        assert loading() > 0
        (process,) = server.sessions()
        loaded = {Path(each.path).name for each in process.memory_maps() if each.path.endswith(affine.name)}
        assert loaded == {f"0-{affine.name}"}
        assert program.run([X])[0][1] == 3


def test_another_key_is_refused(start_server, affine):
    server = start_server("--key", "board")
    with pytest.raises(DeviceError, match=r"rpc://127\.0\.0\.1:\d+/phone: the server has another key"):
        run_once(server.port, affine, "phone")
    assert run_once(server.port, affine, "board")[1] == 3


@pytest.mark.parametrize(
    "handshake",
    [
        struct.pack("<i", 0x12345) + b"GET / HTTP/1.1\r\n\r\n",
        struct.pack("<ii", MAGIC, 1 << 30),
        struct.pack("<ii", MAGIC, -1),
        struct.pack("<ii", MAGIC, 1025) + b"client:" + b"x" * 1018,
        struct.pack("<ii", MAGIC, 7),
    ],
    ids=["magic", "long key", "negative key", "key over the limit", "silent"],
)
def test_a_malformed_or_silent_client_is_dropped_and_blocks_nobody(start_server, affine, handshake):
    server = start_server()
    with socket.create_connection(("127.0.0.1", server.port), timeout=60) as client:
        client.sendall(handshake)
        assert run_once(server.port, affine)[1] == 3
        # A reset rather than an end: dropped with bytes of ours unread.
        with contextlib.suppress(ConnectionResetError):
            assert client.recv(1) == b""


def test_each_session_has_a_fresh_folder(start_server, affine, wait_until):
    server = start_server()
    device = open_device(f"rpc://127.0.0.1:{server.port}")
    seen = []
    for _ in range(2):
        with device.connect() as session:
            (folder,) = server.folders()
            assert list(folder.iterdir()) == []
            session.load(affine)
            session.load(affine)
            assert {path.name for path in folder.iterdir()} == {f"0-{affine.name}", f"1-{affine.name}"}
            seen.append(folder)
        wait_until(lambda: not server.folders())
    assert seen[0] != seen[1]


def test_a_crash_ends_its_session_only(start_server, affine, crashing_library, wait_until):
    server = start_server()
    crash = crashing_library("static int *volatile nowhere; *nowhere = 1;", platform.machine())
    with (
        pytest.raises(DeviceError, match="the session's process died: Segmentation fault"),
        open_device(f"rpc://127.0.0.1:{server.port}").connect() as session,
    ):
        session.load(crash)
    wait_until(lambda: not server.folders())
    assert run_once(server.port, affine)[1] == 3


def test_a_library_that_is_no_model_is_refused(start_server, crashing_library):
    server = start_server()
    with open_device(f"rpc://127.0.0.1:{server.port}").connect() as session:
        with pytest.raises(InvalidArtifactError, match="holds no network"):
            session.load(crashing_library("", platform.machine()))
        with pytest.raises(InvalidArtifactError, match=r"test_server\.py is not a whole library"):
            session.load(Path(__file__))
        with pytest.raises(InvalidArtifactError, match=r"cannot read absent\.so: No such file"):
            session.load(Path("absent.so"))


def test_sessions_wait_for_each_other(start_server, affine):
    server = start_server()
    with open_device(f"rpc://127.0.0.1:{server.port}").connect() as session:
        late = open_device(f"rpc://127.0.0.1:{server.port}", connect_timeout=0.5)
        with pytest.raises(DeviceError, match=r"gave no session within 0\.5 s: it is busy"), late.connect():
            pass
        assert session.load(affine).run([X])[0][1] == 3
    assert run_once(server.port, affine)[1] == 3


def test_a_client_that_leaves_while_its_model_runs_frees_the_device(start_server, affine, library):
    server = start_server()
    device = open_device(f"rpc://127.0.0.1:{server.port}", timeout=2)
    with device.connect() as session:
        program = session.load(library("endless", "host"))
        with pytest.raises(DeviceError, match="did not answer within 2 s"):
            program.run([X])
    assert run_once(server.port, affine)[1] == 3


def test_the_servers_time_out_ends_a_session(start_server, affine, library):
    server = start_server("--timeout", "1")
    with open_device(f"rpc://127.0.0.1:{server.port}").connect() as session:
        program = session.load(library("endless", "host"))
        with pytest.raises(DeviceError, match="the server allowed no more time"):
            program.run([X])
    assert run_once(server.port, affine)[1] == 3


def test_the_clients_own_time_out_ends_its_session(start_server, library):
    from tvm import rpc, runtime
    from tvm.error import RPCSessionTimeoutError

    server = start_server()
    session = rpc.connect("127.0.0.1", server.port, session_timeout=1)
    session.upload(str(library("endless", "host")), "model.so")
    module = session.load_module("model.so")
    with pytest.raises(RPCSessionTimeoutError):
        module["main"](runtime.tensor(X, session.cpu()), runtime.empty(X.shape, "float32", session.cpu()))


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
def test_a_signal_ends_the_server_and_its_sessions(start_server, library, number):
    server = start_server()
    with open_device(f"rpc://127.0.0.1:{server.port}").connect() as session:
        program = session.load(library("affine", "host"))
        children = server.sessions()
        assert len(children) == 1
        assert len(server.folders()) == 1
        server.process.send_signal(number)
        assert server.process.wait(60) == 0
        assert not any(child.is_running() for child in children)
        assert list(server.work.iterdir()) == []
        with pytest.raises(DeviceError, match="the connection was lost"):
            program.run([X])


def test_a_killed_server_takes_its_sessions_with_it(start_server, library, wait_until):
    server = start_server()
    with open_device(f"rpc://127.0.0.1:{server.port}").connect() as session:
        program = session.load(library("affine", "host"))
        (child,) = server.sessions()
        server.process.kill()
        with pytest.raises(DeviceError, match="the connection was lost"):
            program.run([X])
        wait_until(lambda: not child.is_running() or child.status() == psutil.STATUS_ZOMBIE)


def test_a_server_with_its_parent_ends_when_its_input_does(start_server):
    server = start_server("--with-parent")
    server.process.stdin.close()
    assert server.process.wait(60) == 0
    assert not server.work.exists()


@pytest.mark.parametrize(
    ("options", "code", "complaint"),
    [
        (["--port", "NUMBER"], 1, "cannot serve on 127.0.0.1:NUMBER: Address already in use"),
        (["--port", "http"], 2, "--port wants a number from 0 to 65535, not 'http'"),
        (["--tracker", "nowhere"], 2, "--tracker wants HOST:PORT"),
        (["--tracker", ":9190", "--key", "phone"], 2, "--tracker wants HOST:PORT, not ':9190'"),
        (["--tracker", "here:0", "--key", "phone"], 2, "--tracker wants a number from 1 to 65535, not '0'"),
        (["--tracker", "here:9190"], 2, "--tracker needs --key"),
        (["--key", 'a "key"'], 2, "'a \"key\"' must hold no blank, quote or backslash"),
        (["--colour", "red"], 2, "unknown option --colour"),
        (["--work", "/nonexistent"], 1, "no folder"),
    ],
)
def test_what_cannot_be_served_is_one_line(options, code, complaint):
    with socket.create_server(("127.0.0.1", 0)) as occupied:
        port = str(occupied.getsockname()[1])
        command = [
            server_program(platform.machine()),
            *(option.replace("NUMBER", port) for option in options),
        ]
        done = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert done.returncode == code
    assert done.stdout == ""
    assert done.stderr.count("\n") == 1
    assert complaint.replace("NUMBER", port) in done.stderr


def test_a_system_without_a_folder_for_temporary_files_needs_one_named(start_server, monkeypatch):
    monkeypatch.setenv("TMPDIR", "/nonexistent")  # as Android has none
    done = subprocess.run([server_program(platform.machine())], capture_output=True, text=True, timeout=60)
    message = "rpc server: there is no folder for temporary files: name one by --work\n"
    assert (done.returncode, done.stdout, done.stderr) == (2, "", message)
    assert start_server().port


def test_a_tracker_that_is_not_there_is_named_with_its_port(start_server, wait_until):
    with socket.create_server(("127.0.0.1", 0)) as gone:
        port = gone.getsockname()[1]
    server = start_server("--tracker", f"127.0.0.1:{port}", "--key", "phone")
    words = f"rpc server: no tracker at 127.0.0.1:{port}: Connection refused\n"
    wait_until(lambda: server.log.read_text() == words)


def test_another_version_of_tvm_is_refused(start_server, tmp_path):
    machine, older = platform.machine(), "0.26.0 with FFI 0.1.11"
    build_server(tmp_path, find_toolchain("linux", machine), runtime_folder(machine), older)
    server = start_server(program=tmp_path / "server")
    with pytest.raises(DeviceError) as error, open_device(f"rpc://127.0.0.1:{server.port}").connect():
        pass
    uri = f"rpc://127.0.0.1:{server.port}"
    assert str(error.value) == f"{uri} runs TVM {older}, this is {installed_version()}: they must be the same"


def test_tvms_own_server_is_a_device_too(affine):
    from tvm import rpc

    server = rpc.Server("127.0.0.1", port=9500, port_end=9600, key="python", silent=True)
    try:
        assert run_once(server.port, affine, "python")[1] == 3
    finally:
        server.terminate()
