"""Functions as people write them, at inputs of every magnitude: how often whose derivatives are wrong."""

from closedform.comparison.stability.answers import ANSWERS, Tally, closed_form, largest_errors, tally
from closedform.comparison.stability.cases import COMPOSITES, ELEMENTWISE, LIMITS, TOLERANCE, Case
from closedform.comparison.stability.truth import points_and_truth

__all__ = [
    "ANSWERS",
    "COMPOSITES",
    "ELEMENTWISE",
    "LIMITS",
    "TOLERANCE",
    "Case",
    "Tally",
    "closed_form",
    "largest_errors",
    "points_and_truth",
    "tally",
]
