"""One row times a panel of weights in assembly, in an order that suits both in-order cores.

Every weight is used once: a vector of them takes two cycles, in which an `fmla` goes beside the load of one
half into an integer register, and the load of the other half beside the insert of a third. So no vector load
is four cycles after a multiply-add, where Cortex-A53 would hold it up.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from tvm import tirx

from .in_order_loop import COUNT, VECTOR_BYTES, WEIGHTS, X, multiply_add
from .inline_assembly import LANE_NAMES, VECTOR_REGISTERS, multiply_into
from .vectors import Vector

# Vectors of weights on their way; an insert is half as many ahead of its use.
AHEAD = 4
FIRST_WEIGHT = 1
BUFFERS = ("x12", "x13", "x14", "x15")
X_BUFFER = "x16"
# Vectors of sums that fit, and so few that loads of x, beside them, are not in time.
MOST, FEWEST = 16, 4


@dataclass(frozen=True)
class RowLoop:
    """Multiplies a row of `depth` numbers by a panel of `vectors` vectors of weights, of 128 bits each."""

    vectors: int
    depth: int
    vector: Vector

    @staticmethod
    def serves(rows: int, vectors: int, depth: int, vector: Vector) -> bool:
        """Whether there can be such a loop."""
        return rows == 1 and FEWEST <= vectors <= MOST and depth >= vector.lanes

    def call(self, x: tirx.Expr, weights: tirx.Expr, start: tirx.Expr | None, sums: tirx.Buffer) -> None:
        """Call it on the row from element `x` on and the panel from `weights` on, into `sums`.

        These start as what is at `start`, or as zeros.
        """
        registers = [self._sum(vector) for vector in range(self.vectors)]
        name = f"row_{self.vectors}_{self.depth}_{'zeros' if start is None else 'starts'}"
        addresses = (x, weights, *([] if start is None else [start]))
        clobbered = (X, WEIGHTS, COUNT, X_BUFFER, *BUFFERS)
        multiply_into(name, self.vector, registers, clobbered, self._code, addresses, sums)

    def _sum(self, vector: int) -> int:
        return VECTOR_REGISTERS - self.vectors + vector

    def _code(self, x: str, weights: str, start: str = "") -> Iterator[str]:
        iterations, rest = divmod(self.depth, self.vector.lanes)
        yield from (f"mov {X}, {x}", f"mov {WEIGHTS}, {weights}", f"ldr d0, [{X}]")
        for number in range(AHEAD):
            yield from self._load(number)
        for vector in range(self.vectors):
            sums = self._sum(vector)
            yield f"ldr q{sums}, [{start}, #{16 * vector}]" if start else f"movi v{sums}.16b, #0"
        for number in range(AHEAD // 2):
            yield self._insert(number)
        if iterations > 1:
            yield from (f"mov {COUNT}, #{iterations - 1}", "1:", *self._iteration(last=False), "b.ne 1b")
        yield from self._iteration(last=True)
        for k in range(rest):
            offset = VECTOR_BYTES + k * self.vector.number_bytes
            yield f"ldr {LANE_NAMES[self.vector.dtype]}0, [{X}, #{offset}]"
            for vector in range(self.vectors):
                yield f"ldr q1, [{WEIGHTS}, #{16 * ((self.vector.lanes + k) * self.vectors + vector)}]"
                yield multiply_add(self.vector, self._sum(vector), 1, 0, 0)

    def _iteration(self, last: bool) -> Iterator[str]:
        count = self.vector.lanes * self.vectors
        lower = count // 2
        for number in range(count):
            k, vector = divmod(number, self.vectors)
            yield multiply_add(self.vector, self._sum(vector), self._weight(number), 0, k)
            loads = not last or number + AHEAD < count
            if loads:
                yield from self._load(number + AHEAD)
            if not last or number + AHEAD // 2 < count:
                yield self._insert(number + AHEAD // 2)
            # The upper half of x is of this iteration, the lower half of the next.
            if number == 0:
                yield f"ldr {X_BUFFER}, [{X}, #8]"
            if number == 3:
                yield f"ins v0.d[1], {X_BUFFER}"
            if number == lower and not last:
                yield f"ldr {X_BUFFER}, [{X}, #16]"
            if number == lower + 3 and not last:
                yield f"ins v0.d[0], {X_BUFFER}"
        if not last:
            yield from (
                f"add {X}, {X}, #16",
                f"subs {COUNT}, {COUNT}, #1",
                f"add {WEIGHTS}, {WEIGHTS}, #{16 * count}",
            )

    def _weight(self, number: int) -> int:
        return FIRST_WEIGHT + number % AHEAD

    def _load(self, number: int) -> Iterator[str]:
        yield f"ldr {BUFFERS[number % AHEAD]}, [{WEIGHTS}, #{16 * number + 8}]"
        yield f"ldr d{self._weight(number)}, [{WEIGHTS}, #{16 * number}]"

    def _insert(self, number: int) -> str:
        return f"ins v{self._weight(number)}.d[1], {BUFFERS[number % AHEAD]}"
