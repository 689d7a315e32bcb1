"""Names for rewritten nodes, so that a layer can still be found by what it was called.

A node that replaces one of the same operator keeps its name. Otherwise the name is the folder that the
replaced nodes share: `block3/se/pool`, `block3/se/reduce/conv`, ... become the call `block3/se`, and one
`block3/expand/act` becomes `block3/expand/act/mul`, `block3/expand/act/clip`, ...
"""

from collections.abc import Sequence
from itertools import takewhile

import numpy as np
import onnx_ir as ir

from .values import producer_of


def name_replacement(
    graph: ir.Graph,
    replaced: Sequence[ir.Node],
    nodes: Sequence[ir.Node],
    outputs: Sequence[ir.Value],
    initializers: Sequence[ir.Value],
) -> None:
    """Give `nodes`, their values and their `initializers` unique names, and register the initializers.

    `replaced` begins with the node whose output they compute. `outputs` keep the names that the rest of the
    graph knows. An initializer equal in name and content to one of the graph is replaced by it.
    """
    taken = {node.name or "" for node in graph if node not in set(nodes)}
    inherited = {node.op_type: node.name for node in reversed(replaced) if node.name}
    folder = _shared_folder([node.name for node in replaced if node.name])
    for node in nodes:
        path = [folder] if len(nodes) == 1 else [folder, node.op_type.lower()]
        name = inherited.pop(node.op_type, "") or "/".join(filter(None, path)) or node.op_type.lower()
        node.name = _unique(name, taken)
        taken.add(node.name)

    values = ir.convenience.create_value_mapping(graph)
    inner = [output for node in nodes for output in node.outputs if output not in set(outputs)]
    known = {name for name, value in values.items() if value not in {*inner, *initializers}}
    for value in inner:
        value.name = _unique(producer_of(value).name or "", known)
        known.add(value.name)
    for initializer in initializers:
        _register(graph, initializer, known)


def _register(graph: ir.Graph, initializer: ir.Value, known: set[str]) -> None:
    name = initializer.name or "constant"
    twin = graph.initializers.get(name)
    if twin is not None and not twin.is_graph_input() and _equal(twin, initializer):
        initializer.replace_all_uses_with(twin)
        return
    initializer.name = _unique(name, known)
    known.add(initializer.name)
    graph.register_initializer(initializer)


def _equal(a: ir.Value, b: ir.Value) -> bool:
    assert a.const_value is not None
    assert b.const_value is not None
    return a.dtype == b.dtype and np.array_equal(a.const_value.numpy(), b.const_value.numpy())


def _shared_folder(names: Sequence[str]) -> str:
    """The path that all names share; the first name where they share none."""
    levels = zip(*(name.split("/") for name in names), strict=False)
    shared = [level[0] for level in takewhile(lambda level: len(set(level)) == 1, levels)]
    return "/".join(shared) or (names[0] if names else "")


def _unique(name: str, taken: set[str]) -> str:
    candidate, count = name, 0
    while candidate in taken:
        count += 1
        candidate = f"{name}_{count}"
    return candidate
