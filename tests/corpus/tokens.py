"""Formulas as lists of tokens, by which their lengths are compared."""

from __future__ import annotations

import re
import string
from collections.abc import Iterable

from closedform.notation.names import GREEK
from closedform.primitives import PRIMITIVES

# Words that stand in printed formulas besides names of arguments: tr, diag, softmax, ...
WORDS = {"diag", "diagonal", "tr", "vec", "ravel", "reshape", "tril", "exp", "where", "argmax"} | {
    word
    for primitive in PRIMITIVES.values()
    for literal, *_ in string.Formatter().parse(primitive.text)
    for word in re.findall(r"[a-zA-Z]{2,}\d?", literal)
}
_NUMBER = r"\d+(?:\.\d+)?|[½⅓⅔¼¾⅙⅛]"
_RAISED = r"[⁰¹²³⁴⁵⁶⁷⁸⁹⁺⁻⁽⁾ᵀ]+"
_INDEXED = r"(?:[₀₁₂₃₄₅₆₇₈₉₋ₐₑₕᵢⱼₖₗₘₙₒₚᵣₛₜᵤᵥₓ]+|_\w)?"
_INDEX = re.compile(r"[ᵢⱼₖₗ]|≠")


def tokens(formula: str, names: Iterable[str] = ()) -> list[str]:
    """Identifiers, numbers, operators, brackets and superscripts, one token each.

    names  of the arguments: those of several letters are one identifier

    >>> tokens("½‖Ax − b‖² tr(X⁻ᵀ)")
    ['½', '‖', 'A', 'x', '−', 'b', '‖', '²', 'tr', '(', 'X', '⁻ᵀ', ')']
    """
    known = sorted({*WORDS, *(GREEK.get(n, n) for n in names)}, key=len, reverse=True)
    words = "|".join(re.escape(word) for word in known if len(word) > 1)
    return re.findall(rf"(?:{words}){_INDEXED}|[^\W\d]{_INDEXED}|{_NUMBER}|{_RAISED}|\S", formula)


def has_indices(formula: str) -> bool:
    """Whether a formula is written with the indices of entries, i, j, k, l.

    >>> has_indices("aₖxᵢ"), has_indices("∏_(k ≠ i) xₖ"), has_indices("nₓx₀")
    (True, True, False)
    """
    return _INDEX.search(formula) is not None
