"""How near the default parameters of each template are to the best of its candidates; the records shipped.

Run it as `python -m armlet.benchmarks.defaults [NETWORK ...]`. Every network is tuned for every core; it goes
on where it was ended. It writes tables in docs/performance.md and, if all networks were tuned, the best
record of each kernel to the file that armlet ships. About half an hour on two cores for all.
"""

import os
import sys
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import dataclass
from multiprocessing import get_context

import armlet
from armlet.cache import cache_folder
from armlet.compiler import tune_model
from armlet.compiler.precision import Precision
from armlet.compiler.tuning import SHIPPED, Database, Record, Trial, Tuning
from armlet.console import progress_bar
from armlet.targets import find_core, open_device

from .document import PERFORMANCE, table, write_section

NETWORKS = ("mobilenet_v3_large", "mobilenet_v3_small", "mobilenet_v2")
CORES = ("cortex-a53", "cortex-a55", "cortex-a72", "cortex-a76")


@dataclass(frozen=True)
class Job:
    """A network to be tuned for a core."""

    network: str
    core: str
    precision: Precision

    def run(self) -> Tuning:
        """Tune it; what is known already is not measured again."""
        database = cache_folder("tuning") / f"{self.network}-{self.core}-{self.precision}.jsonl"
        model, core = armlet.build(self.network), find_core(self.core)
        return tune_model(model, core, open_device(f"sim:{self.core}"), database, precision=self.precision)


def jobs(networks: Sequence[str] = NETWORKS) -> list[Job]:
    """Half precision where the core computes in it."""
    precisions: tuple[Precision, ...] = ("fp32", "fp16")
    return [
        Job(network, core, precision)
        for network in networks
        for precision in precisions
        for core in CORES
        if precision == "fp32" or find_core(core).has_half
    ]


def templates(tunings: Iterable[Tuning]) -> Iterator[tuple[str, str, str, str]]:
    """For each template: its name, its kernels, the defaults' cycles over the best's, the worst kernel's."""
    costs: defaultdict[str, list[tuple[float, float]]] = defaultdict(list)
    for tuning in tunings:
        for task in tuning.tasks:
            default, best = (
                record(tuning, trial).cost for trial in (task.trials[0], task.best(tuning.database))
            )
            costs[task.kernel].append((default, best))
    for name, pairs in sorted(costs.items()):
        default_cost, best_cost = map(sum, zip(*pairs, strict=True))
        worst = max(first / least for first, least in pairs)
        yield name, str(len(pairs)), f"{default_cost / best_cost:.3f}", f"{worst:.2f}"


def record(tuning: Tuning, trial: Trial) -> Record:
    """What is known of a trial: after a whole run, of each."""
    found = tuning.database.record(trial)
    assert found
    return found


def whole(done: dict[Job, Tuning]) -> Iterator[tuple[str, ...]]:
    """A row for each network and precision: default and tuned, by core."""
    for network, precision in sorted({(job.network, job.precision) for job in done}, reverse=True):
        tunings = [done.get(Job(network, core, precision)) for core in CORES]
        cells = [
            f"{each.default_cost / 1e6:.2f} to {each.tuned_cost / 1e6:.2f}" if each else "-"
            for each in tunings
        ]
        yield network, precision, *cells


def ship(tunings: Iterable[Tuning]) -> None:
    """Write the best record of each kernel to the file that armlet ships."""
    shipped = Database(SHIPPED)
    for tuning in tunings:
        best = [task.best(tuning.database) for task in tuning.tasks]
        shipped.keep(tuning.database.record(trial.among_the_best) or record(tuning, trial) for trial in best)
    shipped.tidy()


def report(done: dict[Job, Tuning]) -> str:
    """Both tables."""
    rows: list[Sequence[str]] = []
    for precision, core in sorted({(job.precision, job.core) for job in done}, reverse=True):
        of_core = [done[job] for job in done if (job.precision, job.core) == (precision, core)]
        rows += [(core, precision, *row) for row in templates(of_core)]
    head = ("core", "precision", "template", "kernels", "default / best", "worst kernel")
    of_networks = table(("network", "precision", *CORES), [*whole(done)])
    return f"{of_networks}\n\n{table(head, rows)}"


def main(networks: Sequence[str]) -> None:
    """Tune, and write."""
    done: dict[Job, Tuning] = {}
    # A process for each processor: TVM does not outlive a fork.
    pool = ProcessPoolExecutor(os.cpu_count(), mp_context=get_context("spawn"))
    with pool, progress_bar("tuning") as progress:
        futures = {pool.submit(job.run): job for job in jobs(networks)}
        for future in as_completed(futures):
            job = futures[future]
            done[job] = future.result()
            progress(f"{job.network}, {job.core}, {job.precision}", len(done) / len(futures))
    if done.keys() == {*jobs()}:
        ship(done.values())
    write_section(PERFORMANCE, "defaults", report(done))


if __name__ == "__main__":
    main(sys.argv[1:] or NETWORKS)
