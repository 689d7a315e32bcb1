"""armlet tune as people watch it: at a terminal, in a log, and with --json."""

import contextlib
import io
import json
import os
import pty
import re
import subprocess

import numpy as np
import pytest
from rich.console import Console

from armlet.benchmarks.operation import network_of
from armlet.cli.tuning_display import OTHER_LINES, PARTS, tuning_display
from armlet.compiler.tuning import Database, Record, Standing, Task, Trial
from armlet.frontend import save

from .process import ARMLET

TITLE = "tuning a network"


@pytest.fixture
def standing(tmp_path):
    """Of twelve kernels, each with a candidate that gains, the costliest last; the first has two layers."""
    database, tasks = Database(tmp_path / "records.jsonl"), []
    for number in range(12):
        key = "pointwise", f"shape {number}", "cortex-a55", "fp32", 1
        trials = [Trial(*key, json.dumps({"vectors": vectors}), "sim:cortex-a55") for vectors in (1, 2)]
        database.keep(map(Record, trials, (1000.4 * (number + 1), 900.4 * (number + 1))))
        tasks.append(Task(tuple(trials), ("first", "second") if number == 0 else (f"layer {number}",)))
    return Standing(tasks, database, "modelled_cycles")


def test_kernels_fit_the_terminal_the_costliest_first(standing):
    console = Console(file=io.StringIO(), force_terminal=True, width=80, height=5 + OTHER_LINES, record=True)
    with tuning_display(TITLE, console) as show:
        show("7 trials left", 0.25, standing)
        show("waiting", None, None)
    text = console.export_text()
    rows = re.findall(r"^pointwise +layer (\d+) +([\d,]+) +([\d,]+) +(\S+) *$", text, re.MULTILINE)
    expected = [
        (str(n), f"{1000.4 * (n + 1):,.0f}", f"{900.4 * (n + 1):,.0f}", "-10.00%") for n in range(11, 6, -1)
    ]
    assert rows[-5:] == expected
    assert "and 7 more" in text
    assert "all kernels: 79,032 to 71,132 modelled cycles, -10.00%" in text
    assert re.search(rf"{TITLE} *\n.*(-:--:--|0:\d\d:\d\d) waiting", text)


def test_before_anything_is_known(standing):
    console = Console(file=io.StringIO(), force_terminal=True, width=100, height=40, record=True)
    unknown = Standing(standing.tasks, Database(standing.database.path), standing.unit)
    with tuning_display(TITLE, console) as show:
        show("24 trials left", 0.0, unknown)
    text = console.export_text()
    assert "pointwise" in text
    assert "all kernels" not in text


def test_a_log_has_a_line_now_and_then(standing):
    console = Console(file=io.StringIO())
    with tuning_display(TITLE, console) as show:
        for left in range(100, -1, -1):
            show(f"{left} trials left", (100 - left) / 101, standing)
        # The next part of the work.
        for left in range(50):
            show(f"the board, {50 - left}", left / 51, standing)
    lines = console.file.getvalue().splitlines()
    assert len(lines) == 2 * (PARTS - 1)
    assert lines[0] == f"{TITLE}: 89 trials left; all kernels: 79,032 to 71,132 modelled cycles, -10.00%"


@pytest.mark.emulator
def test_a_terminal_ends_with_what_the_result_has(tmp_path):
    """Standard error is a terminal: what it shows last of a kernel is what standard output says."""
    weights = np.random.default_rng(0).standard_normal((16, 8, 1, 1), np.float32)
    save(network_of("Conv(x, w)", (1, 8, 10, 10), "one", w=weights), tmp_path / "one.onnx")
    command = [ARMLET, "tune", "one.onnx", "--target", "cortex-a53", "--device", "sim:cortex-a53"]
    ours, theirs = pty.openpty()
    run = subprocess.Popen(
        [*command, "--trials", "3", "--database", "records.jsonl", "--json"],
        cwd=tmp_path,
        env=os.environ | {"TERM": "xterm", "COLUMNS": "150", "LINES": "60"},
        stdout=subprocess.PIPE,
        stderr=theirs,
    )
    os.close(theirs)
    shown = everything_sent(ours)
    result = json.loads(run.communicate()[0])
    assert "3 trials left" in shown
    (kernel,) = result["kernels"]
    default, best = (round(kernel[f"{which}_modelled_cycles"]) for which in ("default", "tuned"))
    *_, last = re.finditer(r"pointwise +y +([\d,]+) +([\d,]+)", shown)
    assert last.groups() == (f"{default:,}", f"{best:,}")
    assert f"all kernels: {default:,} to {best:,} modelled cycles" in shown


def everything_sent(terminal):
    """What a terminal is sent until the other end is closed, without control sequences."""
    sent = bytearray()
    with contextlib.suppress(OSError):
        while True:
            sent += os.read(terminal, 65536)
    return re.sub(r"\x1b\[[0-9;?]*[a-zA-Z]", "", sent.decode())
