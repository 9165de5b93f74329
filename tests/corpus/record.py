"""One textbook function with its derivatives as they are printed there."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Entry:
    """A function, where it is found, and its derivatives in the characters that closedform prints.

    name       lower case with underscores, unique in the corpus
    source     book or paper with equation or section: "Matrix Cookbook (2012), eq. 61"
    function   NumPy code of it, as a reader of the source would write it
    arguments  of `function`: descriptions such as cf.vector("n"), cf.spd("n")
    gradient   the derivative in the argument `argnums`; of a function that returns an array, its Jacobian
    hessian    the second derivative, None where the source has none
    argnums    the variable
    """

    name: str
    source: str
    function: Callable[..., Any]
    arguments: tuple[Any, ...]
    gradient: str
    hessian: str | None = None
    argnums: int = 0
