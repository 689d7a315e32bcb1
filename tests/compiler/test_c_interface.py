"""Functions as objects, and the cache of these."""

from armlet.compiler.c_interface import compile_function
from armlet.compiler.kernels.pointwise import pointwise
from armlet.targets import find_core


def test_functions_that_differ_in_assembly_only_are_told_apart(parse, fused):
    """The inner loop of an in-order core comes along as a text, which TVM's script of the function omits."""
    (node,) = fused(parse("y = Conv(x, w)", "1,32,6,6", w=(32, 32, 1, 1))).graph
    target = find_core("armv8-a").tvm_target("linux", "cortex-a55")
    kernels = [pointwise(node, find_core(name)) for name in ("cortex-a53", "cortex-a55")]
    first, second = (compile_function(kernel.function, "kernel", target).kept().path for kernel in kernels)
    assert first.read_bytes() != second.read_bytes()
