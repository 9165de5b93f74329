"""Engines side by side: `compare` gives the table, `check` judges a derivative worked out by hand."""

from closedform.comparison.check import Verdict, check
from closedform.comparison.compare import Comparison, compare
from closedform.comparison.rows import Row
from closedform.comparison.timing import QUICK, Case, Effort, measure

__all__ = ["QUICK", "Case", "Comparison", "Effort", "Row", "Verdict", "check", "compare", "measure"]
