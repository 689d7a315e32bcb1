"""Whatever is asked of the zoo: valid ONNX, the shapes that onnx infers, counts that add up, and it runs."""

import math

import numpy as np
import onnx
import onnx_ir as ir
import onnxruntime as ort
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from armlet import build
from armlet.frontend import ARCHITECTURES, count

# Small, so that an example takes a second: what is large is only more of the same.
SIZES = st.integers(32, 96)
CHOICES = {
    "output_stride": st.sampled_from([8, 16, 32]),
    "reduced_tail": st.booleans(),
    "minimalistic": st.booleans(),
    "filters": st.integers(1, 24),
    "argmax": st.booleans(),
    "postprocess": st.booleans(),
}
OUTPUTS = {
    "classification": lambda classes, size, chosen: {"logits": [1, classes]},
    "segmentation": lambda classes, size, chosen: (
        {"classes": [1, *size]} if chosen["argmax"] else {"logits": [1, classes, *size]}
    ),
}


@st.composite
def asked(draw):
    """A network, and options that it knows."""
    name = draw(st.sampled_from(sorted(ARCHITECTURES)))
    architecture = ARCHITECTURES[name]
    source = draw(st.sampled_from(sorted(architecture.forms)))
    known = {**architecture.options, **architecture.forms[source].defaults}
    options = {option: draw(values) for option, values in CHOICES.items() if option in known}
    size = draw(st.one_of(SIZES.map(lambda side: (side, side)), st.tuples(SIZES, SIZES)))
    width = draw(st.floats(0.1, 0.6).map(lambda factor: round(factor, 2)))
    classes = draw(st.integers(2 if architecture.task == "detection" else 1, 12))
    return name, {**options, "source": source, "resolution": size, "width": width, "classes": classes}


def types(values):
    """The element type and sizes of each; 0 stands for a size that is not known."""
    return {
        value.name: (
            value.type.tensor_type.elem_type,
            [size.dim_value for size in value.type.tensor_type.shape.dim],
        )
        for value in values
    }


@settings(max_examples=12, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.too_slow])
@given(asked())
def test_any_network(network):
    name, options = network
    model = build(name, **options)
    proto = ir.to_proto(model)
    onnx.checker.check_model(proto, full_check=True)

    ours = types([*proto.graph.value_info, *proto.graph.output])
    del proto.graph.value_info[:]
    inferred = onnx.shape_inference.infer_shapes(proto, check_type=True, strict_mode=True, data_prop=True)
    theirs = types([*inferred.graph.value_info, *inferred.graph.output])
    assert {value: ours[value] for value in theirs} == theirs

    counts = count(model)
    learned = [
        value
        for value in model.graph.initializers.values()
        if value.name.rsplit("/", 1)[1] in ("weight", "bias") or value.name.endswith("bn/scale")
    ]
    assert counts.parameters == sum(math.prod(value.shape) for value in learned)
    assert counts.parameters == sum(layer.parameters for layer in counts.layers)

    image = np.random.default_rng(0).standard_normal((1, 3, *options["resolution"]), dtype=np.float32)
    run = ort.InferenceSession(proto.SerializeToString()).run(None, {"image": image})
    task = ARCHITECTURES[name].task
    shapes = {output.name: list(array.shape) for output, array in zip(model.graph.outputs, run, strict=True)}
    if task in OUTPUTS:
        assert shapes == OUTPUTS[task](options["classes"], options["resolution"], options)
    elif options["postprocess"]:
        found = shapes["scores"][0]
        assert shapes == {"boxes": [found, 4], "scores": [found], "labels": [found]}
        assert set(run[2]) <= set(range(1, options["classes"]))
    else:
        number = shapes["class_logits"][1]
        assert shapes == {
            "class_logits": [1, number, options["classes"]],
            "box_regression": [1, number, 4],
        }
    assert all(np.isfinite(array).all() for array in run)


@settings(max_examples=8, deadline=None, derandomize=True)
@given(asked())
def test_multiply_accumulates_grow_with_the_picture(network):
    name, options = network
    assume("postprocess" not in options)
    height, width = options["resolution"]
    larger = options | {"resolution": (2 * height, 2 * width)}
    smaller, more = (count(build(name, **each)) for each in (options, larger))
    assert smaller.parameters == more.parameters
    # Four times for maps; the layers behind a mean stay, and small maps are padded more.
    assert smaller.macs < more.macs <= 4.5 * smaller.macs
