"""Raw bytes as numbers, by the names that safetensors gives to their types."""

import numpy as np

_TYPES = {
    "F64": "<f8",
    "F32": "<f4",
    "F16": "<f2",
    "I64": "<i8",
    "I32": "<i4",
    "I16": "<i2",
    "I8": "<i1",
    "U8": "<u1",
    "BOOL": "?",
    "BF16": "<u2",  # The upper half of a float32, which numpy does not know.
}


def size_of(numbers: str) -> int:
    """The bytes of one number."""
    return np.dtype(_TYPES[numbers]).itemsize


def from_bytes(raw: bytes, numbers: str) -> np.ndarray:
    """The numbers of type `numbers` that `raw` holds; BF16 becomes float32. Raises ValueError for others."""
    if numbers not in _TYPES:
        raise ValueError(f"it holds numbers of type {numbers}, expected one of {', '.join(_TYPES)}")
    array = np.frombuffer(raw, _TYPES[numbers])
    return (array.astype(np.uint32) << 16).view(np.float32) if numbers == "BF16" else array
