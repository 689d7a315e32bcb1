"""Schedules of TVM's own functions, which compute what armlet has no template for.

A schedule is a trace of MetaSchedule's, which JSON can hold: the parameters of a record. Without one, a
function stays as TVM's legalisation made it.
"""

from typing import Any

import onnx_ir as ir
from tvm import IRModule, s_tir, tirx

from ..c_interface import fingerprint
from .workload import workload

# Raised when the same trace comes to mean another function.
VERSION = 1


def scheduled(function: tirx.PrimFunc, parameters: dict[str, Any]) -> tirx.PrimFunc:
    """`function` by the trace in `parameters`, or as it is without; raises what TVM does if that is none."""
    if not parameters:
        return function
    schedule = s_tir.Schedule(IRModule({"main": function}))
    s_tir.Trace.apply_json_to_schedule(parameters["trace"], schedule)
    return schedule.mod["main"]


def name_of(node: ir.Node, function: tirx.PrimFunc) -> str:
    """What a `function` of `node` is called in records: what the node computes, and the fingerprint."""
    return f"{workload(node)} {fingerprint(function)}"
