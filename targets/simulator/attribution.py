"""Which kernel of a library an address belongs to, by the library's symbol table."""

from bisect import bisect_right
from pathlib import Path

from elftools.elf.elffile import ELFFile

NO_FUNCTION = "between functions"


class Symbols:
    """The functions of a library, by address."""

    def __init__(self, library: Path):
        with library.open("rb") as file:
            table = ELFFile(file).get_section_by_name(".symtab")
            functions = [
                s for s in table.iter_symbols() if s["st_info"]["type"] == "STT_FUNC" and s["st_size"]
            ]
        self._spans = sorted((s["st_value"], s["st_value"] + s["st_size"], s.name) for s in functions)
        self._starts = [start for start, _, _ in self._spans]

    def kernel_at(self, address: int) -> str:
        """The kernel, or function, at an address relative to the library; NO_FUNCTION if there is none."""
        index = bisect_right(self._starts, address) - 1
        if index < 0 or address >= self._spans[index][1]:
            return NO_FUNCTION
        return self._spans[index][2]
