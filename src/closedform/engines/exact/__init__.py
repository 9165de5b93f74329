"""The exact reference: what every engine's result is measured against, by ball arithmetic (python-flint)."""

from closedform.engines.exact.evaluation import evaluate, taylor
from closedform.engines.exact.proof import WrongDerivative
from closedform.engines.exact.reference import Errors, Reference, errors, reference

__all__ = ["Errors", "Reference", "WrongDerivative", "errors", "evaluate", "reference", "taylor"]
