"""LiteRT, ncnn, MNN and ONNX Runtime beside armlet on this machine, by the clock.

Run it as `python -m armlet.benchmarks.host`, where armlet is installed from a checkout (`pip install -e .`).

Every engine is a process of its own, on the same processor. They take turns: in each round each of them runs
the network a few times while the others wait. The first run brings the engines and their converters into
armlet's cache.
"""

import functools
import json
import os
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import click
import numpy as np

import armlet
from armlet.console import progress_bar
from armlet.errors import ArmletError
from armlet.targets import find_core

from .document import PERFORMANCE, table, write_section
from .peers.__main__ import NAMES, PEERS
from .peers.models import IMAGE, check_output, converted
from .peers.on_host.region import ANSWER
from .peers.packages import environment
from .peers.peer import SCRIPTS, Network, Peer
from .peers.table import OURS

REGION = Path(__file__).parent / "peers" / "on_host"
ONE_THREAD = {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
RUNS_A_TURN = 10


@dataclass(frozen=True)
class Engine:
    """What runs a network on this machine: a Python, a script of peers/engines, and its model's folder."""

    title: str
    python: Path
    script: str
    model: Path
    same_weights: bool


@dataclass
class Timed:
    """An engine's `turns`, each the milliseconds of its runs; `error` is its output's, of the range."""

    title: str
    turns: list[list[float]] = field(default_factory=list)
    error: float | None = None

    @property
    def median_ms(self) -> float:
        """Of all runs."""
        return statistics.median(run for turn in self.turns for run in turn)

    @property
    def fastest_ms(self) -> float:
        """Of all runs: what is least disturbed by others on the machine."""
        return min(run for turn in self.turns for run in turn)


class Worker:
    """An engine's process, waiting for its turn."""

    def __init__(self, engine: Engine, image: Path, output: Path):
        self.engine, self.output = engine, output
        self._errors = output.with_suffix(".errors")
        command = [engine.python, SCRIPTS / engine.script, engine.model, "fp32", image, output]
        with self._errors.open("w") as errors:
            self._process = subprocess.Popen(
                list(map(str, command)),
                env={**os.environ, **ONE_THREAD, "PYTHONPATH": str(REGION)},
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=errors,
                text=True,
            )

    def wait(self) -> list[float]:
        """What it answers next, in milliseconds; raises ArmletError if it ends instead."""
        assert self._process.stdout
        for line in self._process.stdout:
            if line.startswith(ANSWER):
                return [took / 1e6 for took in json.loads(line.removeprefix(ANSWER))]
        reason = (self._errors.read_text().strip().splitlines() or ["it ended"])[-1]
        raise ArmletError(f"{self.engine.title} cannot run {self.engine.model}: {reason}")

    def run(self, times: int) -> list[float]:
        """Run the network so many times: milliseconds of each."""
        assert self._process.stdin
        self._process.stdin.write(f"{times}\n")
        self._process.stdin.flush()
        return self.wait()

    def finish(self) -> np.ndarray:
        """Let it put out what it computed, and end."""
        self._process.communicate()
        return np.load(self.output)

    def stop(self) -> None:
        """End it, if it has not."""
        self._process.kill()
        self._process.communicate()


def engines(network: Network, folder: Path, peers: Sequence[Peer] = PEERS) -> list[Engine]:
    """armlet's, compiled into `folder` as it is at this commit, and those of its peers."""
    armlet.compile_model(network.build(), folder, find_core("host"))
    found = [Engine(OURS, Path(sys.executable), "run_armlet.py", folder, same_weights=True)]
    for peer in peers:
        python = environment(peer.wheels) / "bin" / "python"
        model = converted(peer, network, "fp32")
        found.append(Engine(peer.title, python, peer.script, model, peer.same_weights))
    return found


def measure(network: Network, competitors: Sequence[Engine], rounds: int) -> list[Timed]:
    """Time `competitors` on `network` in turns.

    Raises ArmletError if one fails, or does not compute the network.
    """
    with tempfile.TemporaryDirectory(prefix="armlet-host-") as name, _one_processor(), ExitStack() as stack:
        image = Path(name, "image.npy")
        np.save(image, IMAGE)
        workers, timed = [], []
        for number, engine in enumerate(competitors):
            worker = Worker(engine, image, Path(name, f"output{number}.npy"))
            stack.callback(worker.stop)
            worker.wait()
            workers.append(worker)
            timed.append(Timed(engine.title))
        for _ in range(rounds):
            for worker, its in zip(workers, timed, strict=True):
                its.turns.append(worker.run(RUNS_A_TURN))
        for worker, its in zip(workers, timed, strict=True):
            output = worker.finish()
            if worker.engine.same_weights:
                its.error = check_output(its.title, network, "fp32", output)
    return timed


@contextmanager
def _one_processor() -> Iterator[None]:
    """What is started within stays on one processor, and so do its threads."""
    allowed = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {max(allowed)})
    try:
        yield
    finally:
        os.sched_setaffinity(0, allowed)


def rows(network: str, timed: Sequence[Timed]) -> list[list[str]]:
    """A row for armlet, which is the first of `timed`, and one for each peer, the best of them in bold.

    In each is what armlet's median is of the peer's, in brackets the quartiles of that ratio over the rounds,
    and what armlet's fastest run is of the peer's.
    """
    ours, *theirs = timed
    best = min(theirs, key=lambda its: its.median_ms)
    found = [[network, OURS, *_times(ours), "", "", _error(ours)]]
    for its in theirs:
        ratio = f"{ours.median_ms / its.median_ms:.2f} ({_spread(ours, its)})"
        fastest = f"{ours.fastest_ms / its.fastest_ms:.2f}"
        title, ratio = (f"**{its.title}**", f"**{ratio}**") if its is best else (its.title, ratio)
        found.append([network, title, *_times(its), ratio, fastest, _error(its)])
    return found


def _times(its: Timed) -> tuple[str, str]:
    return f"{its.median_ms:.2f}", f"{its.fastest_ms:.2f}"


def _spread(ours: Timed, its: Timed) -> str:
    pairs = zip(ours.turns, its.turns, strict=True)
    ratios = [statistics.median(mine) / statistics.median(other) for mine, other in pairs]
    low, _, high = statistics.quantiles(ratios, n=4)
    return f"{low:.2f} to {high:.2f}"


def _error(its: Timed) -> str:
    return "" if its.error is None else f"{its.error:.0e}"


@click.command(help=__doc__)
@click.option("--rounds", default=30, show_default=True, help="Rounds of a network.")
@click.option(
    "--output", default=PERFORMANCE, type=click.Path(path_type=Path), help="The document written to."
)
def main(rounds: int, output: Path) -> None:
    """Compile, measure, write."""
    body = []
    try:
        with progress_bar("timing") as progress, tempfile.TemporaryDirectory(prefix="armlet-host-") as folder:
            for number, name in enumerate(NAMES):
                progress(name, number / len(NAMES))
                network = Network(name, functools.partial(armlet.build, name))
                body += rows(name, measure(network, engines(network, Path(folder, name)), rounds))
    except ArmletError as error:
        raise click.ClickException(str(error)) from error
    packages = ", ".join(peer.wheels[0].replace("==", " ") for peer in PEERS)
    made_of = f"{packages}; {find_core('host').llvm_cpu}, {rounds} rounds of {RUNS_A_TURN} runs."
    head = ["network", "engine", "median, ms", "fastest", "armlet over it", "fastest", "error of the output"]
    write_section(output, "host", f"{made_of}\n\n{table(head, body)}")
    click.echo(f"written to {output}")


if __name__ == "__main__":
    main()
