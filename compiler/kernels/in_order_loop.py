"""The inner loop of a register tile in assembly, in the order that in-order cores want (Cortex-A53 and A55).

LLVM loads vectors of 128 bits, which issue alone there and block for two cycles, and puts each just before
its use. Here 64 bits at a time are loaded into integer registers, beside an `fmla`, and inserted into vector
registers well before they are needed: on A55 beside an `fmla` too, on A53 two at a time in a cycle of their
own. The pattern is that of the hand-written kernels of ncnn and XNNPACK; what pairs with what is in
`targets/simulator/in_order_cores.py`.

Time is counted in multiply-adds, called slots: that of input channel k, weight vector v and row r is
(k * V + v) * R + r in an iteration, which takes a vector of input channels of each row. What an iteration
needs is loaded from the one before it on: the code is a prologue, a loop, and a last iteration that loads
nothing ahead.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import islice, zip_longest

from tvm import tirx

from .inline_assembly import LANE_NAMES, VECTOR_REGISTERS, multiply_into
from .vectors import LINE, Vector

# Slots at least from an insert to the multiply-add that reads it, from a load to its insert, and between the
# writes of the two halves of a register.
INSERT_AHEAD, LOAD_AHEAD, HALVES_APART = 3, 4, 3
# How much earlier than necessary a load may be, to find a slot that is free.
LOAD_SPREAD = 12
# Of a vector register.
VECTOR_BYTES = 16
X, WEIGHTS, COUNT, AHEAD = "x9", "x10", "x11", "x0"

# Integer registers for what is on its way from memory to a vector register.
BUFFERS = tuple(f"x{number}" for number in (12, 13, 14, 15, 16, 17, 1, 2, 3, 4, 5, 6, 7, 8))
CLOBBERED = (X, WEIGHTS, COUNT, AHEAD, *BUFFERS)
# Iterations after which the schedule of one is that of the one before.
SETTLED = 4
# With fewer vectors of sums, loads decide, and LLVM does as well.
FEWEST_SUMS = 10


@dataclass(eq=False)
class _Write:
    """Half a vector register that is to hold, for iteration 0, the 8 bytes at `offset` from `base`.

    It may be written in the slots from `earliest` to `latest`; the second half of a register of weights is
    written after the first. If `direct`, it is loaded from memory, and the other half is lost.
    """

    register: int
    half: int
    base: str
    offset: int
    earliest: int
    latest: int
    direct: bool = False
    slot: int = 0


@dataclass(frozen=True, order=True)
class _Operation:
    """An instruction in a slot of iteration 0, or before it; `offset` is what stands for {} in its text."""

    slot: int
    rank: int
    text: str
    base: str = ""
    offset: int = 0


@dataclass
class InnerLoop:
    """Multiplies rows of `depth` numbers, `row_bytes` apart, by a panel of `vectors` vectors of weights.

    A `vector` has 128 bits. The order is that for `core`: cortex-a53, or cortex-a55, which stands for all
    others. The sums start as vectors whose rows are `start_bytes` apart, 0 if all rows start as the same; or
    as zeros.
    """

    rows: int
    vectors: int
    depth: int
    row_bytes: int
    vector: Vector
    core: str
    start_bytes: int | None = None
    operations: list[_Operation] = field(init=False)

    @staticmethod
    def serves(rows: int, vectors: int, depth: int, row_bytes: int, vector: Vector) -> bool:
        """Whether there can be such a loop, better than LLVM's."""
        # Offsets of x have 12 bits, and are multiples of the 8 bytes that are loaded.
        fits = depth >= vector.lanes and row_bytes % 8 == 0 and rows * row_bytes < 8 << 12
        return fits and rows * vectors >= FEWEST_SUMS

    def __post_init__(self) -> None:
        # On A53 an insert issues beside another, but not beside a multiply-add.
        self.pairs_inserts = self.core == "cortex-a53"
        self.slots = self.vector.lanes * self.vectors * self.rows
        self.first_sum = VECTOR_REGISTERS - self.rows * self.vectors
        self.strides = {
            X: VECTOR_BYTES,
            WEIGHTS: self.vector.lanes * self.vectors * VECTOR_BYTES,
            AHEAD: self.rows * VECTOR_BYTES,
        }
        most = min(self.first_sum - self.rows, max(4, 2 * self.vectors))
        # A divisor of the weight vectors of an iteration: each is in the same register every time.
        count = self.vector.lanes * self.vectors
        self.weight_registers = max(n for n in (1, 2, 3, 4, 6, 8) if n <= most and count % n == 0)
        writes = self._writes()
        self._place(self._units(writes))
        self.operations = sorted(self._operations(writes))

    def _slot(self, k: int, vector: int, row: int) -> int:
        return (k * self.vectors + vector) * self.rows + row

    def _writes(self) -> list[_Write]:
        writes, lanes = [], self.vector.lanes
        for row in range(self.rows):
            for half, first in ((0, 0), (1, lanes // 2)):
                # This half of the lanes is in use until then, in the iteration before.
                earliest = self._slot(first + lanes // 2 - 1, self.vectors - 1, row) - self.slots
                latest = self._slot(first, 0, row) - INSERT_AHEAD
                writes.append(_Write(row, half, X, row * self.row_bytes + 8 * half, earliest, latest))
        for number in range(lanes * self.vectors):
            register = self.rows + number % self.weight_registers
            earliest = (number - self.weight_registers + 1) * self.rows - 1
            latest = number * self.rows - INSERT_AHEAD
            direct = not self.pairs_inserts
            writes += [
                _Write(register, 0, WEIGHTS, 16 * number, earliest, latest - HALVES_APART, direct),
                _Write(register, 1, WEIGHTS, 16 * number + 8, earliest + HALVES_APART, latest),
            ]
        return writes

    def _units(self, writes: list[_Write]) -> list[list[tuple[_Write, int]]]:
        """The writes that happen together, each with how many iterations later than this its data is used.

        Of weights, it is the second half of a register and the first half of the next.
        """
        if not self.pairs_inserts:
            return [[(write, 0)] for write in writes]
        of_x = sorted(writes[: 2 * self.rows], key=lambda write: write.latest)
        first, *of_weights = writes[2 * self.rows :]
        row = [*((write, 0) for write in (*of_x, *of_weights)), (first, 1)]
        return [row[at : at + 2] for at in range(0, len(row), 2)]

    def _place(self, units: list[list[tuple[_Write, int]]]) -> None:
        """Earliest deadline first, one unit in a slot; more only at a deadline."""
        pending = []
        for turn in range(SETTLED + 2):
            for unit in units:
                earliest = max(write.earliest + (turn + later) * self.slots for write, later in unit)
                latest = min(write.latest + (turn + later) * self.slots for write, later in unit)
                pending.append((latest, earliest, turn, unit))
        pending.sort(key=lambda item: item[0])
        slot = min(earliest for _, earliest, _, _ in pending)
        written: dict[int, int] = {}
        while pending:
            chosen = [item for item in pending if item[0] <= slot]
            ready = (
                item
                for item in pending
                if item[1] <= slot
                and all(
                    slot - written.get(write.register, slot - HALVES_APART) >= HALVES_APART
                    for write, _ in item[3]
                )
            )
            chosen = chosen or list(islice(ready, 1))
            for item in chosen:
                _, _, turn, unit = item
                pending.remove(item)
                for write, later in unit:
                    written[write.register] = slot
                    if turn == SETTLED:
                        write.slot = slot - (turn + later) * self.slots
            slot += max(1, self.slots // len(units)) if chosen else 1

    def _operations(self, writes: list[_Write]) -> Iterator[_Operation]:
        """The writes, and what loads for them: as late as may be, into a register that nothing else is in."""
        busy = [0] * self.slots
        for write in writes:
            busy[write.slot % self.slots] += write.direct or not self.pairs_inserts
        held: dict[str, set[int]] = {buffer: set() for buffer in BUFFERS}
        for write in sorted(writes, key=lambda write: -write.slot):
            if write.direct:
                yield _Operation(
                    write.slot, 0, f"ldr d{write.register}, [{write.base}, #{{}}]", write.base, write.offset
                )
                continue
            latest = write.slot - LOAD_AHEAD
            slot = min(range(latest, latest - LOAD_SPREAD, -1), key=lambda slot: busy[slot % self.slots])
            busy[slot % self.slots] += 1
            span = {time % self.slots for time in range(slot, write.slot + 1)}
            buffer = next(buffer for buffer in BUFFERS if not held[buffer] & span)
            held[buffer] |= span
            yield _Operation(slot, 0, f"ldr {buffer}, [{write.base}, #{{}}]", write.base, write.offset)
            yield _Operation(write.slot, 1, f"ins v{write.register}.d[{write.half}], {buffer}")
        free = sorted(range(self.slots), key=lambda slot: (busy[slot], -slot))
        # Where the loop counts, and its pointers move.
        self.counting = dict(zip((X, WEIGHTS, COUNT, AHEAD), free, strict=False))
        bytes_ahead = self.strides[AHEAD]
        lines = -(-bytes_ahead // LINE)
        for line, slot in enumerate(sorted(free[4 : 4 + lines])):
            yield _Operation(slot, 0, f"ldr wzr, [{AHEAD}, #{{}}]", AHEAD, bytes_ahead // lines * line)

    def call(
        self,
        x: tirx.Expr,
        weights: tirx.Expr,
        start: tirx.Expr | None,
        ahead: tirx.Expr,
        sums: tirx.Buffer,
    ) -> None:
        """Call it on the rows from that of element `x` on and the panel from `weights` on, into `sums`.

        These start as what is at `start`, or as zeros. As many numbers from `ahead` on, of the rows that come
        next, are touched, so that they are in the cache by then.
        """
        sums_of_rows = [self.sum_register(r, v) for r in range(self.rows) for v in range(self.vectors)]
        width = self.vectors * self.vector.lanes
        name = f"multiply_{self.rows}x{width}_{self.depth}_{self.row_bytes}_{self.start_bytes}"
        addresses = (x, weights, ahead, *([] if start is None else [start]))
        multiply_into(name, self.vector, sums_of_rows, CLOBBERED, self._code, addresses, sums)

    def _code(self, x: str, weights: str, ahead_of: str, start: str = "") -> Iterator[str]:
        iterations, rest = divmod(self.depth, self.vector.lanes)
        ahead = [o.text.format(o.offset) for o in self.operations if o.slot < 0]
        yield from (f"mov {X}, {x}", f"mov {WEIGHTS}, {weights}", f"mov {AHEAD}, {ahead_of}")
        places = [(row, vector) for row in range(self.rows) for vector in range(self.vectors)]
        # Rows that start as the first one are copies of it.
        loaded = places if self.start_bytes else places[: self.vectors]
        for row, vector in loaded if start else ():
            offset = row * (self.start_bytes or 0) + VECTOR_BYTES * vector
            yield f"ldr q{self.sum_register(row, vector)}, [{start}, #{offset}]"
        copies = (
            f"mov v{self.sum_register(*place)}.16b, v{self.sum_register(0, place[1])}.16b"
            if start
            else f"movi v{self.sum_register(*place)}.16b, #0"
            for place in (places[len(loaded) :] if start else places)
        )
        for pair in zip_longest(copies, ahead):
            yield from filter(None, pair)
        if iterations > 1:
            yield from (f"mov {COUNT}, #{iterations - 1}", "1:", *self.body(), "b.ne 1b")
        yield from self._iteration(last=True)
        yield from self._rest(rest)

    def body(self) -> list[str]:
        """The instructions of the loop, without the branch."""
        return list(self._iteration(last=False))

    def _iteration(self, last: bool) -> Iterator[str]:
        by_slot: dict[int, list[_Operation]] = {}
        for operation in self.operations:
            if operation.slot >= 0 or not last:
                by_slot.setdefault(operation.slot % self.slots, []).append(operation)
        moved = dict.fromkeys(self.strides, 0)
        for slot in range(self.slots):
            number, row = divmod(slot, self.rows)
            k, vector = divmod(number, self.vectors)
            weight = self.rows + number % self.weight_registers
            yield multiply_add(self.vector, self.sum_register(row, vector), weight, row, k)
            for operation in sorted(by_slot.get(slot, ()), key=lambda operation: operation.rank):
                ahead = -(operation.slot // self.slots) * self.strides.get(operation.base, 0)
                yield operation.text.format(operation.offset + ahead - moved.get(operation.base, 0))
            for base, place in self.counting.items():
                if slot == place and not last:
                    moved[base] = self.strides.get(base, 0)
                    yield (
                        f"add {base}, {base}, #{moved[base]}"
                        if base != COUNT
                        else f"subs {COUNT}, {COUNT}, #1"
                    )

    def _rest(self, rest: int) -> Iterator[str]:
        """The input channels that are left over."""
        one = LANE_NAMES[self.vector.dtype]
        for k in range(rest):
            for row in range(self.rows):
                offset = row * self.row_bytes + VECTOR_BYTES + k * self.vector.number_bytes
                yield f"ldr {one}{row}, [{X}, #{offset}]"
            for vector in range(self.vectors):
                offset = self.strides[WEIGHTS] + 16 * (k * self.vectors + vector)
                yield f"ldr q{self.rows}, [{WEIGHTS}, #{offset}]"
                for row in range(self.rows):
                    yield multiply_add(self.vector, self.sum_register(row, vector), self.rows, row, 0)

    def sum_register(self, row: int, vector: int) -> int:
        """The vector register of a sum."""
        return self.first_sum + row * self.vectors + vector


def multiply_add(vector: Vector, total: int, weights: int, x: int, lane: int) -> str:
    """The instruction that adds to register `total` the product of `weights` and a lane of `x`."""
    name = LANE_NAMES[vector.dtype]
    return f"fmla v{total}.{vector.lanes}{name}, v{weights}.{vector.lanes}{name}, v{x}.{name}[{lane}]"
