"""The mean over a map, added up by the kernel that computes the map: nobody has to read it again."""

from dataclasses import dataclass, replace

from tvm import tirx
from tvm.tirx.script import builder as T

from .vectors import Index, Vector


@dataclass(frozen=True)
class MapMean:
    """The means [C] over a map of so many `pixels`, summed in the type of `buffer`."""

    buffer: tirx.Buffer
    pixels: int

    @classmethod
    def begun(cls, buffer: tirx.Buffer | None, pixels: int) -> "MapMean | None":
        """The means in `buffer`, nothing added yet; None without one."""
        if buffer is None:
            return None
        with T.serial(int(buffer.shape[0])) as channel:
            T.buffer_store(buffer, tirx.const(0, buffer.dtype), [channel])
        return cls(buffer, pixels)

    def add(self, vector: Vector, channel: Index, total: tirx.Expr) -> None:
        """Add a `vector` of totals of some pixels: a multiply-add, which costs no more than an addition."""
        vector = replace(vector, dtype=self.buffer.dtype)
        share = vector.spread(vector.number(1 / self.pixels))
        vector.store(self.buffer, vector.load(self.buffer, channel) + vector.cast(total) * share, channel)
