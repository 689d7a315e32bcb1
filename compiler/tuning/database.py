"""What was measured, in a file that can be kept in git: a record a line, as JSON, sorted.

Lines of two files can be put together by any means, git's merge among them: of records of the same trial the
cheapest counts. While a run goes on lines are only added, each by one write, so that whatever ends it loses
nothing that was measured; a line that was cut short is no record.
"""

import json
import os
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

from ...errors import InvalidArtifactError, UsageError
from ...files import written_beside
from ..kernels import TEMPLATES

VERSION = 1
# The best of what `python -m armlet.benchmarks.defaults` has measured.
SHIPPED = Path(__file__).with_name("records.jsonl")


# Added to the device: measured in the network with the best of its other kernels.
AMONG_THE_BEST = ", among the best"


class Trial(NamedTuple):
    """What is measured: parameters, as JSON, of a template for a workload on a core, and by what.

    `device` is a device and what else the cost depends on, such as "sim:cortex-a76, yardstick 1".
    """

    kernel: str
    shape: str
    core: str
    precision: str
    template: int
    parameters: str
    device: str

    @property
    def among_the_best(self) -> "Trial":
        """The same, measured in the network as it is tuned."""
        return self._replace(device=self.device + AMONG_THE_BEST)


class Record(NamedTuple):
    """What a trial cost: modelled cycles of a simulated core, nanoseconds of a real device."""

    trial: Trial
    cost: float

    @property
    def line(self) -> str:
        """As it stands in a file."""
        fields: dict[str, Any] = self.trial._asdict()
        fields |= {"version": VERSION, "cost": self.cost, "parameters": json.loads(self.trial.parameters)}
        return json.dumps(fields, sort_keys=True) + "\n"

    @classmethod
    def read(cls, line: str) -> "Record":
        """The record in a `line`; raises ValueError, KeyError or TypeError if there is none."""
        fields = json.loads(line)
        if fields["version"] != VERSION:
            raise ValueError(f"a record of version {fields['version']}, expected {VERSION}")
        template = TEMPLATES.get(fields["kernel"])
        if template and template.version == fields["template"]:
            template.read(fields["parameters"])
        fields["parameters"] = parameters_json(fields["parameters"])
        return cls(Trial(*(fields[name] for name in Trial._fields)), float(fields["cost"]))


def parameters_json(fields: dict[str, Any]) -> str:
    """Parameters as they stand in a trial."""
    return json.dumps(fields, sort_keys=True)


class Database:
    """The records of a file, or of none yet."""

    def __init__(self, path: Path, records: Iterable[Record] = ()):
        self.path = path
        self._records: dict[Trial, Record] = {}
        self.keep(records)

    @classmethod
    def open(cls, path: Path) -> "Database":
        """The records in the file `path`, if it is there.

        A last line without its end was being written when a run was killed: it is left out. Raises
        InvalidArtifactError, naming the line, if anything else is no record, UsageError if the file cannot be
        read.
        """
        if not path.exists():
            return cls(path)
        try:
            content = path.read_bytes()
        except OSError as error:
            raise UsageError(f"cannot read the database {path}: {error.strerror or error}") from error
        *lines, _ = content.decode(errors="replace").split("\n")
        return cls(path, (_read(path, number, line) for number, line in enumerate(lines, 1)))

    def __iter__(self) -> Iterator[Record]:
        return iter(sorted(self._records.values()))

    def __contains__(self, trial: Trial) -> bool:
        return trial in self._records

    def record(self, trial: Trial) -> Record | None:
        """What `trial` cost, if it is known."""
        return self._records.get(trial)

    def keep(self, records: Iterable[Record]) -> None:
        """Keep `records`; `tidy` writes them."""
        for record in records:
            known = self._records.get(record.trial)
            if known is None or record.cost < known.cost:
                self._records[record.trial] = record

    def add(self, records: Iterable[Record]) -> None:
        """Keep `records`, and write them behind the file's others."""
        records = [*records]
        self.path.parent.mkdir(parents=True, exist_ok=True)
        with self.path.open("ab+", buffering=0) as file:
            file.seek(0)
            content = file.read()
            # What a killed run left of a line must not spoil the next.
            file.truncate(content.rfind(b"\n") + 1)
            file.write("".join(record.line for record in records).encode())
            os.fsync(file.fileno())
        self.keep(records)

    def forget(self, trials: Iterable[Trial]) -> None:
        """Let go of what `trials` cost, in the file as well."""
        if [trial for trial in trials if self._records.pop(trial, None)]:
            self.tidy()

    def tidy(self) -> None:
        """Write the file anew: sorted, each trial once."""
        with written_beside(self.path, force=True) as draft:
            draft.write_text("".join(record.line for record in self))


def known_records(path: Path | None) -> list[Record]:
    """The records that armlet ships, and those of the file `path`; raises UsageError if it is not there."""
    if path and not path.exists():
        raise UsageError(f"there is no database {path}: `armlet tune` makes one")
    return [*Database.open(SHIPPED), *(Database.open(path) if path else ())]


def _read(path: Path, number: int, line: str) -> Record:
    try:
        return Record.read(line)
    except (ValueError, KeyError, TypeError) as error:
        reason = f"no {error}" if isinstance(error, KeyError) else error
        raise InvalidArtifactError(
            f"{path}, line {number}: expected a tuning record, found {line[:40]!r} ({reason}): remove it"
        ) from error
