"""A function of this machine's own instructions, called on arrays that end where a page does."""

import ctypes
import mmap
from pathlib import Path

import numpy as np

PAGE = mmap.PAGESIZE


def call_natively(library: Path, function: str, arrays: list[np.ndarray]) -> None:
    """Call `function` of `library` on `arrays`, which hold afterwards what it wrote.

    Each lies before a page that is not there and, where it fills whole pages, behind one: what the function
    touches there ends the process.
    """
    libc = ctypes.CDLL(None, use_errno=True)
    maps, copies = [], []
    for array in arrays:
        size = -(-array.nbytes // PAGE) * PAGE
        mapped = mmap.mmap(-1, size + 2 * PAGE)
        maps.append(mapped)
        copies.append(np.frombuffer(mapped, array.dtype, array.size, PAGE + size - array.nbytes))
        copies[-1][:] = array.ravel()
        start = ctypes.addressof(ctypes.c_char.from_buffer(mapped))
        for guard in (start, start + PAGE + size):
            assert libc.mprotect(ctypes.c_void_p(guard), ctypes.c_size_t(PAGE), 0) == 0
    pointers = [ctypes.c_void_p(copy.ctypes.data) for copy in copies]
    getattr(ctypes.CDLL(str(library)), function)(*pointers)
    for array, copy in zip(arrays, copies, strict=True):
        array[...] = copy.reshape(array.shape)
