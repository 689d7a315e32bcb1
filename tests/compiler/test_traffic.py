"""Bytes read and written, counted by hand."""

from armlet.compiler.lowering import lower
from armlet.compiler.traffic import Traffic, least_bytes, traffic_by_function
from armlet.targets import find_core

FLOAT = 4


def test_each_tensor_once_a_call(parse, fused):
    model = fused(parse("y = Conv(x, k, b)", "1,8,5,5", k=(16, 8, 1, 1), b=(16,)))
    program = lower(model, "nhwc", find_core("host"))
    (call,) = program.calls
    traffic = traffic_by_function(program, {call.function: 100})
    weights = FLOAT * (16 * 8 + 16)
    assert traffic == {call.function: Traffic(FLOAT * 8 * 25, FLOAT * 16 * 25, weights, 100)}
    assert least_bytes(model) == FLOAT * 24 * 25 + weights


def test_what_has_no_weights_is_free_and_nothing_is_read_twice(parse, fused):
    text = "s = Conv(x, k, b) p = MaxPool<kernel_shape=[2,2]>(s) t = Conv(p, k, b) y = Add(t, p)"
    model = fused(parse(text, "1,8,5,5", k=(8, 8, 1, 1), b=(8,)))
    weights = FLOAT * (8 * 8 + 8)
    # x, s; then p, which is both what t reads and what is added to it, and y.
    assert least_bytes(model) == 2 * weights + FLOAT * 8 * (2 * 25 + 2 * 16)


def test_a_map_that_is_not_stored_is_not_written(parse, fused):
    model = fused(parse("s = Conv(x, k, b) y = GlobalAveragePool(s)", "1,8,5,5", k=(8, 8, 1, 1), b=(8,)))
    assert least_bytes(model) == FLOAT * (8 * 25 + 8 * 8 + 8 + 8)
    program = lower(model, "nhwc", find_core("host"))
    (traffic,) = traffic_by_function(program, dict.fromkeys(program.functions, 0)).values()
    assert (traffic.read, traffic.written) == (FLOAT * 8 * 25, FLOAT * 8)
