"""What was measured before armlet had a counter: the same packages under qemu 7.2 with another plugin.

Million instructions, and million instructions that multiply and accumulate vectors, of one inference.
"""

from collections.abc import Mapping

TOLERANCE = 0.01
# The figures were rounded to a digit.
ROUNDED = 0.05

Counts = tuple[float, float]

CORES = ("cortex-a53", "cortex-a55", "cortex-a72", "cortex-a76")

# By peer, network and precision.
_TABLE = {
    ("onnxruntime", "mobilenet_v3_large", "fp32"): (
        (184.1, 59.1),
        (184.1, 59.1),
        (184.1, 59.1),
        (184.1, 59.1),
    ),
    ("litert", "mobilenet_v3_large", "fp32"): ((140, 58), (132, 58), (93.6, 55.1), (91.5, 55.7)),
    ("ncnn", "mobilenet_v3_large", "fp32"): ((136.6, 52.2), (106.6, 52.2), (79, 52.2), (79, 52.2)),
    ("mnn", "mobilenet_v3_large", "fp32"): ((88.7, 53.8), (88.7, 53.8), (88.7, 53.8), (88.7, 53.8)),
    ("ncnn", "mobilenet_v3_large", "fp16"): (None, (55.2, 27.3), None, (41.8, 27.3)),
    ("mnn", "mobilenet_v3_large", "fp16"): (None, (47.1, 27.2), None, (47.1, 27.2)),
    ("litert", "mobilenet_v3_large", "fp16"): (None, (58.4, 28.6), None, (50, 28.6)),
    ("onnxruntime", "mobilenet_v3_small", "fp32"): ((80.5, 15.8), (80.5, 15.8), (80.5, 15.8), (80.5, 15.8)),
    ("litert", "mobilenet_v3_small", "fp32"): ((38, 15.1), (36.2, 15.1), (28, 14.5), (27.5, 14.7)),
    ("ncnn", "mobilenet_v3_small", "fp32"): ((37, 12.9), (30.3, 12.9), (24.1, 12.9), (24.1, 12.9)),
    ("mnn", "mobilenet_v3_small", "fp32"): ((28.9, 14.2), (28.9, 14.2), (28.9, 14.2), (28.9, 14.2)),
    ("ncnn", "mobilenet_v3_small", "fp16"): (None, (15.8, 7.2), None, (12.9, 7.2)),
    ("mnn", "mobilenet_v3_small", "fp16"): (None, (16.3, 7.1), None, (16.3, 7.1)),
    ("litert", "mobilenet_v3_small", "fp16"): (None, (17.2, 7.6), None, (15.3, 7.6)),
    ("onnxruntime", "mobilenet_v2", "fp32"): ((181.1, 78.1), (181.1, 78.1), (180.9, 78.1), (181.1, 78.1)),
    ("litert", "mobilenet_v2", "fp32"): ((195.9, 82.6), (185, 82.6), (123.3, 76.4), (120.5, 77.4)),
    ("ncnn", "mobilenet_v2", "fp32"): ((183.6, 75.2), (140.7, 75.2), (101.4, 75.2), (101.4, 75.2)),
    ("mnn", "mobilenet_v2", "fp32"): ((109.9, 75.2), (109.9, 75.2), (109.9, 75.2), (109.9, 75.2)),
    ("ncnn", "mobilenet_v2", "fp16"): (None, (73.1, 37.6), None, (54.1, 37.6)),
    ("mnn", "mobilenet_v2", "fp16"): (None, (57.1, 37.6), None, (57.1, 37.6)),
    ("litert", "mobilenet_v2", "fp16"): (None, (75.5, 39.5), None, (63.7, 39.5)),
}

MEASURED_BEFORE: Mapping[tuple[str, str, str, str], Counts] = {
    (*key, core): counts
    for key, row in _TABLE.items()
    for core, counts in zip(CORES, row, strict=True)
    if counts
}


def differs(key: tuple[str, str, str, str], instructions: int, mac_instructions: int) -> str | None:
    """How far the counts of (peer, network, precision, core) are off what was measured before.

    None if they agree within TOLERANCE, or ROUNDED where that is more, or if there was no such measurement.
    """
    before = MEASURED_BEFORE.get(key)
    if not before:
        return None
    now = (instructions / 1e6, mac_instructions / 1e6)
    if all(abs(a - b) <= max(TOLERANCE * b, ROUNDED) for a, b in zip(now, before, strict=True)):
        return None
    return (
        f"{' '.join(key)}: {now[0]:.1f} M instructions, {now[1]:.1f} M multiply-accumulates; "
        f"before {before[0]} and {before[1]}"
    )
