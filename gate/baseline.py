"""The baseline: a JSON file, made to live in git, with the figures that artifacts had when it was written.

An artifact is known by the name of its C library, its target and its precision. A kernel is a line, and keys
are sorted: a diff shows which kernels have changed.
"""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ..artifact import Artifact
from ..errors import InvalidBaselineError, UsageError
from ..files import written_beside
from .figures import Figures

FORMAT = 1
# Of the file, its artifacts, one of them, its kernels: what is deeper stands in one line.
OPEN_LEVELS = 4


def key_of(artifact: Artifact) -> str:
    """The name of `artifact` in a baseline: NAME/TARGET/PRECISION."""
    manifest = artifact.manifest
    return f"{manifest['c_library']['name']}/{manifest['target']['core']}/{manifest['precision']}"


def read_baseline(path: Path) -> dict[str, Figures]:
    """The figures in the baseline at `path`, by artifact; raises InvalidBaselineError, or UsageError."""
    if path.is_dir():
        raise UsageError(f"{path} is a folder, expected the name of a baseline: choose another")
    if not path.is_file():
        raise InvalidBaselineError(f"there is no baseline at {path}: make it with --update")
    return parse_baseline(path.read_bytes(), str(path))


def parse_baseline(text: bytes | str, name: str) -> dict[str, Figures]:
    """The figures in the text of a baseline, which errors call `name`; raises InvalidBaselineError."""
    damaged = f"{name} is no baseline, or damaged: restore it from git, or make it again with --update"
    try:
        content = json.loads(text)
        if content["format"] != FORMAT:
            raise InvalidBaselineError(
                f"{name} has the format {content['format']}, expected {FORMAT}: make it again with --update"
            )
        return {key: Figures.from_json(entry) for key, entry in content["artifacts"].items()}
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise InvalidBaselineError(damaged) from error


def write_baseline(path: Path, artifacts: Mapping[str, Figures]) -> None:
    """Write the baseline at `path` in place of what is there; raises ArmletError if it cannot be written."""
    content = {"format": FORMAT, "artifacts": {key: figures.to_json() for key, figures in artifacts.items()}}
    with written_beside(path, force=True) as draft:
        draft.write_text(_text(content, OPEN_LEVELS) + "\n")


def _text(value: Any, levels: int, margin: str = "") -> str:
    """`value` as JSON with sorted keys, the outer `levels` with an item a line."""
    if not levels or not value or not isinstance(value, dict | list):
        return json.dumps(value, sort_keys=True, allow_nan=False)
    inner = margin + "  "
    if isinstance(value, dict):
        items = [f"{json.dumps(key)}: {_text(value[key], levels - 1, inner)}" for key in sorted(value)]
    else:
        items = [_text(item, levels - 1, inner) for item in value]
    start, end = "{}" if isinstance(value, dict) else "[]"
    return f"{start}\n{inner}" + f",\n{inner}".join(items) + f"\n{margin}{end}"
