"""The artifact: a folder that `compile` writes and every other command reads.

model.onnx      the optimised network
model.so        the compiled network, for TVM's runtime
c/              the same as a C library: libNAME.a, libNAME.so, NAME.h, an example, a benchmark
sample/         an input and the output expected for it; of labels, how clear each is
manifest.json   what all of it is, with the SHA-256 of each file: the same bytes for the same inputs
report.json     what compiling it showed: rewrites, errors, times; not hashed
"""

import json
from dataclasses import dataclass
from functools import cached_property
from importlib import metadata
from pathlib import Path
from typing import Any

import numpy as np

from .errors import InvalidArtifactError, UsageError
from .files import sha256

FORMAT = 6
MANIFEST = "manifest.json"
REPORT = "report.json"
MODEL = "model.onnx"
LIBRARY = "model.so"
C_LIBRARY = "c"
# The family, in the kernel table, of what TVM made of operations that armlet has no kernel for.
TVM_FAMILY = "tvm"
SAMPLE_INPUT, SAMPLE_OUTPUT = "sample/input.npy", "sample/output.npy"
SAMPLE_MARGIN = "sample/margin.npy"

# What every manifest says, and of which type.
REQUIRED: dict[str, type] = {
    "files": dict,
    "pins": dict,
    "target": dict,
    "source": dict,
    "inputs": list,
    "outputs": list,
    "kernels": list,
    "fused": dict,
    "tuning": dict,
    "fallbacks": list,
    "weights_bytes": int,
    "tolerance": float,
    "layout": str,
}
OPTIONAL = ("labels", "preprocessing")


def installed_pins() -> dict[str, str]:
    """The versions of TVM and its FFI here: an artifact runs only on those it was compiled with."""
    return {name: metadata.version(name) for name in ("apache-tvm", "apache-tvm-ffi")}


def write_json(path: Path, content: Any) -> None:
    """Write `content` in a form that is the same for the same content, and readable in a diff.

    Raises ValueError for NaN and infinity, which JSON has no words for.
    """
    path.write_text(json.dumps(content, indent=2, sort_keys=True, allow_nan=False) + "\n")


def seal(folder: Path, manifest: dict[str, Any]) -> dict[str, Any]:
    """Write the manifest of the artifact in `folder`, with the hashes of the files there, and return it."""
    hashed = (path for path in sorted(folder.rglob("*")) if path.is_file() and path.name != REPORT)
    files = {path.relative_to(folder).as_posix(): sha256(path) for path in hashed}
    sealed = {"format": FORMAT, "files": files, **manifest}
    write_json(folder / MANIFEST, sealed)
    return sealed


@dataclass(frozen=True)
class Artifact:
    """An artifact whose files are as they were made."""

    folder: Path
    manifest: dict[str, Any]

    @classmethod
    def open(cls, folder: Path) -> "Artifact":
        """Read the artifact in `folder` and check every hash.

        Raises UsageError if there is no such folder, InvalidArtifactError if it is not an artifact or a
        file of it was changed or lost.
        """
        if not folder.is_dir():
            raise UsageError(f"no artifact at {folder}: make one with armlet compile")
        manifest = _read_manifest(folder)
        for name, expected in manifest["files"].items():
            path = folder / name
            if not path.is_file() or sha256(path) != expected:
                state = "has changed since" if path.is_file() else "is gone, which was there when"
                raise InvalidArtifactError(f"{path} {state} the artifact was made: compile it again")
        return cls(folder, manifest)

    @property
    def library(self) -> Path:
        """The module for TVM's runtime."""
        return self.folder / LIBRARY

    @property
    def model(self) -> Path:
        """The optimised ONNX network."""
        return self.folder / MODEL

    @cached_property
    def report(self) -> dict[str, Any]:
        """What compiling it showed; raises InvalidArtifactError if that is lost."""
        try:
            report = json.loads((self.folder / REPORT).read_bytes())
        except (OSError, ValueError):
            report = None
        if not isinstance(report, dict):
            raise InvalidArtifactError(f"{self.folder}: its {REPORT} is missing or damaged: compile it again")
        return report

    @cached_property
    def sample(self) -> tuple[np.ndarray, np.ndarray]:
        """An input, and the first output that ONNX Runtime computed for it."""
        return np.load(self.folder / SAMPLE_INPUT), np.load(self.folder / SAMPLE_OUTPUT)

    @property
    def sample_margins(self) -> list[np.ndarray | None]:
        """Where the sample's output is labels, how clear each is (`passes/labels.py`)."""
        file = self.folder / SAMPLE_MARGIN
        return [np.load(file) if SAMPLE_MARGIN in self.manifest["files"] else None]

    @property
    def sizes(self) -> dict[str, int]:
        """The size of each file in bytes."""
        files = sorted(path for path in self.folder.rglob("*") if path.is_file())
        return {path.relative_to(self.folder).as_posix(): path.stat().st_size for path in files}

    @property
    def memory(self) -> dict[str, int]:
        """Bytes of the workspace, the least of any plan for it, the weights, the C library with these."""
        arena, name = self.manifest["arena"], self.manifest["c_library"]["name"]
        return {
            "workspace_bytes": arena["bytes"],
            "workspace_lower_bound_bytes": arena["lower_bound_bytes"],
            "weights_bytes": self.manifest["weights_bytes"],
            "library_bytes": self.sizes[f"{C_LIBRARY}/lib{name}.so"],
        }


def _read_manifest(folder: Path) -> dict[str, Any]:
    """The manifest in `folder`, with everything that it must say; raises InvalidArtifactError."""
    damaged = f"{folder} is not an artifact: its {MANIFEST} is missing or damaged; compile it again"
    try:
        manifest = json.loads((folder / MANIFEST).read_bytes())
    except (OSError, ValueError) as error:
        raise InvalidArtifactError(damaged) from error
    if not isinstance(manifest, dict):
        raise InvalidArtifactError(damaged)
    if manifest.get("format") != FORMAT:
        found = manifest.get("format", "none")
        raise InvalidArtifactError(f"{folder} has the format {found}, expected {FORMAT}: compile it again")
    whole = all(isinstance(manifest.get(key), kind) for key, kind in REQUIRED.items())
    if not whole or not {MODEL, LIBRARY} <= manifest["files"].keys() or not manifest.keys() >= {*OPTIONAL}:
        raise InvalidArtifactError(damaged)
    return manifest
