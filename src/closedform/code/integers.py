"""Which steps are arrays of integers where arguments are: a fraction put at an entry of these would be lost.

A step is described by the arguments that must hold integers for it to do so; by None if it never does.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import scipy.linalg

from closedform.code.helpers import HELPERS
from closedform.code.steps import Step
from closedform.primitives.record import PRIMITIVES

Integral = frozenset[str] | None


def _is_fractional(function: Any) -> bool:
    """Whether a NumPy function returns floating numbers for integers too."""
    if isinstance(function, np.ufunc):
        return all(kinds[-1] not in "l?" for kinds in function.types)
    module = getattr(function, "__module__", "")
    return module.startswith(("numpy.linalg", "scipy")) and function not in OF_INTEGERS


# Those whose results are integers for integers.
OF_INTEGERS = (np.linalg.matrix_power, np.linalg.multi_dot, scipy.linalg.block_diag)
POSITIONS = frozenset({"argsort", "argmax", "argmin"})
FRACTIONAL = frozenset(
    name for name, record in PRIMITIVES.items() if record.numpy and _is_fractional(record.numpy[0])
) | {name for name, helper in HELPERS.items() if helper.elementwise}


def integral(step: Step, of: Mapping[Step, Integral], reference: str, based_on_array: bool) -> Integral:
    """The description of a step, from those of its operands.

    New arrays have the type of the argument `reference`; numbers only where they are based on an array.
    """
    like_reference = frozenset({reference}) if reference else None
    whole = [arg.op == "number" and isinstance(arg.params[0], int) for arg in step.args]
    match step.op, step.params:
        case "name", (name,):
            return frozenset({name})
        case "number", (value,):
            return frozenset() if isinstance(value, int) else None
        case "constant", (array,):
            return frozenset() if array.array.dtype.kind in "iub" else None
        case "size", _:
            return frozenset()
        case (("sqrt" | "solve" | "definite_logdet"), _):
            return None
        case "power", (exponent,) if not isinstance(exponent, int):
            return None
        case "product", (coefficient, signs) if not isinstance(coefficient, int) or min(signs) < 0:
            return None
        case (("full" | "scatter"), _) if len(step.args) == 1 and not based_on_array:
            return like_reference if whole[0] else None
        case "scatter", _ if len(step.args) == 2:
            return of[step.args[1]]
        case "call", ("where", _) if all(whole[1:]):
            return like_reference
        case "call", (name, _) if name in POSITIONS:
            return frozenset()
        case "call", (name, _) if name in FRACTIONAL:
            return None
    if not step.args:
        return like_reference
    found = [of[arg] for arg in step.args]
    known = [each for each in found if each is not None]
    return frozenset[str]().union(*known) if len(known) == len(found) else None


def takes(base: Integral, value: Integral) -> bool:
    """Whether an array takes a value as it is: it has no fractions where the array holds integers."""
    return base is None or (value is not None and value <= base)
