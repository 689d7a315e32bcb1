"""Make symbols of an object file local, so that two such objects can be linked into one program.

As `objcopy --keep-global-symbol` does, which Zig, the toolchain that needs no root to install, has not.
"""

import struct
from collections.abc import Collection
from io import BytesIO
from pathlib import Path

from elftools.elf.elffile import ELFFile

# Elf64_Sym: the upper half of byte 4 is the binding, 0 if local. Elf64_Rela: bytes 12 to 15 are the symbol's
# number. Elf64_Shdr: bytes 44 to 47 of a symbol table's are the number of its first global symbol.
BINDING, SYMBOL_NUMBER, FIRST_GLOBAL = 4, 12, 44


def localize(path: Path, keep: Collection[str]) -> None:
    """Make all that the little-endian 64-bit object at `path` defines local, but for the symbols in `keep`.

    Local symbols come first in an ELF file: they are sorted, and relocations numbered anew.
    """
    data = bytearray(path.read_bytes())
    elf = ELFFile(BytesIO(data))
    table = elf.get_section_by_name(".symtab")
    start, size = table["sh_offset"], table["sh_entsize"]

    is_global = [
        symbol["st_info"]["bind"] != "STB_LOCAL"
        and (symbol["st_shndx"] == "SHN_UNDEF" or symbol.name in keep)
        for symbol in table.iter_symbols()
    ]
    order = sorted(range(len(is_global)), key=is_global.__getitem__)
    entries = [data[start + number * size : start + (number + 1) * size] for number in order]
    for number, entry in zip(order, entries, strict=True):
        if not is_global[number]:
            entry[BINDING] &= 0xF
    data[start : start + size * len(order)] = b"".join(entries)
    header = elf["e_shoff"] + elf.get_section_index(".symtab") * elf["e_shentsize"]
    struct.pack_into("<I", data, header + FIRST_GLOBAL, is_global.count(False))

    renumbered = {old: new for new, old in enumerate(order)}
    for section in elf.iter_sections():
        if section["sh_type"] == "SHT_RELA":
            first, end = section["sh_offset"], section["sh_offset"] + section["sh_size"]
            for at in range(first + SYMBOL_NUMBER, end, section["sh_entsize"]):
                (old,) = struct.unpack_from("<I", data, at)
                struct.pack_into("<I", data, at, renumbered[old])
    path.write_bytes(data)
