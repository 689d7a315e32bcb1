"""What fails while a network is tuned: counted by its reason, and the end of a run if it does not stop."""

import re
from collections import Counter
from pathlib import Path

from ...errors import ArmletError


class Failures:
    """Why rounds and schedules failed, and how often: `reasons`.

    What was measured is in the file `database`; what fails is in folders of its own below `folder`, of which
    reasons say nothing.
    """

    def __init__(self, database: Path, folder: Path) -> None:
        self.reasons: Counter[str] = Counter()
        self._database = database
        self._places = re.compile(rf"{re.escape(str(folder))}/[^/ ]+/")
        self._in_a_row: Counter[str] = Counter()

    def none(self) -> None:
        """Say that something did not fail: what does next is the first in a row."""
        self._in_a_row.clear()

    def add(self, error: ArmletError, what: str, most: int) -> None:
        """Count `error`; raise one of its class if so many of `what` failed one after the other."""
        reason = self._places.sub("", str(error))
        self.reasons[reason] += 1
        self._in_a_row[reason] += 1
        if self._in_a_row.total() == most:
            reasons = "; ".join(f"{times} times: {reason}" for reason, times in self._in_a_row.most_common())
            raise type(error)(
                f"{most} {what} failed one after the other ({reasons}); what was measured is in "
                f"{self._database}, and the same command goes on from there"
            ) from error
