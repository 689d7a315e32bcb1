"""Trained weights from local files, without the framework that wrote them.

`checkpoint` reads named tensors (`torch_file`, `keras_file`, safetensors); `sources` tells whose they are;
each source has a file with its key rule (`torchvision`, `timm`, `keras`); `loading` puts them into a network.
"""

from .checkpoint import Checkpoint, read_checkpoint
from .loading import Match, assign, match
from .sources import recognise

__all__ = ["Checkpoint", "Match", "assign", "match", "read_checkpoint", "recognise"]
