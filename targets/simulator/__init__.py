"""Counts and modelled cycles of ARM64 code, on any machine."""
