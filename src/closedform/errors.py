"""The errors a user meets: each says what was refused, where, why, and what to write instead."""

from __future__ import annotations

import numpy as np


class ClosedformError(Exception):
    """Base of all errors raised for a user's function or arguments."""


class UnsupportedError(ClosedformError, NotImplementedError):
    """Not yet: the operation has a derivative, but the library does not know it."""


class InvalidFunctionError(ClosedformError, TypeError):
    """Never: the function or its arguments have no derivative of the kind asked for, or cannot be traced."""


class InvalidArgumentError(ClosedformError, ValueError):
    """An argument has a value, shape, type or name that is not accepted."""


class SingularMatrixError(InvalidArgumentError, np.linalg.LinAlgError):
    """A matrix of which a derivative needs the inverse, or a factorisation, has none at the arguments."""
