"""Marks one inference for the counter, after others to warm up. Runs on the emulated core."""

import ctypes
from collections.abc import Callable
from pathlib import Path

WARM_UPS = 3
BEGIN, END = -777, -778


def repeat(infer: Callable[[], object]) -> None:
    """Call `infer`: the last call is the one that is counted. Prints which core this claims to be."""
    print(Path("/proc/cpuinfo").read_text())
    libc = ctypes.CDLL(None)
    for _ in range(WARM_UPS):
        infer()
    libc.close(BEGIN)
    infer()
    libc.close(END)
