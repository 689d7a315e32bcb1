"""Work side by side, for what goes on without Python's lock: LLVM, ONNX Runtime, an emulated phone."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from os import cpu_count


@contextmanager
def side_by_side(threads: int | None = None) -> Iterator[ThreadPoolExecutor]:
    """A pool of so many threads, or as many as there are processors; the block has to take the results.

    If it fails or is interrupted, what has not begun never does, and what has is not waited for: none of it
    can be stopped. It must leave nothing behind if the process ends in the middle of it.
    """
    pool = ThreadPoolExecutor(threads or cpu_count())
    try:
        yield pool
    finally:
        pool.shutdown(wait=False, cancel_futures=True)
