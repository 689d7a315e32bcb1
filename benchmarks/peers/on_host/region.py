"""Times inferences when it is asked to. Runs on this machine, at the other end of two pipes."""

import json
import sys
import time
from collections.abc import Callable

WARM_UPS = 3
ANSWER = "nanoseconds: "


def repeat(infer: Callable[[], object]) -> None:
    """Call `infer` as often as each line of standard input says, until it ends; print how long each took.

    The first call of a turn, which finds the caches as another engine left them, is not timed.
    """
    for _ in range(WARM_UPS):
        infer()
    print(f"{ANSWER}[]", flush=True)
    for line in sys.stdin:
        infer()
        took = []
        for _ in range(int(line)):
            begin = time.perf_counter_ns()
            infer()
            took.append(time.perf_counter_ns() - begin)
        print(f"{ANSWER}{json.dumps(took)}", flush=True)
