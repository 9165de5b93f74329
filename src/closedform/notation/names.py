"""A Python name goes in, its base and subscripts as written on paper come out."""

from __future__ import annotations

import re

_NAMES = """
alpha beta gamma delta epsilon zeta eta theta iota kappa lambda mu
nu xi pi rho sigma tau upsilon phi chi psi omega
Gamma Delta Theta Lambda Xi Pi Sigma Upsilon Phi Psi Omega
"""
GREEK = dict(zip(_NAMES.split(), "αβγδεζηθικλμνξπρστυφχψωΓΔΘΛΞΠΣΥΦΨΩ", strict=True))
# "lambda" cannot be a Python name.
_SHORT = {"lam": "lambda", "eps": "epsilon"}
_LETTERS = {letter: name for name, letter in GREEK.items()}


def parts_of(name: str) -> tuple[str, list[str]]:
    """The base of a name and its subscripts: trailing digits, and what follows underscores.

    >>> parts_of("x0"), parts_of("w_out"), parts_of("lambda_"), parts_of("λ1")
    (('x', ['0']), ('w', ['out']), ('lambda', []), ('lambda', ['1']))
    """
    name = _SHORT.get(name, name)
    base, *subscripts = [piece for piece in name.split("_") if piece] or [name]
    digits = re.fullmatch(r"(.*?[^\d])(\d+)", base)
    if digits:
        base, subscripts = digits[1], [digits[2], *subscripts]
    return _LETTERS.get(base, base), subscripts
