"""A formula as Unicode or ASCII text goes in, its tokens come out; names are read by the longest match."""

from __future__ import annotations

import math
import re
import unicodedata
from collections.abc import Collection
from fractions import Fraction
from typing import Any, NamedTuple, NoReturn

from closedform.errors import InvalidArgumentError
from closedform.expression.calculus import exact


class Token(NamedTuple):
    """A piece of a formula.

    kind    "number", "name" (declared), "word" (of the notation), "letter" (neither), "raised" or "lowered"
            (a run of superscripts or subscripts, as plain characters), "sign" or "end"
    text    as written, without bold type; of a name, as it was declared
    at      position in the formula
    value   of a number
    spaced  whether a space stands before it
    """

    kind: str
    text: str
    at: int
    value: Any = None
    spaced: bool = False


RAISED = dict(zip("⁰¹²³⁴⁵⁶⁷⁸⁹⁻ᵀ⊤", "0123456789-TT", strict=True))
LOWERED = dict(zip("₀₁₂₃₄₅₆₇₈₉₋ₐₑₕᵢⱼₖₗₘₙₒₚᵣₛₜᵤᵥₓ", "0123456789-aehijklmnoprstuvx", strict=True))
VULGAR = "½⅓⅔¼¾⅙⅛"
SIGNS = ("||", ".*", "./", ".^", ">=", "<=", "==", "!=", "_(", *"+-*·/⊙⊘⊗()[],;=≠<>≤≥‖|^:∑∏√∛⌈⌉⁽⁾∇…")
ALIKE = {"−": "-", "–": "-", "||": "‖", "@": "*", ".*": "⊙", "./": "⊘", ".^": "^⊙", "∗": "*", "×": "*"}

_NUMBER = re.compile(r"([0-9]+(?:\.[0-9]+)?)(?:·10(⁻[⁰¹²³⁴⁵⁶⁷⁸⁹]+))?(?!\.?[0-9])")
_TEN = re.compile(r"10(⁻[⁰¹²³⁴⁵⁶⁷⁸⁹]+)")
_ASCII_POWER = re.compile(r"[eE][+-]?[0-9]")
_RAISED = re.compile(r"⁻?[ᵀ⊤]|⁻?[⁰¹²³⁴⁵⁶⁷⁸⁹]+")
_LOWERED = re.compile("₋?[₀-₉]+|[ₐₑₕᵢⱼₖₗₘₙₒₚᵣₛₜᵤᵥₓ]+")
_BOLD = re.compile("[\U0001d400-\U0001d7ff]+")
_LETTER = re.compile(r"[^\W\d_](_\d+)?")


def refuse(text: str, at: int, reason: str) -> NoReturn:
    """Raise InvalidArgumentError for a position of a formula."""
    start = max(0, at - 50)
    shown = text[start : at + 50]
    raise InvalidArgumentError(f"{reason}\n    {shown}\n    {' ' * (at - start)}^ position {at}")


def tokens(text: str, names: Collection[str], words: Collection[str]) -> list[Token]:
    """The tokens of a formula with declared `names` and the `words` of the notation.

    >>> [token.text for token in tokens("Aᵀ(Ax − b)", {"A", "x", "b"}, set())]
    ['A', 'T', '(', 'A', 'x', '-', 'b', ')', '']
    """
    return _Lexer(text, names, words).all()


