"""Whether an artifact still computes what it was made to: its sample's output beside ONNX Runtime's."""

from collections.abc import Sequence

import numpy as np

from ..answers import same_top5
from ..artifact import Artifact
from ..passes.verify import relative_error
from .outcome import Check, Outcome


def check_accuracy(artifact: Artifact, outputs: Sequence[np.ndarray], where: str) -> Check:
    """Hold the `outputs` for the artifact's sample, computed on `where`, against the stored one."""
    expected, tolerance = artifact.sample[1], artifact.manifest["tolerance"]
    worst = relative_error([expected], outputs[:1], artifact.sample_margins)
    top5 = f"; {'the same' if same_top5(outputs[0], expected) else 'another'} top 5"
    return Check(
        "accuracy",
        Outcome.PASSED if worst <= tolerance else Outcome.REGRESSION,
        f"on {where} the output is off by {worst:.1e} of its range, at most {tolerance:.0e} allowed"
        f"{top5 if expected.ndim == 2 else ''}",
    )
