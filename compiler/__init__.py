"""ONNX to machine code: lowering, kernels, and the artifact that holds the result."""

from .pipeline import compile_model

__all__ = ["compile_model"]
