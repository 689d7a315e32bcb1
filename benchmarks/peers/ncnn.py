"""ncnn, by way of pnnx: ONNX to ncnn's own two files. The precision is an option of the run."""

import subprocess
from pathlib import Path

from armlet.errors import ArmletError
from armlet.frontend import save

from .packages import environment
from .peer import Network, Peer, Precision

PNNX = "pnnx==20261020"


def convert(network: Network, precision: Precision, folder: Path) -> None:
    """Write model.ncnn.param and model.ncnn.bin; raises ArmletError if pnnx does not."""
    # The program stands for itself: the Python around it, which is not used, would need torch.
    place = environment([PNNX], dependencies=False)
    program = next(place.glob("lib/python3.*/site-packages/pnnx/pnnx"))
    save(network.build(), folder / "model.onnx")
    command = [str(program), "model.onnx", "fp16=0"]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True)
    if done.returncode or not (folder / "model.ncnn.bin").exists():
        raise ArmletError(f"pnnx cannot convert {network.name}: {done.stderr.strip()[-200:]}")


NCNN = Peer(
    "ncnn",
    "ncnn",
    wheels=("ncnn==1.0.20261020", "numpy==2.4.0"),
    tools=(PNNX,),
    script="run_ncnn.py",
    convert=convert,
)
