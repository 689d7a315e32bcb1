"""Cycles of runs of instructions on out-of-order cores, by llvm-mca.

A loop of T iterations costs what llvm-mca says for T iterations in a row, less the tail in which the last one
drains: on an out-of-order core what follows has begun by then. A run that is no loop is priced as one
iteration of itself repeated, since the code around it overlaps with it.
"""

import hashlib
import json
import re
import shutil
import subprocess
from collections import defaultdict
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from ...errors import ArmletError, UsageError
from ...files import cache_folder, written_beside
from ..cores import Core
from .instructions import decode
from .loops import Run

# LLVM has no model of A76, A78, X1 and A710 (their names stand for the A57's, of 2012): the Neoverse core
# of the same design does. Its A57 model serves A57, A72 and A73, which all issue two vector operations of 64
# or one of 128 bits a cycle.
MODELS = {
    "cortex-a72": "cortex-a72",
    "cortex-a73": "cortex-a73",
    "cortex-a76": "neoverse-n1",
    "cortex-a78": "neoverse-n1",
    "cortex-x1": "neoverse-v1",
    "cortex-a710": "neoverse-n2",
}
OLDEST_LLVM = 22
# Instructions after which a run repeated is in its steady state: several times what a core has in flight.
IN_FLIGHT = 1200
# Regions that one llvm-mca is given: its memory grows with the instructions in flight.
BATCH = 64


def cycles(runs: Sequence[Run], core: Core) -> dict[Run, float]:
    """Cycles of all executions of each run on `core`, its loads hitting the first cache.

    Raises UsageError if there is no model of the core, ArmletError if llvm-mca is missing or too old.
    """
    if core.name not in MODELS:
        raise UsageError(f"there is no out-of-order model of {core.name}: choose one of {', '.join(MODELS)}")
    mca = Mca(MODELS[core.name])
    totals = mca.totals({(run.words, count) for run in runs for count in _iterations(run)})
    return {run: _cost(run, {count: totals[run.words, count] for count in _iterations(run)}) for run in runs}


def _iterations(run: Run) -> tuple[int, int, int, int]:
    """The iterations to price: one, those of the loop where they are few, and two numbers in steady state."""
    steady = max(4, IN_FLIGHT // len(run.words))
    return 1, min(run.trips, 2 * steady), steady, 2 * steady


def _cost(run: Run, totals: dict[int, int]) -> float:
    """The cycles of all executions of `run`, given the totals of `_iterations`."""
    one, trips, few, many = _iterations(run)
    steady = (totals[many] - totals[few]) / (many - few)
    if run.trips == 1:
        return run.executions * steady
    drained = totals[one] - steady
    entry = max(totals[trips] - drained, steady) + (run.trips - trips) * steady
    return run.entries * entry


class Mca:
    """llvm-mca for one model, its results cached by the instructions."""

    def __init__(self, model: str):
        self._command, self._version = find_mca()
        self._model = model

    def totals(self, wanted: Iterable[tuple[tuple[int, ...], int]]) -> dict[tuple[tuple[int, ...], int], int]:
        """The cycles of each (instructions, iterations)."""
        found, missing = {}, defaultdict(list)
        for words, iterations in wanted:
            path = self._cached(words, iterations)
            if path.exists():
                found[words, iterations] = int(path.read_text())
            else:
                missing[iterations].append(words)
        for iterations, bodies in missing.items():
            for start in range(0, len(bodies), BATCH):
                batch = bodies[start : start + BATCH]
                for words, total in zip(batch, self._run(batch, iterations), strict=True):
                    found[words, iterations] = total
                    with written_beside(self._cached(words, iterations), force=True) as draft:
                        draft.write_text(str(total))
        return found

    def _cached(self, words: tuple[int, ...], iterations: int) -> Path:
        content = f"{self._version} {self._model} {iterations} {words}"
        return cache_folder("simulator", "mca") / hashlib.sha256(content.encode()).hexdigest()[:32]

    def _run(self, bodies: Sequence[tuple[int, ...]], iterations: int) -> list[int]:
        options = ["-mtriple=aarch64", f"-mcpu={self._model}", f"-iterations={iterations}", "--json"]
        # A few instructions of the system have no timing in any model.
        options.append("-skip-unsupported-instructions=lack-sched")
        source = "".join(_region(number, words) for number, words in enumerate(bodies))
        done = subprocess.run([self._command, *options], input=source, capture_output=True, text=True)
        if done.returncode:
            lines = done.stderr.splitlines()
            complaint = next((line for line in lines if "error" in line), f"exit code {done.returncode}")
            raise ArmletError(f"llvm-mca failed: {complaint}")
        regions: list[dict[str, Any]] = json.loads(done.stdout)["CodeRegions"]
        return [region["SummaryView"]["TotalCycles"] for region in regions]


def find_mca() -> tuple[str, str]:
    """The path of llvm-mca and its version; raises ArmletError if it is missing or too old."""
    path = shutil.which(f"llvm-mca-{OLDEST_LLVM}") or shutil.which("llvm-mca")
    if path:
        version = subprocess.run([path, "--version"], capture_output=True, text=True).stdout
        found = re.search(r"version (\d+)\.(\d+\.\d+)", version)
        if found and int(found[1]) >= OLDEST_LLVM:
            return path, f"{found[1]}.{found[2]}"
    raise ArmletError(
        f"llvm-mca {OLDEST_LLVM} or later is needed to model cycles: `apt-get install llvm-{OLDEST_LLVM}`"
    )


def _region(number: int, words: Sequence[int]) -> str:
    # llvm-mca knows nothing of instructions given as numbers; what capstone cannot read costs a nop.
    lines = (decode(word).text for word in words)
    body = "\n".join("nop" if line.startswith(".inst") else line for line in lines)
    label = f"target{number}"
    return f"# LLVM-MCA-BEGIN run{number}\n{label}:\n{body.replace('target', label)}\n# LLVM-MCA-END\n"
