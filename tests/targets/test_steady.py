"""Turns on the server of this machine, which shows a board that is made of files and changes in between."""

import platform

import pytest

from armlet.errors import DeviceError, InconclusiveError, UsageError
from armlet.targets import steady
from armlet.targets.devices import open_device
from armlet.targets.steady import Conditions, measure_steadily

from ..boards.trees import A55, A76, CPU, cpufreq, cpuinfo, pi4, write_tree

pytestmark = pytest.mark.usefixtures("short_pauses")


@pytest.fixture
def short_pauses(monkeypatch):
    monkeypatch.setattr(steady, "FIRST_PAUSE", 0.01)


class BoardOfFiles:
    """A session with the server, and the files that it shows."""

    def __init__(self, root, start_server):
        self.root = root
        self.show(pi4())
        self.server = start_server("--root", str(root))
        self.device = open_device(f"rpc://127.0.0.1:{self.server.port}")
        self.warm_ups = 0

    def show(self, files):
        write_tree(self.root, files)

    def measure(self, take, count, conditions=Conditions(), core="cortex-a72"):  # noqa: B008 - frozen
        def warm_up():
            self.warm_ups += 1

        with self.device.connect() as session:
            return measure_steadily(session, take, count, core=core, conditions=conditions, warm_up=warm_up)


@pytest.fixture
def board(tmp_path, start_server):
    return BoardOfFiles(tmp_path / "root", start_server)


def test_a_steady_board_is_measured_once(board):
    results, watch = board.measure(lambda number: (number, 1.0), 4)
    assert results == [0, 1, 2, 3]
    assert (watch.repeated_turns, watch.waited_seconds, watch.doubts, board.warm_ups) == (0, 0, [], 1)
    assert watch.processors == "cortex-a72 0, 1, 2, 3"
    assert (
        watch.to_json()["turns"]
        == [{"clock_mhz": 1800, "celsius": 48.2, "fastest": 1.0, "tainted": None}] * 4
    )


def test_a_turn_in_which_the_board_was_hot_is_measured_again_when_it_has_cooled(board):
    taken, waits = [], []

    def take(number):
        if len(taken) == 2:
            board.show(pi4(celsius=84, mhz=1500))
        taken.append(number)
        return len(taken), 1.0

    def say(what):
        waits.append(what)
        if len(waits) == 3:
            board.show(pi4(celsius=71))

    results, watch = board.measure(take, 5, Conditions(say=say))
    assert taken == [0, 1, 2, 2, 3, 4]
    assert results == [1, 2, 4, 5, 6]
    assert waits[0] == "waiting, 60 s at most: the clock went down from 1800 to 1500 MHz"
    assert len(waits) == 3
    assert (watch.repeated_turns, watch.doubts, board.warm_ups) == (1, [], 2)
    assert watch.waited_seconds == pytest.approx(0.01 + 0.02 + 0.04)
    assert [turn.board.celsius for turn in watch.turns] == [48.2, 48.2, 71, 71, 71]


def test_a_board_that_stays_hot_leaves_all_turns_and_the_doubts(board):
    board.show(pi4(celsius=85))
    results, watch = board.measure(lambda number: (number, 1.0), 3, Conditions(cooldown=0.05))
    assert results == [0, 1, 2]
    assert (watch.doubts, watch.repeated_turns) == (["it has 85 °C, and is slowed down from 80 °C"], 0)
    assert watch.waited_seconds == pytest.approx(0.05)
    assert watch.notes == ["the device is not fit to measure: it has 85 °C, and is slowed down from 80 °C"]
    with pytest.raises(InconclusiveError, match=r"^rpc://board gives no steady times, after 0 s"):
        watch.require_steady("rpc://board")
    assert InconclusiveError.exit_code == 4


def test_no_wait_at_all(board):
    board.show(pi4(throttled=0x4))
    _, watch = board.measure(lambda number: (number, 1.0), 2, Conditions(cooldown=0))
    assert (watch.doubts, watch.waited_seconds) == (["the firmware throttles"], 0)


def test_what_the_reference_shows_is_measured_again(board):
    references = iter([1.0, 1.3, 1.0, 1.0])
    results, watch = board.measure(lambda number: (number, next(references)), 3)
    assert results == [0, 1, 2]
    assert (watch.repeated_turns, watch.doubts) == (1, [])
    assert watch.waited_seconds == pytest.approx(0.01)


