"""One axis of a window that slides over a map: which outputs see which pixel."""

from collections.abc import Iterator
from dataclasses import dataclass


@dataclass(frozen=True)
class Axis:
    """`size` pixels seen through `taps` of a window, with padding of `before` and `after`; all in pixels.

    A pixel is numbered from the first one that the first output in question sees, be it padding or not.
    """

    size: int
    taps: int
    stride: int = 1
    dilation: int = 1
    before: int = 0
    after: int = 0

    @property
    def span(self) -> int:
        """Pixels from the first that an output sees to the last, both included."""
        return (self.taps - 1) * self.dilation + 1

    @property
    def outputs(self) -> int:
        """Places of the window."""
        return (self.size + self.before + self.after - self.span) // self.stride + 1

    @property
    def in_flight(self) -> int:
        """Outputs that see one pixel or the places between its neighbours: at most so many at a time."""
        return -(-self.span // self.stride)

    def pixels(self, outputs: int) -> range:
        """What so many neighbouring outputs see."""
        return range((outputs - 1) * self.stride + self.span)

    def inside(self, first: int, outputs: int) -> tuple[int, ...]:
        """Of what outputs from `first` on see, what lies in the map and not in its padding."""
        start = first * self.stride - self.before
        return tuple(pixel for pixel in self.pixels(outputs) if 0 <= start + pixel < self.size)

    def uses(self, pixel: int, outputs: int) -> Iterator[tuple[int, int]]:
        """The outputs, of the first so many, that see `pixel`, each with the tap that it meets there."""
        for tap in range(self.taps):
            output, rest = divmod(pixel - tap * self.dilation, self.stride)
            if not rest and 0 <= output < outputs:
                yield output, tap
