"""How fast ONNX Runtime runs both optimised forms, relative to the model they were made from.

Run it as `python benchmarks/onnxruntime_forms.py [ROUNDS]`. One thread, ONNX Runtime's default optimiser, the
forms in turns within each round; printed are medians and their ratios, the input being 1.
"""

import statistics
import sys
import time

import numpy as np
import onnx_ir as ir
import onnxruntime as ort

import armlet
from armlet.passes import PIPELINES

RUNS_A_TURN = 5


def session(model: ir.Model) -> ort.InferenceSession:
    """Load `model` for one thread."""
    options = ort.SessionOptions()
    options.intra_op_num_threads = 1
    options.log_severity_level = 3
    return ort.InferenceSession(ir.to_proto(model).SerializeToString(), options)


def turn(runner: ort.InferenceSession, image: np.ndarray) -> float:
    """Milliseconds of the fastest of a few runs."""
    times = []
    for _ in range(RUNS_A_TURN):
        start = time.perf_counter()
        runner.run(None, {"image": image})
        times.append(time.perf_counter() - start)
    return 1e3 * min(times)


def compare(name: str, rounds: int) -> None:
    """Print one line for each form of the model `name`."""
    model = armlet.build(name)
    forms = {"input": model, **{target: armlet.optimize(model, target).model for target in PIPELINES}}
    runners = {form: session(content) for form, content in forms.items()}
    image = np.random.default_rng(0).standard_normal((1, 3, 224, 224), dtype=np.float32)
    times: dict[str, list[float]] = {form: [] for form in forms}
    for _ in range(rounds):
        for form, runner in runners.items():
            times[form].append(turn(runner, image))
    medians = {form: statistics.median(turns) for form, turns in times.items()}
    for form, median in medians.items():
        print(f"{name:20} {form:12} {median:7.2f} ms  {median / medians['input']:.3f}")


if __name__ == "__main__":
    for architecture in ("mobilenet_v3_small", "mobilenet_v3_large"):
        compare(architecture, rounds=int(sys.argv[1]) if len(sys.argv) > 1 else 40)