class _Lexer:
    def __init__(self, text: str, names: Collection[str], words: Collection[str]) -> None:
        self.text, self.names = text, names
        self.at = 0
        self.known = _by_first({**dict.fromkeys(words, "word"), **dict.fromkeys(names, "name")})
        self.bold = _by_first(dict.fromkeys(words, "word"))

    def all(self) -> list[Token]:
        found: list[Token] = []
        while True:
            start = self.at
            while self.at < len(self.text) and self.text[self.at].isspace():
                self.at += 1
            if self.at == len(self.text):
                return [*found, Token("end", "", self.at)]
            token, length = self._next()
            found.append(token._replace(at=self.at, spaced=self.at > start))
            self.at += length

    def _next(self) -> tuple[Token, int]:
        rest = self.text[self.at :]
        for rule in (self._number, self._raised, self._known, self._lowered, self._sign, self._letter):
            found = rule(rest)
            if found is not None:
                return found
        refuse(self.text, self.at, f"{rest[0]!r} has no meaning in a formula")

    def _number(self, rest: str) -> tuple[Token, int] | None:
        ten = _TEN.match(rest)
        if ten:
            return Token("number", ten[0], 0, exact(self._float(f"1e{_plain(ten[1], RAISED)}"))), ten.end()
        if rest[0] in VULGAR:
            return Token("number", rest[0], 0, _vulgar(rest[0])), 1
        match = _NUMBER.match(rest)
        if not match:
            return None
        if match[2]:
            value = exact(self._float(f"{match[1]}e{_plain(match[2], RAISED)}"))
            return Token("number", match[0], 0, value), match.end()
        if _ASCII_POWER.match(rest, match.end()):
            refuse(self.text, self.at + match.end(), "write 2·10⁻³ or 0.002, not 2e-3: e is a number")
        rounded = self._float(match[1])
        value = exact(rounded) if "." in match[1] else int(match[1])
        return Token("number", match[1], 0, value), match.end()

    def _float(self, digits: str) -> float:
        """The nearest float; integers are limited to the same range."""
        value = float(digits)
        if math.isinf(value):
            refuse(self.text, self.at, "a number that is too large: there are none above 1.8·10³⁰⁸")
        if not value and re.search("[1-9]", digits.partition("e")[0]):
            refuse(self.text, self.at, "a number that is too small: there are none but 0 below 10⁻³²³")
        return value

    def _raised(self, rest: str) -> tuple[Token, int] | None:
        match = _RAISED.match(rest)
        if match:
            plain = _plain(match[0], RAISED)
            if not plain.endswith("T"):
                self._float(plain)
            return Token("raised", plain, 0), match.end()
        for transpose in ("'", ".T"):
            if rest.startswith(transpose):
                return Token("raised", "T", 0), len(transpose)
        return None

    def _known(self, rest: str) -> tuple[Token, int] | None:
        """A declared name or a word, whichever is longer; a name where they are the same."""
        for candidate, kind in self.known.get(rest[0], ()):
            if rest.startswith(candidate):
                return Token(kind, candidate, 0), len(candidate)
        match = _BOLD.match(rest)
        plain = unicodedata.normalize("NFKC", match[0]) if match else ""
        if plain.startswith("1"):
            return Token("word", "𝟏", 0), 1
        for candidate, kind in self.bold.get(plain[:1], ()):
            if plain.startswith(candidate):
                return Token(kind, candidate, 0), len(candidate)
        return None

    def _lowered(self, rest: str) -> tuple[Token, int] | None:
        match = _LOWERED.match(rest)
        if match:
            plain = _plain(match[0], LOWERED)
            if plain[-1].isdigit():
                self._float(plain)
            return Token("lowered", plain, 0), match.end()
        match = re.match(r"_([A-Za-z⊙]+)", rest)
        return (Token("lowered", match[1], 0), match.end()) if match else None

    def _sign(self, rest: str) -> tuple[Token, int] | None:
        for sign in (*SIGNS, *ALIKE):
            if rest.startswith(sign):
                return Token("sign", ALIKE.get(sign, sign), 0), len(sign)
        return None

    def _letter(self, rest: str) -> tuple[Token, int] | None:
        match = _LETTER.match(rest)
        return (Token("letter", match[0], 0), match.end()) if match else None


def _by_first(kinds: dict[str, str]) -> dict[str, list[tuple[str, str]]]:
    """Names by their first character, the longest first."""
    table: dict[str, list[tuple[str, str]]] = {}
    for name, kind in sorted(kinds.items(), key=lambda item: -len(item[0])):
        table.setdefault(name[:1], []).append((name, kind))
    return table


def _plain(run: str, table: dict[str, str]) -> str:
    return "".join(table[c] for c in run)


def _vulgar(sign: str) -> Fraction:
    above, _, below = unicodedata.normalize("NFKC", sign).partition("\N{FRACTION SLASH}")
    return Fraction(int(above), int(below))
