"""One inference of a compiled network, counted by whichever of the two counters this machine has, once."""

from pathlib import Path

import numpy as np

from ...cache import cache_folder, content_key
from ...files import written_beside
from ..cores import Core
from ..qemu import can_count, find_qemu, qemu_version
from .counting import count_under_qemu, qemu_identity
from .freestanding import UNICORN_VERSION, count_in_unicorn, unicorn_identity
from .trace import Trace


def count_network(library: Path, image: np.ndarray, core: Core) -> Trace:
    """Count one inference of the network in `library`.

    Counted is the library's own code, at addresses relative to it: under qemu where that takes plugins, since
    it is faster, else in unicorn. What was counted once is read from the cache. Raises ArmletError if a
    toolchain is missing, InvalidArtifactError if the network crashes.
    """
    under_qemu = can_count()
    identity = qemu_identity(core) if under_qemu else unicorn_identity(core)
    cached = cache_folder("simulator", "traces") / content_key(library, image.tobytes(), *identity)
    if cached.exists():
        return Trace.parse(cached.read_text())
    trace = (count_under_qemu if under_qemu else count_in_unicorn)(library, image, core)
    with written_beside(cached, force=True) as draft:
        draft.write_text(trace.text())
    return trace


def counter() -> tuple[str, str]:
    """What counts networks on this machine, and its version."""
    qemu = find_qemu()
    return ("qemu", qemu_version(qemu)) if qemu and can_count() else ("unicorn", UNICORN_VERSION)
