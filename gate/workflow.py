"""The workflow file that runs the gate in GitHub's CI."""

import re
import shlex
from pathlib import Path
from string import Template

from ..errors import UsageError
from ..files import written_beside
from ..frontend import ARCHITECTURES
from ..targets import SimulatedDevice

TEMPLATE = Path(__file__).with_name("templates") / "workflow.yml"
BASELINE = "armlet-baseline.json"


def write_workflow(
    path: Path, model: str, core: str, *, package: str = "armlet[report]", force: bool = False
) -> list[str]:
    """Write to `path` a workflow that compiles `model`, a name or a file, and checks it on `core`.

    `package` is what pip installs. Returns the commands that make the baseline which it wants. Raises
    UsageError if there is no such model, the core cannot be simulated, or `path` exists and `force` is not
    given; ArmletError if it cannot be written.
    """
    SimulatedDevice.of(core)
    if model not in ARCHITECTURES and not model.endswith(".onnx"):
        raise UsageError(f"{model!r} is neither a model ({', '.join(ARCHITECTURES)}) nor an ONNX file")
    text = Template(TEMPLATE.read_text()).substitute(
        model=shlex.quote(model),
        name=re.sub(r"\W", "_", Path(model).stem),
        core=core,
        package=package,
        baseline=BASELINE,
    )
    with written_beside(path, force=force) as draft:
        draft.write_text(text)
    compiling, checking = re.findall(r"armlet (?:compile|check) .*", text)
    return [compiling, f"{checking.partition(' --junit')[0]} --update", f"git add {path} {BASELINE}"]
