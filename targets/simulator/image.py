"""A library as it lies in memory: segments in their places, relocations applied, functions found."""

from dataclasses import dataclass
from pathlib import Path

from elftools.elf.constants import P_FLAGS
from elftools.elf.dynamic import DynamicSegment
from elftools.elf.elffile import ELFFile
from elftools.elf.enums import ENUM_RELOC_TYPE_AARCH64 as RELOCATIONS
from elftools.elf.sections import Symbol

from ...errors import InvalidArtifactError
from ..elf import check_machine

# Where every library begins, and where there is nothing but addresses that stand for what one imports.
BASE, IMPORTS = 0x1_0000_0000, 0x2_0000_0000
POINTER_BYTES = 8
TO_THE_LIBRARY = RELOCATIONS["R_AARCH64_RELATIVE"]
TO_A_SYMBOL = [RELOCATIONS[f"R_AARCH64_{name}"] for name in ("ABS64", "GLOB_DAT", "JUMP_SLOT")]


@dataclass(frozen=True)
class Segment:
    """`size` bytes from `address` on: `contents`, then zeros."""

    address: int
    size: int
    contents: bytes
    writable: bool = False


@dataclass(frozen=True)
class Image:
    """The library `name` from BASE on.

    `functions` are its own, by name, those that it does not export too; `imports` are the symbols that it
    leaves to other libraries, by the address that stands for each.
    """

    name: str
    segments: tuple[Segment, ...]
    functions: dict[str, int]
    imports: dict[int, str]

    def function_at(self, address: int) -> str:
        """The function that begins at `address` or before it."""
        return max((start, name) for name, start in self.functions.items() if start <= address)[1]


def load(library: Path) -> Image:
    """The ARM64 `library` in memory.

    Raises InvalidArtifactError if it is for another machine, or has relocations other than plain pointers.
    """
    check_machine(library, "aarch64", "the counter")
    with library.open("rb") as file:
        elf = ELFFile(file)
        symbols = list(elf.get_section_by_name(".dynsym").iter_symbols())
        missing = [symbol.name for symbol in symbols if symbol.name and symbol["st_shndx"] == "SHN_UNDEF"]
        imports = {IMPORTS + POINTER_BYTES * number: name for number, name in enumerate(missing)}
        pointers = _pointers(elf, library.name, symbols, imports)
        return Image(library.name, _segments(elf, pointers), _functions(elf), imports)


def _pointers(elf: ELFFile, name: str, symbols: list[Symbol], imports: dict[int, str]) -> dict[int, int]:
    """What the relocations want written: the address that goes to each offset."""
    imported = {symbol: address for address, symbol in imports.items()}
    pointers = {}
    dynamic = next(segment for segment in elf.iter_segments() if isinstance(segment, DynamicSegment))
    for table in dynamic.get_relocation_tables().values():
        for relocation in table.iter_relocations():
            symbol = symbols[relocation["r_info_sym"]]
            if relocation["r_info_type"] == TO_THE_LIBRARY:
                target = BASE
            elif relocation["r_info_type"] in TO_A_SYMBOL:
                target = imported.get(symbol.name) or BASE + symbol["st_value"]
            else:
                raise InvalidArtifactError(
                    f"{name} has a relocation of type {relocation['r_info_type']}, expected plain pointers: "
                    "link it without thread-local variables and indirect functions"
                )
            pointers[relocation["r_offset"]] = target + relocation["r_addend"]
    return pointers


def _segments(elf: ELFFile, pointers: dict[int, int]) -> tuple[Segment, ...]:
    segments = []
    for part in elf.iter_segments("PT_LOAD"):
        start, contents = part["p_vaddr"], bytearray(part.data())
        for offset, target in pointers.items():
            if start <= offset < start + len(contents):
                pointer = target.to_bytes(POINTER_BYTES, "little")
                contents[offset - start : offset - start + POINTER_BYTES] = pointer
        writable = bool(part["p_flags"] & P_FLAGS.PF_W)
        segments.append(Segment(BASE + start, part["p_memsz"], bytes(contents), writable))
    return tuple(segments)


def _functions(elf: ELFFile) -> dict[str, int]:
    table = elf.get_section_by_name(".symtab") or elf.get_section_by_name(".dynsym")
    return {
        symbol.name: BASE + symbol["st_value"]
        for symbol in table.iter_symbols()
        if symbol["st_info"]["type"] == "STT_FUNC" and symbol["st_shndx"] != "SHN_UNDEF"
    }
