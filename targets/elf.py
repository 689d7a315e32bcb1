"""What a program or shared library asks of the process that loads it, read from its ELF file."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from elftools.common.exceptions import ELFError
from elftools.elf.dynamic import DynamicSegment
from elftools.elf.elffile import ELFFile
from elftools.elf.sections import SymbolTableSection

from ..errors import InvalidArtifactError

MACHINES = {"EM_X86_64": "x86_64", "EM_AARCH64": "aarch64"}


@dataclass(frozen=True)
class Needs:
    """The machine it is for, libraries it loads, symbols that others must define, page size in bytes."""

    machine: str
    libraries: tuple[str, ...]
    undefined: tuple[str, ...]
    page_size: int


def read_needs(path: Path) -> Needs:
    """Read the file at `path`; raises InvalidArtifactError unless it is whole, dynamic, ARM64 or x86-64."""
    try:
        with path.open("rb") as file:
            return _read(ELFFile(file))
    except OSError as error:
        raise InvalidArtifactError(f"cannot read {path}: {error.strerror}") from error
    # What pyelftools runs into depends on where the file breaks off.
    except (ELFError, KeyError, ValueError, StopIteration, AttributeError, TypeError) as error:
        raise InvalidArtifactError(f"{path} is not a whole library for ARM64 or x86-64") from error


def undefined_symbols(path: Path) -> list[str]:
    """What the object file at `path` leaves to others to define."""
    with path.open("rb") as file:
        symbols = ELFFile(file).get_section_by_name(".symtab").iter_symbols()
        return [symbol.name for symbol in symbols if symbol.name and symbol["st_shndx"] == "SHN_UNDEF"]


def read_signature(path: Path) -> dict[str, Any]:
    """What the network in the library at `path` takes: shapes and types of `inputs` and `outputs`, memory.

    Raises InvalidArtifactError if it holds none.
    """
    read_needs(path)
    with path.open("rb") as file:
        section = ELFFile(file).get_section_by_name(".armlet")
        if section is None:
            raise InvalidArtifactError(f"{path} holds no network: compile one with armlet compile")
        signature: dict[str, Any] = json.loads(section.data().rstrip(b"\0"))
    return signature


def check_machine(path: Path, machine: str | None, device: str) -> None:
    """Raise InvalidArtifactError unless the library at `path` is for what `device` is; None: not known."""
    found = read_needs(path).machine
    if machine not in (None, found):
        raise InvalidArtifactError(
            f"{path} is for {found}, {device} is {machine}: compile it for a core of that kind, or choose "
            "another device"
        )


def _read(file: ELFFile) -> Needs:
    dynamic = next(segment for segment in file.iter_segments() if isinstance(segment, DynamicSegment))
    symbols = file.get_section_by_name(".dynsym")
    if not isinstance(symbols, SymbolTableSection):
        raise ValueError("no dynamic symbols")
    undefined = {symbol.name for symbol in symbols.iter_symbols() if symbol["st_shndx"] == "SHN_UNDEF"}
    return Needs(
        machine=MACHINES[file["e_machine"]],
        libraries=tuple(tag.needed for tag in dynamic.iter_tags("DT_NEEDED")),
        undefined=tuple(sorted(undefined - {""})),
        page_size=min(segment["p_align"] for segment in file.iter_segments("PT_LOAD")),
    )