def test_a_slow_start_is_measured_again_without_a_wait(board):
    references = iter([1.3, 1.0, 1.0, 1.0])
    results, watch = board.measure(lambda number: (number, next(references)), 3)
    assert results == [0, 1, 2]
    assert (watch.repeated_turns, watch.waited_seconds) == (1, 0)


def test_a_server_that_shows_nothing_is_judged_by_the_reference(library):
    from tvm import rpc

    server = rpc.Server("127.0.0.1", port=9500, port_end=9600, key="python", silent=True)
    references = iter([1.0, 1.0, 1.5, 1.5, 1.5, 1.5, 1.5, 1.5, 1.5])
    try:
        with open_device(f"rpc://127.0.0.1:{server.port}/python").connect() as session:
            with pytest.raises(DeviceError, match="cannot time loading: start armlet's there"):
                session.loading(library("affine", "host"))()
            _, watch = measure_steadily(
                session,
                lambda number: (number, next(references)),
                3,
                core="host",
                conditions=Conditions(cooldown=0.05),
                warm_up=lambda: None,
            )
    finally:
        server.terminate()
    assert watch.notes == [
        "the device does not tell its processors, clock and temperature: it is not pinned or watched"
    ]
    assert watch.processors is None
    assert watch.doubts == ["what is the same in all turns took 50% longer than in the fastest"]


TWO_KINDS = {
    "proc/cpuinfo": cpuinfo({0: A55, 1: A76}),
    f"{CPU}/present": "0-1\n",
    **cpufreq(0, "schedutil", 600, 1800, 1800),
    **cpufreq(1, "schedutil", 600, 2400, 2400),
}


@pytest.mark.parametrize(
    ("cpus", "core", "expected"),
    [
        (None, "cortex-a76", [1]),
        (None, "cortex-a55", [0]),
        (None, "cortex-a72", [1]),
        (None, "armv8-a", [1]),
        ((), "cortex-a76", [0, 1]),
        ((0,), "cortex-a76", [0]),
    ],
)
def test_where_code_runs(board, tmp_path, start_server, cpus, core, expected):
    import psutil

    here = psutil.Process().cpu_affinity()
    if here != [0, 1]:
        pytest.skip(f"the processors 0 and 1 stand in for the board's, here are {here}")
    board.show(TWO_KINDS)
    seen = []

    def take(number):
        seen.append(board.server.sessions()[0].cpu_affinity())
        return None, 1.0

    _, watch = board.measure(take, 1, Conditions(cpus), core)
    assert ([*watch.cpus], seen) == (expected, [expected])
    notes = {
        ("cortex-a72", 1): ["compiled for cortex-a72, measured on cortex-a76"],
        ("cortex-a76", 0): ["compiled for cortex-a76, measured on cortex-a55"],
        ("cortex-a76", 2): ["compiled for cortex-a76, measured on cortex-a55, cortex-a76"],
    }
    key = (core, 2 if len(expected) == 2 else expected[0])
    assert watch.notes == notes.get(key, [])


def test_processors_that_are_not_there(board):
    with pytest.raises(DeviceError, match="cannot run on processor 900, 901: Invalid argument"):
        board.measure(lambda number: (number, 1.0), 1, Conditions((900, 901)))


@pytest.mark.parametrize(
    ("text", "cpus"),
    [(None, None), ("any", ()), ("7", [7]), ("0,4-6", [0, 4, 5, 6]), ("3,1-1", [1, 3])],
)
def test_processors_of_a_command_line(text, cpus):
    assert Conditions.of(text, 5, print) == Conditions(cpus, 5, print)


@pytest.mark.parametrize("text", ["", "big", "4-", "4,,5", "-1", "7-4", "3000000000"])
def test_what_names_no_processors(text):
    with pytest.raises(UsageError, match="names no processors"):
        Conditions.of(text, 5, print)


def test_this_machine():
    with open_device("host").connect() as session:
        results, watch = measure_steadily(
            session,
            lambda number: (platform.machine(), 1.0),
            2,
            core="host",
            conditions=Conditions(),
            warm_up=lambda: None,
        )
    assert results == [platform.machine()] * 2
    assert [*watch.cpus] == [cpu.number for cpu in watch.board.cpus]
