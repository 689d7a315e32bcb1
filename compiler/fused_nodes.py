"""Which nodes of a model a fused node computes: those between its inputs and its outputs.

A fused node's inputs and outputs have the names that these values had before.
"""

from collections.abc import Mapping, Sequence

import onnx_ir as ir

# The name of each value: who computes it, of which values.
Sources = Mapping[str, tuple[str, Sequence[str]]]


def sources_of(model: ir.Model) -> Sources:
    """The sources of the values of `model`, which is not fused yet."""
    return {
        value.name: (node.name or "", [given.name or "" for given in node.inputs if given])
        for node in model.graph
        for value in node.outputs
        if value.name
    }


def computed_by(node: ir.Node, sources: Sources) -> list[str]:
    """The names of the nodes that the fused `node` stands for, in order."""
    ends = {value.name for value in node.inputs if value}
    wanted, found = [value.name for value in node.outputs if value.name], set()
    while wanted:
        name = wanted.pop()
        if name in sources and name not in ends:
            source, inputs = sources[name]
            found.add(source)
            wanted += inputs
    return [name for name in dict.fromkeys(name for name, _ in sources.values()) if name in found]
