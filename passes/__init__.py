"""Rewrites of ONNX models, from ONNX to ONNX, each proved on every site it changed.

The order of the passes is here, with a reason for each place; each pass also states what it demands of the
order, and that is checked when this module is imported.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

import onnx_ir as ir

from ..errors import InvalidModelError, UsageError
from ..frontend.importer import NOT_FIXED
from ..threads import side_by_side
from . import verify
from .clean_up import clean_up
from .clip_hard_sigmoid import clip_hard_sigmoid
from .clip_hard_swish import clip_hard_swish
from .explicit_padding import explicit_padding
from .finite import refuse_non_finite
from .fold_affine import fold_affine
from .fold_batch_norm import fold_batch_norm
from .fuse_squeeze_excite import fuse_squeeze_excite
from .merge_clamps import merge_clamps
from .merge_matmul_add import merge_matmul_add
from .merge_reshapes import merge_reshapes
from .recognise_global_pool import recognise_global_pool
from .recognise_hard_sigmoid import recognise_hard_sigmoid
from .recognise_hard_swish import recognise_hard_swish
from .report import PassReport, Refusal, Report
from .rewriting import Changes, Pass, check_order
from .sink_transposes import sink_transposes
from .verify import VerificationError

__all__ = [
    "PIPELINES",
    "Optimized",
    "PassReport",
    "Refusal",
    "Report",
    "Target",
    "VerificationError",
    "optimize",
]

Target = Literal["tvm", "onnxruntime"]

_RECOGNISE = (
    clean_up,  # First: patterns see no identity between nodes, and every constant as an initializer.
    sink_transposes,  # Before all that look for neighbours: in exports of NHWC it is between them.
    merge_reshapes,  # What remains of transpositions of one pixel; squeeze-excite allows for one.
    explicit_padding,  # Behind transpositions no longer.
    recognise_global_pool,  # Means over the map are so once it is NCHW.
    merge_matmul_add,  # Before the passes that fold into linear layers: they know Gemm.
    fold_batch_norm,  # Before the activations, so that they find the Conv itself in front of them.
    merge_clamps,  # Before h-sigmoid, which is then spelled with Clip alone.
    recognise_hard_sigmoid,  # Before h-swish and squeeze-excite, which contain it.
    recognise_hard_swish,  # Before any HardSigmoid is rewritten as a clip.
    fold_affine,  # After the activations, which begin with an addition themselves.
)
PIPELINES: dict[Target, tuple[Pass, ...]] = {
    "tvm": (
        *_RECOGNISE,
        fuse_squeeze_excite,  # While its gate still is a HardSigmoid.
        clip_hard_sigmoid,  # Those that are not the gate of a squeeze-excite.
        clip_hard_swish,
        clean_up,  # Last: what lost its users.
    ),
    # HardSigmoid and HardSwish stay: ONNX Runtime has kernels for them that beat the clip form.
    "onnxruntime": (*_RECOGNISE, clean_up),
}
for _passes in PIPELINES.values():
    check_order(_passes)


@dataclass(frozen=True)
class Optimized:
    """A rewritten model and the account of how it came about.

    `references` are what the original computes on the inputs that the whole network was verified on:
    ordinary ones and, where float32 is conclusive there, large ones.
    """

    model: ir.Model
    report: Report
    references: tuple[verify.Reference, ...]


def optimize(model: ir.Model, target: Target = "tvm") -> Optimized:
    """Rewrite a copy of `model` for `target`, and verify every site and the whole network.

    For "tvm" the result holds no HardSigmoid, HardSwish or division of an activation, and squeeze-excite is
    the function `armlet.SqueezeExcite`; for "onnxruntime" it is what ONNX Runtime runs fastest. The opset
    stays. Inputs must be float32 or uint8 of fixed sizes; one that is also an initializer is left to the
    caller, and nothing is folded into it (`frontend.load` leaves none).

    Raises UsageError for another target, InvalidModelError if the model is not valid ONNX, has NaN or
    infinity in a weight, computes either or is random, and VerificationError if a rewrite changed what it
    computes.
    """
    if target not in PIPELINES:
        raise UsageError(f"no target {target!r}: expected one of {', '.join(PIPELINES)}")
    if found := next((node for node in model.graph if node.op_type == "NonMaxSuppression"), None):
        raise InvalidModelError(f"node {found.name!r} {NOT_FIXED}")
    if reason := verify.invalidity(model):
        raise InvalidModelError(f"the model is not valid ONNX: {reason}")
    refuse_non_finite(model)
    ordinary, large = verify.references(model, 1.0, verify.LARGE)
    if not ordinary.is_finite:
        raise InvalidModelError(
            "the model computes NaN or infinity on random inputs, on positive ones too, expected numbers: "
            "check its weights"
        )
    optimized = model.clone()
    steps = [(step, step.run(optimized)) for step in PIPELINES[target]]
    with side_by_side() as pool:
        errors = pool.map(verify.site_error, (site for _, changes in steps for site in changes.sites))
        entries = tuple(_report(step, changes, errors) for step, changes in steps)
    if reason := verify.invalidity(optimized):
        raise VerificationError(f"the rewritten network is not valid ONNX: {reason}")
    runner = verify.Runner(optimized)
    report = Report(
        target,
        entries,
        verify.TOLERANCE,
        random_error=ordinary.error(runner),
        large_error=None if large.inconclusive else large.error(runner),
        large_skipped=large.inconclusive,
    )
    if not report.worst_error <= verify.TOLERANCE:
        raise VerificationError(
            f"the rewritten network is off by {report.worst_error:.1e} of its output's range, expected at "
            f"most {verify.TOLERANCE:.0e}: report this model as a bug of armlet"
        )
    return Optimized(optimized, report, (ordinary,) if large.inconclusive else (ordinary, large))


def _report(step: Pass, changes: Changes, errors: Iterator[float]) -> PassReport:
    """What `step` did; `errors` begin with those of its sites."""
    worst_error, worst_site = 0.0, None
    for site, error in zip(changes.sites, errors, strict=False):
        if not error <= verify.TOLERANCE:
            raise VerificationError(
                f"{step.name} changed {site.name} by {error:.1e} of its output's range, expected at most "
                f"{verify.TOLERANCE:.0e}: report this model as a bug of armlet"
            )
        if worst_site is None or error > worst_error:
            worst_error, worst_site = error, site.name
    return PassReport(step.name, changes.rewritten, changes.refused, worst_error, worst_site)
