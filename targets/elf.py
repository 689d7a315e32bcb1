"""What a shared library asks of the process that loads it, read from its ELF file (64-bit, little-endian)."""

import struct
from dataclasses import dataclass
from pathlib import Path

from ..errors import InvalidArtifactError

PT_LOAD, PT_DYNAMIC = 1, 2
DT_NULL, DT_NEEDED, DT_STRTAB, DT_SYMTAB = 0, 1, 5, 6
SHT_DYNSYM = 11
MACHINES = {62: "x86_64", 183: "aarch64"}


@dataclass(frozen=True)
class SharedLibrary:
    """The needs of a shared library: other libraries, symbols that others must define, pages (bytes)."""

    machine: str
    needed: tuple[str, ...]
    undefined: tuple[str, ...]
    page_size: int


def read_shared_library(path: Path) -> SharedLibrary:
    """Read `path`; raises InvalidArtifactError unless it is a whole shared library for ARM64 or x86-64."""
    content = path.read_bytes()
    try:
        return _parse(content)
    except (struct.error, KeyError, ValueError, StopIteration) as error:
        raise InvalidArtifactError(f"{path} is not a whole shared library for ARM64 or x86-64") from error


def _parse(content: bytes) -> SharedLibrary:
    magic, kind, machine = struct.unpack_from("<6s10xHH", content)
    if magic != b"\x7fELF\x02\x01" or kind != 3:
        raise ValueError("not a shared library")
    program_headers, section_headers = struct.unpack_from("<QQ", content, 32)
    _, program_count, section_size, section_count = struct.unpack_from("<4H", content, 54)

    segments = [struct.unpack_from("<II6Q", content, program_headers + 56 * n) for n in range(program_count)]
    loads = [segment for segment in segments if segment[0] == PT_LOAD]

    def offset_of(address: int) -> int:
        for _, _, offset, start, _, in_file, _, _ in loads:
            if start <= address < start + in_file:
                return offset + address - start
        raise ValueError("an address outside the file")

    dynamic = []
    for segment in segments:
        if segment[0] == PT_DYNAMIC:
            entries = struct.iter_unpack("<qQ", content[segment[2] : segment[2] + segment[5]])
            dynamic = [entry for entry in entries if entry[0] != DT_NULL]
    tables = dict(dynamic)
    strings, symbols = offset_of(tables[DT_STRTAB]), offset_of(tables[DT_SYMTAB])

    def string(offset: int) -> str:
        return content[strings + offset : content.index(b"\0", strings + offset)].decode()

    # Only the section header tells how many dynamic symbols there are.
    sections = [
        struct.unpack_from("<II4Q", content, section_headers + section_size * n) for n in range(section_count)
    ]
    size = next(section[5] for section in sections if section[1] == SHT_DYNSYM)
    table = struct.iter_unpack("<IBBHQQ", content[symbols : symbols + size])
    return SharedLibrary(
        machine=MACHINES[machine],
        needed=tuple(string(value) for tag, value in dynamic if tag == DT_NEEDED),
        undefined=tuple(sorted(string(name) for name, _, _, section, _, _ in table if name and not section)),
        page_size=min(load[7] for load in loads),
    )
