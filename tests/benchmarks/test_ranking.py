"""The curve of tuning in two orders, and the models that it is made with."""

from xml.etree import ElementTree

import pytest

from armlet.benchmarks.ranking import BOARDS, Curve, curve, draw, rows
from armlet.compiler.kernels import DENSE, DEPTHWISE
from armlet.compiler.tuning import Database, Record, Task, Trial, Tuning, ranked
from armlet.targets import SimulatedDevice, simulator
from armlet.targets.simulator import out_of_order

# What three candidates for one kernel and two for another cost, on the board and on the simulated core.
BOARD = {DENSE: (10.0, 9.0, 5.0), DEPTHWISE: (7.0, 8.0)}
MODEL = {DENSE: (20.0, 18.0, 11.0), DEPTHWISE: (14.0, 13.0)}
LAYERS = {DENSE: ("a", "b"), DEPTHWISE: ("c",)}


def tune(device, costs, folder):
    database, tasks = Database(folder / device), []
    for template, of_trials in costs.items():
        key = template.name, "shape", "cortex-a55", "fp32", template.version
        trials = tuple(Trial(*key, f'{{"number": {number}}}', device) for number in range(len(of_trials)))
        database.add(map(Record, trials, of_trials))
        tasks.append(Task(trials, LAYERS[template]))
    return Tuning(tasks, database, "modelled_cycles", 5, 100.0, 90.0, {})


def test_a_network_gains_what_its_kernels_gain_round_by_round(tmp_path):
    board, model = tune("board", BOARD, tmp_path), tune("model", MODEL, tmp_path)
    assert curve(board, board.tasks) == Curve([2, 4, 5], [100.0, 98.0, 90.0])
    by_model = ranked(board.tasks, model.tasks, model.database)
    assert curve(board, by_model) == Curve([2, 4, 5], [100.0, 90.0, 90.0])


def test_what_finds_most_of_the_gain():
    assert Curve([2, 4, 5], [100.0, 98.0, 90.0]).rounds_to_find == 2
    assert Curve([2, 4, 5], [100.0, 90.4, 90.0]).rounds_to_find == 1
    assert Curve([2, 4], [100.0, 100.0]).rounds_to_find == 0


@pytest.mark.parametrize("board", BOARDS, ids=lambda board: board.core.name)
def test_what_stands_for_a_board_is_not_what_ranks(board):
    assert board.models.startswith("held out: ")
    assert board.models != SimulatedDevice(board.core).models
    assert board.scheduling != out_of_order.MODELS.get(board.core.name)
    assert board.memory != simulator.memory_stalls.MEMORIES[board.core.name]


def test_rows_and_plot_say_what_is_held_out(tmp_path):
    curves = Curve([2, 4, 5], [1e8, 9.8e7, 9e7]), Curve([2, 4, 5], [1e8, 9e7, 9e7])
    listed, by_model = rows(BOARDS[0], curves)
    assert listed == [
        "cortex-a55",
        "as listed",
        *("100.000", "98.000", "90.000"),
        *("90.000",) * 3,
        "2 (5 of 5)",
    ]
    assert by_model[-1] == "1 (4 of 5)"
    for name in ("one.svg", "two.svg"):
        draw(dict.fromkeys(BOARDS, curves), tmp_path / name)
    assert (tmp_path / "one.svg").read_bytes() == (tmp_path / "two.svg").read_bytes()
    texts = {element.text for element in ElementTree.parse(tmp_path / "one.svg").iter() if element.text}
    assert "cortex-a76; in the board's place, held out: LLVM's tsv110" in texts
