"""Cycles of runs of instructions on out-of-order cores, by llvm-mca.

A loop of T iterations costs what llvm-mca says for T iterations in a row, less the tail in which the last one
drains: on an out-of-order core what follows has begun by then. A run that is no loop is priced as one
iteration of itself repeated, since the code around it overlaps with it.
"""

import json
import os
import subprocess
from collections import defaultdict
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ...cache import cache_folder, content_key
from ...errors import ArmletError, UsageError
from ...files import written_beside
from ..cores import Core
from ..llvm_mca import find_llvm_mca
from .instructions import decode
from .loops import Run


@dataclass(frozen=True)
class OutOfOrderCore:
    """The `llvm_model` that stands for a core; the instructions and micro-operations that enter a cycle."""

    llvm_model: str
    decode: int
    dispatch: int


# LLVM has no model of A76, A78, X1 and A710 (their names stand for the A57's, of 2012): the Neoverse core
# of the same design does. Its A57 model serves A57, A72 and A73, which all issue two vector operations of 64
# or one of 128 bits a cycle. Its own widths are other cores' (3 micro-operations for A72 and N1): A72's and
# A73's are those that AnandTech reported ("The ARM Cortex A73 - Artemis Unveiled", 2016), the others are of
# the Software Optimization Guides, 4.1 "Dispatch constraints".
MODELS = {
    "cortex-a72": OutOfOrderCore("cortex-a72", decode=3, dispatch=5),
    "cortex-a73": OutOfOrderCore("cortex-a72", decode=2, dispatch=6),
    "cortex-a76": OutOfOrderCore("neoverse-n1", decode=4, dispatch=8),
    "cortex-a78": OutOfOrderCore("neoverse-n1", decode=6, dispatch=12),
    "cortex-x1": OutOfOrderCore("neoverse-v1", decode=8, dispatch=16),
    "cortex-a710": OutOfOrderCore("neoverse-n2", decode=5, dispatch=10),
}
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
    return priced_by(MODELS[core.name], runs)


def priced_by(model: OutOfOrderCore, runs: Sequence[Run]) -> dict[Run, float]:
    """The same by any `model`; raises ArmletError if llvm-mca is missing or too old."""
    totals = Mca(model).totals({(run.words, count) for run in runs for count in _iterations(run)})
    return {
        run: _cost(run, {count: totals[run.words, count] for count in _iterations(run)}, model)
        for run in runs
    }


def _iterations(run: Run) -> tuple[int, int, int, int]:
    """The iterations to price: one, those of the loop where they are few, and two numbers in steady state."""
    steady = max(4, IN_FLIGHT // len(run.words))
    return 1, min(run.trips, 2 * steady), steady, 2 * steady


def _cost(run: Run, totals: dict[int, int], model: OutOfOrderCore) -> float:
    """The cycles of all executions of `run`, given the totals of `_iterations`."""
    one, trips, few, many = _iterations(run)
    decoding = len(run.words) / model.decode
    steady = max(decoding, (totals[many] - totals[few]) / (many - few))
    if run.trips == 1:
        return run.executions * steady
    drained = totals[one] - steady
    entry = max(totals[trips] - drained, trips * decoding, steady) + (run.mean_trips - trips) * steady
    return run.entries * entry


class Mca:
    """llvm-mca for one model, its results cached by the instructions."""

    def __init__(self, model: OutOfOrderCore):
        self._command, self._version = find_llvm_mca()
        self._core = [f"-mcpu={model.llvm_model}", f"-dispatch={model.dispatch}"]

    def totals(self, wanted: Iterable[tuple[tuple[int, ...], int]]) -> dict[tuple[tuple[int, ...], int], int]:
        """The cycles of each (instructions, iterations)."""
        found = {}
        missing: defaultdict[int, list[tuple[int, ...]]] = defaultdict(list)
        for words, iterations in wanted:
            path = self._cached(words, iterations)
            if path.exists():
                found[words, iterations] = int(path.read_text())
            else:
                missing[iterations].append(words)
        batches = [
            (bodies[start : start + BATCH], iterations)
            for iterations, bodies in missing.items()
            for start in range(0, len(bodies), BATCH)
        ]
        with ThreadPoolExecutor(os.cpu_count()) as pool:
            analyses = pool.map(lambda batch: self.analyse(*batch), batches)
            for (bodies, iterations), analysis in zip(batches, analyses, strict=True):
                for words, region in zip(bodies, analysis["CodeRegions"], strict=True):
                    total = found[words, iterations] = region["SummaryView"]["TotalCycles"]
                    with written_beside(self._cached(words, iterations), force=True) as draft:
                        draft.write_text(str(total))
        return found

    def _cached(self, words: tuple[int, ...], iterations: int) -> Path:
        content = f"{self._version} {self._core} {iterations} {words}"
        return cache_folder("simulator", "mca") / content_key(content)

    def analyse(self, bodies: Sequence[tuple[int, ...]], iterations: int, *views: str) -> dict[str, Any]:
        """What llvm-mca prints as JSON: a code region for each of `bodies`, repeated, and more `views`."""
        options = [*views, "-mtriple=aarch64", *self._core, f"-iterations={iterations}", "--json"]
        # A few instructions of the system have no timing in any model.
        options.append("-skip-unsupported-instructions=lack-sched")
        source = "".join(_region(number, words) for number, words in enumerate(bodies))
        done = subprocess.run([self._command, *options], input=source, capture_output=True, text=True)
        if done.returncode:
            lines = done.stderr.splitlines()
            complaint = next((line for line in lines if "error" in line), f"exit code {done.returncode}")
            raise ArmletError(f"llvm-mca failed: {complaint}")
        analysis: dict[str, Any] = json.loads(done.stdout)
        return analysis


def _region(number: int, words: Sequence[int]) -> str:
    # llvm-mca knows nothing of instructions given as numbers; what capstone cannot read costs a nop.
    lines = (decode(word).text for word in words)
    body = "\n".join("nop" if line.startswith(".inst") else line for line in lines)
    label = f"target{number}"
    return f"# LLVM-MCA-BEGIN run{number}\n{label}:\n{body.replace('target', label)}\n# LLVM-MCA-END\n"
