"""Derivatives of NumPy functions as formulas a person would write and as fast code."""
