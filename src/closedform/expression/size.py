"""Symbolic axis sizes: integer polynomials in the sizes of the inputs' axes, each with its example value."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class AxisOf:
    """The size of one axis of an input, `argument.shape[axis]`, with its example value.

    `order` is the number of axes of the input, where it is known, and `label` what the user calls the axis:
    printed names of sizes depend on them.
    """

    argument: str
    axis: int
    value: int
    order: int | None = field(default=None, compare=False, repr=False)
    label: str | None = field(default=None, repr=False)


@dataclass(frozen=True)
class Quotient:
    """The rounded-up quotient `ceil(size / divisor)`, as in the length of a strided slice."""

    size: Size
    divisor: int

    @property
    def value(self) -> int:
        """The example value."""
        return -(-self.size.value // self.divisor)

    def render(self, axis: Any) -> str:
        """The quotient as Python text; ceil((n - d + 1) / d) is n // d."""
        whole = self.size + (self.divisor - 1)
        if () not in dict(whole.terms):
            text = whole.render(axis)
            return f"{text if len(whole.terms) == 1 and ' ' not in text else f'({text})'} // {self.divisor}"
        return f"-(-({self.size.render(axis)}) // {self.divisor})"


Atom = AxisOf | Quotient
Monomial = tuple[Atom, ...]


def _order(atom: Atom) -> str:
    return repr(atom)


@dataclass(frozen=True)
class Size:
    """An axis size `sum of coefficient * product of atoms`; two sizes are equal when their polynomials are.

    >>> n = Size.axis("x", 0, 7)
    >>> (n + 1).value, n + 1 == Size.of(1) + n, n == Size.of(7)
    (8, True, False)
    """

    terms: tuple[tuple[Monomial, int], ...]

    @property
    def value(self) -> int:
        """The size at the example."""
        return sum(c * math.prod(atom.value for atom in monomial) for monomial, c in self.terms)

    @staticmethod
    def of(number: int | Size) -> Size:
        """A literal size; sizes pass through."""
        if isinstance(number, Size):
            return number
        return Size((((), int(number)),) if number else ())

    @staticmethod
    def axis(
        argument: str, axis: int, value: int, order: int | None = None, label: str | None = None
    ) -> Size:
        """The size of an input's axis, with its example value; `order` is the number of the input's axes."""
        return Size((((AxisOf(argument, axis, value, order, label),), 1),))

    @property
    def is_literal(self) -> bool:
        """Whether the size is a plain number."""
        return all(not monomial for monomial, _ in self.terms)

    @property
    def is_rounded(self) -> bool:
        """Whether quotients rounded up stand in it."""
        return any(isinstance(atom, Quotient) for monomial, _ in self.terms for atom in monomial)

    @property
    def is_nonnegative(self) -> bool:
        """Whether it is never below zero, whatever the axes' sizes: n + 2 and m n, but not m - n.

        >>> n = Size.axis("x", 0, 7)
        >>> (n + 2).is_nonnegative, (n - 2).is_nonnegative
        (True, False)
        """
        return all(
            c > 0 and all(isinstance(atom, AxisOf) or atom.size.is_nonnegative for atom in monomial)
            for monomial, c in self.terms
        )

    @property
    def is_positive(self) -> bool:
        """Whether it is above 0 whatever the sizes of the inputs are: n + 1, but neither n nor n - 1."""
        return self.is_nonnegative and any(not monomial for monomial, _ in self.terms)

    @property
    def label(self) -> str | None:
        """What the user calls the axis that has this size."""
        match self.terms:
            case ((((AxisOf() as axis),), 1),):
                return axis.label
        return None

    def _combine(self, other: Size, sign: int) -> Size:
        total = dict(self.terms)
        for monomial, coefficient in other.terms:
            total[monomial] = total.get(monomial, 0) + sign * coefficient
        return Size(_sorted(total))

    def __add__(self, other: int | Size) -> Size:
        return self._combine(Size.of(other), 1)

    def __sub__(self, other: int | Size) -> Size:
        return self._combine(Size.of(other), -1)

    def __mul__(self, other: int | Size) -> Size:
        other = Size.of(other)
        total: dict[Monomial, int] = {}
        for left, a in self.terms:
            for right, b in other.terms:
                monomial = tuple(sorted(left + right, key=_order))
                total[monomial] = total.get(monomial, 0) + a * b
        return Size(_sorted(total))

    __radd__ = __add__
    __rmul__ = __mul__

    def ceildiv(self, divisor: int) -> Size:
        """`ceil(size / divisor)` for a positive divisor."""
        if divisor == 1:
            return self
        quotient = Quotient(self, divisor)
        return Size.of(quotient.value) if self.is_literal else Size((((quotient,), 1),))

    def parts(self) -> tuple[Size, Size]:
        """(a, b) of terms with a plus only, such that the size is b - a."""
        below, above = (
            Size(tuple((monomial, abs(c)) for monomial, c in self.terms if sign * c > 0)) for sign in (-1, 1)
        )
        return below, above

    def span(self, step: int) -> Size:
        """How far so many entries reach that are `step` apart: at most, where their number is rounded up."""
        match self.terms:
            case ((((Quotient() as quotient),), 1),) if quotient.divisor == step:
                return quotient.size
        return (self - 1) * step + 1

    def substitute(self, sizes: dict[Atom, Size]) -> Size:
        """The size with atoms replaced."""
        result = Size.of(0)
        for monomial, coefficient in self.terms:
            product = Size.of(coefficient)
            for atom in monomial:
                if isinstance(atom, Quotient):
                    product = product * atom.size.substitute(sizes).ceildiv(atom.divisor)
                elif atom in sizes:
                    product = product * sizes[atom]
                else:
                    product = product * Size((((atom,), 1),))
            result = result + product
        return result

    def render(self, axis: Any) -> str:
        """The size as Python text; `axis(argument, axis)` names an input's axis.

        >>> (Size.axis("x", 0, 7) * 2 - 1).render(lambda a, i: f"{a}.shape[{i}]")
        '2 * x.shape[0] - 1'
        """
        text = ""
        for monomial, coefficient in self.terms:
            atoms = [axis(a.argument, a.axis) if isinstance(a, AxisOf) else a.render(axis) for a in monomial]
            magnitude = [str(abs(coefficient))] if abs(coefficient) != 1 or not atoms else []
            sign = ("-" if not text else " - ") if coefficient < 0 else ("" if not text else " + ")
            if len(magnitude + atoms) > 1:
                atoms = [f"({atom})" if " // " in atom else atom for atom in atoms]
            text += sign + " * ".join(magnitude + atoms)
        return text or "0"

    def __repr__(self) -> str:
        return self.render(lambda argument, axis: f"{argument}.shape[{axis}]")


def _sorted(total: dict[Monomial, int]) -> tuple[tuple[Monomial, int], ...]:
    kept = [(m, c) for m, c in total.items() if c]
    return tuple(sorted(kept, key=lambda item: (-len(item[0]), [_order(a) for a in item[0]])))
