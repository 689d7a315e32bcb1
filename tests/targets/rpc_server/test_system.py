"""What the server tells of its system; one that is made of files stands in for a board."""

import os

import pytest

from armlet.errors import DeviceError
from armlet.targets.board_files import parse_board, read_board
from armlet.targets.cores import find_core
from armlet.targets.devices import list_devices, open_device
from armlet.targets.devices.emulated import emulated_server

from ...boards.trees import as_read, pi4, pi5, pixel, write_tree


@pytest.mark.parametrize("files", [pi4(), pi5(), pixel(), pixel(offline=(7,))])
def test_a_board_over_rpc(start_server, tmp_path, files):
    server = start_server("--root", str(write_tree(tmp_path / "root", files)))
    with open_device(f"rpc://127.0.0.1:{server.port}").connect() as session:
        assert session.board() == parse_board(as_read(files))


def test_files_that_are_denied_are_left_out(start_server, tmp_path):
    root = write_tree(tmp_path / "root", pixel())
    # A folder cannot be read as a file, not even by root, whom no permission stops.
    denied = root / "sys/class/thermal/thermal_zone3/temp"
    denied.unlink()
    denied.mkdir()
    server = start_server("--root", str(root))
    with open_device(f"rpc://127.0.0.1:{server.port}").connect() as session:
        assert session.board().celsius == 38


def test_this_machine_over_rpc(start_server):
    server = start_server()
    with open_device(f"rpc://127.0.0.1:{server.port}").connect() as session:
        assert session.board().cores == read_board().cores


def test_a_session_is_pinned_and_the_next_is_not(start_server):
    server, here = start_server(), os.sched_getaffinity(0)
    device = open_device(f"rpc://127.0.0.1:{server.port}")
    with device.connect() as session:
        session.pin([max(here)])
        assert os.sched_getaffinity(server.sessions()[0].pid) == {max(here)}
        with pytest.raises(
            DeviceError, match=r"cannot run on processor 999: Invalid argument: choose others"
        ):
            session.pin([999])
    with device.connect():
        assert os.sched_getaffinity(server.sessions()[0].pid) == here


def test_tvms_own_server_tells_nothing():
    from tvm import rpc

    server = rpc.Server("127.0.0.1", port=9500, port_end=9600, key="python", silent=True)
    try:
        with open_device(f"rpc://127.0.0.1:{server.port}/python").connect() as session:
            assert session.board() is None
            assert session.report().note == "answers; its server does not tell what it runs on"
            with pytest.raises(DeviceError, match="a server that cannot choose processors"):
                session.pin([0])
    finally:
        server.terminate()


@pytest.mark.emulator
def test_what_an_emulator_runs_on_is_not_the_device(tmp_path):
    with emulated_server(find_core("cortex-a72")) as port:
        (status,) = list_devices([f"rpc://127.0.0.1:{port}"])
    assert (status.available, status.board, status.unfit) == (True, None, None)
    root = write_tree(tmp_path, pi4(celsius=84))
    with emulated_server(find_core("cortex-a72"), "--root", str(root)) as port:
        (status,) = list_devices([f"rpc://127.0.0.1:{port}"])
    assert status.board == parse_board(as_read(pi4(celsius=84)))
    assert status.unfit == ["it has 84 °C, and is slowed down from 80 °C"]
    assert status.to_json()["board"]["cpus"][3]["core"] == "cortex-a72"
