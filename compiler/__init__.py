"""ONNX to machine code: lowering, kernels, their tuning, and the artifact that holds the result."""

from .pipeline import compile_model
from .tuning import tune_model

__all__ = ["compile_model", "tune_model"]
