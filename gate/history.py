"""How the cycles of artifacts went, commit by commit: the baseline as git has it."""

import shutil
import subprocess
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from ..errors import InvalidBaselineError
from .baseline import parse_baseline

MOST_COMMITS = 200


@dataclass(frozen=True)
class Point:
    """A commit that changed the baseline, and the modelled cycles of each artifact in it."""

    commit: str
    date: str
    subject: str
    cycles: Mapping[str, int]


def history(baseline: Path) -> list[Point]:
    """The commits that changed `baseline`, the oldest first; none if it is not in git, or git is not there.

    What was there before it had today's format is left out.
    """
    if not shutil.which("git") or not baseline.parent.is_dir():
        return []
    log = _git(baseline, "log", f"-{MOST_COMMITS}", "--format=%h%x09%cs%x09%s", "--", baseline.name)
    return list(_points(baseline, log.splitlines()))[::-1]


def _points(baseline: Path, commits: list[str]) -> Iterator[Point]:
    for line in commits:
        commit, date, subject = line.split("\t", 2)
        text = _git(baseline, "show", f"{commit}:./{baseline.name}")
        try:
            entries = parse_baseline(text, baseline.name)
        except InvalidBaselineError:
            continue
        yield Point(commit, date, subject, {key: figures.cycles for key, figures in entries.items()})


def _git(baseline: Path, *arguments: str) -> str:
    """What git says in the folder of `baseline`; nothing where that is not of a repository."""
    command = ["git", "-C", str(baseline.parent), *arguments]
    return subprocess.run(command, capture_output=True, text=True).stdout
