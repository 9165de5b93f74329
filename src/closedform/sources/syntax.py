"""The tokens of a formula go in, its syntax tree comes out: precedence, brackets, functions, indices.

Loosest first: comparisons; sums; ⊙, ⊘ and ⊗; products and quotients; powers, transposes and indices. A sum
∑ᵢ and a product ∏ᵢ reach to the end of the product that follows. The functions are the records of the
registry, each with its printed template as its syntax, and by its NumPy name.
"""

from __future__ import annotations

import functools
import re
import string
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

from closedform.errors import InvalidArgumentError
from closedform.primitives.record import PRIMITIVES, Primitive
from closedform.sources.tokens import Token, refuse, tokens


@dataclass(frozen=True)
class Syntax:
    """A node of the syntax tree.

    kind    "number", "name", "word", "sum" (value: signs), "product", "fraction", "⊙", "⊘", "⊗", "power"
            (value: Exponent), "function power", "raised" (by an expression), "root", "transpose", "norm",
            "blocks" (value: Blocks), "ceiling", "call" (value: Call), "diag", "part" (value: items),
            "entry", "index", "different",
            "summation" or "product over" (value: letters), and the like
    at      position in the formula
    """

    kind: str
    at: int
    args: tuple[Syntax, ...] = ()
    value: Any = None


@dataclass(frozen=True)
class Call:
    """A function as it was written: by its template, or else by its name.

    axes         the subscript at the function: along these axes
    elementwise  whether it was marked with a dot: of each entry of a matrix
    composed     whether its template is a formula of other functions, as ln(1 + exp(x)) is
    """

    records: tuple[Primitive, ...]
    params: tuple[tuple[str, Any], ...] = ()
    axes: tuple[int, ...] | None = None
    elementwise: bool = False
    composed: bool = False


@dataclass(frozen=True)
class Blocks:
    """How many blocks stand in a row; `is_list` if there is one row, and no list for each row of a matrix."""

    columns: int
    is_list: bool


@dataclass(frozen=True)
class Formula:
    """A formula and the names defined after "where", in their order."""

    whole: Syntax
    parts: tuple[tuple[str, Syntax], ...]


@dataclass(frozen=True)
class Exponent:
    """A constant exponent; `elementwise` if it was marked with a dot."""

    value: Fraction
    elementwise: bool = False


@dataclass(frozen=True)
class Pattern:
    """A template of the registry as a sequence of signs and words (str), operands (int) and parameters."""

    items: tuple[str | int | tuple[str], ...]
    record: Primitive

    @property
    def composed(self) -> bool:
        """Whether other functions or numbers stand between its brackets."""
        start = self.items.index("(") if "(" in self.items else 0
        return any(isinstance(item, str) and item.isalnum() for item in self.items[start + 1 :])

    @property
    def marks(self) -> int:
        """How many signs and words it has: the more, the more particular it is."""
        return sum(isinstance(item, str) for item in self.items)


# Words of the notation that are not functions of the registry.
CONSTANTS = frozenset({"I", "K", "L", "S", "e", "π", "𝟏", "δ"})
OWN = frozenset({"vec", "reshape", "diag", "diagonal"})
COMPARISONS = {"≥": ">=", "≤": "<=", "≠": "!=", "=": "=="}


@functools.cache
def patterns() -> dict[str, list[Pattern]]:
    """The templates of the registry by their first word, the most particular first."""
    table: dict[str, list[Pattern]] = {}
    for record in PRIMITIVES.values():
        items = _items(record.text)
        first = items[0] if items else 0
        operands = any(isinstance(item, int) for item in items)
        if isinstance(first, str) and operands and first not in _OTHERWISE and "{args}" not in record.text:
            table.setdefault(first, []).append(Pattern(items, record))
    for candidates in table.values():
        candidates.sort(key=lambda pattern: -pattern.marks)
    return table


# Templates that begin with these are read as what they are: a product, a sum, a norm, a root.
_OTHERWISE = frozenset({"-", "−", "‖", "√", "⟨", *OWN, "2"})


def _items(template: str) -> tuple[str | int | tuple[str], ...]:
    items: list[str | int | tuple[str]] = []
    for before, field, _, _ in string.Formatter().parse(template):
        items += re.findall(r"[^\W\d_]\w*|\d+|\S", before)
        if field is not None:
            items.append(int(field) if field.isdigit() else (field,))
    return tuple(items)


@functools.cache
def comparisons() -> dict[str, Primitive]:
    """The comparisons of the registry by their sign."""
    found = {}
    for record in PRIMITIVES.values():
        match = re.fullmatch(r"\{0\} ([<>=!≠≤≥]+) \{1\}", record.text)
        if match:
            found[match[1]] = record
    return found


@functools.cache
def words() -> frozenset[str]:
    """All words and letters that have a meaning in the notation."""
    heads = {item for group in patterns().values() for p in group for item in p.items if _is_word(item)}
    return frozenset({str(head) for head in heads} | set(PRIMITIVES) | CONSTANTS | OWN | {"where"})


def _is_word(item: object) -> bool:
    return isinstance(item, str) and item[0].isalpha()


def syntax(text: str, names: Sequence[str]) -> Formula:
    """The syntax tree of a formula with declared names.

    Raises InvalidArgumentError, which names the position, for what is unknown or ambiguous.
    """
    defined = _defined(text)
    parser = _Parser(text, tokens(text, {*names, *defined}, words()))
    try:
        return parser.formula()
    except RecursionError:
        raise InvalidArgumentError("the formula is nested too deeply to be read") from None


_WHERE = re.compile(r",\s*where\s+(?=[^\s,=()\[\]]+\s*=(?!=))")
_DEFINITION = re.compile(r"(?:^|, )\s*([^\s,=()\[\]]+)\s*=(?!=)")


def _defined(text: str) -> list[str]:
    """The names that a formula defines after "where"."""
    found = _WHERE.search(text)
    return _DEFINITION.findall(text[found.end() :]) if found else []


class _Parser:
    def __init__(self, text: str, found: list[Token]) -> None:
        self.text, self.tokens = text, found
        self.position = 0
        self.bare = -1  # where the operand of a function without brackets ended
        self.open: list[str] = []  # the closing signs that are waited for
        self.known: dict[tuple[int, str], tuple[Syntax, int] | InvalidArgumentError] = {}

    @property
    def token(self) -> Token:
        return self.tokens[self.position]

    def refuse(self, reason: str, token: Token | None = None) -> Any:
        refuse(self.text, (token or self.token).at, reason)

    def sees(self, *signs: str) -> bool:
        """Whether one of the signs comes next."""
        return self.token.kind == "sign" and self.token.text in signs

    def take(self) -> Token:
        self.position += 1
        return self.tokens[self.position - 1]

    def expect(self, sign: str) -> Token:
        if self.token.text != sign:
            found = f"{self.token.text!r}" if self.token.text else "the end"
            self.refuse(f"{sign!r} is missing here, before {found}")
        return self.take()

    def within(self, closing: str) -> Syntax:
        """An expression up to a closing sign, which is taken too."""
        self.open.append(closing)
        try:
            inner = self.relation()
        finally:
            self.open.pop()
        self.expect(closing)
        return inner

    # --- sums and products --------------------------------------------------------------------------

    def formula(self) -> Formula:
        whole = self.relation()
        parts: list[tuple[str, Syntax]] = []
        if self.sees(",") and self.tokens[self.position + 1].text == "where":
            self.take()
            while self.token.kind == "word" or self.sees(","):
                self.take()
                name = self.take()
                if name.kind != "name":
                    self.refuse("a name is missing here", name)
                self.expect("=")
                parts.append((name.text, self.relation()))
        if self.token.kind != "end":
            self.refuse(f"{self.token.text!r} is not expected here")
        return Formula(whole, tuple(parts))

    def relation(self) -> Syntax:
        """A comparison or a sum; read once at each position, however often it is tried."""
        start = self.position, self.open[-1] if self.open else ""
        if start not in self.known:
            try:
                self.known[start] = (self._relation(), self.position)
            except InvalidArgumentError as error:
                self.known[start] = error
        found = self.known[start]
        if isinstance(found, InvalidArgumentError):
            raise found
        self.position = found[1]
        return found[0]

    def _relation(self) -> Syntax:
        left = self.sum()
        record = comparisons().get(COMPARISONS.get(self.token.text, self.token.text))
        record = record or comparisons().get(self.token.text)
        if self.token.kind != "sign" or record is None:
            return left
        at = self.take().at
        return Syntax("call", at, (left, self.sum()), Call((record,)))

    def sum(self) -> Syntax:
        at = self.token.at
        terms: list[Syntax] = []
        signs: list[int] = []
        while True:
            sign = 1
            if self.sees("+", "-"):
                sign = -1 if self.take().text == "-" else 1
            elif terms:
                break
            terms.append(self.elementwise())
            signs.append(sign)
        return terms[0] if signs == [1] else Syntax("sum", at, tuple(terms), tuple(signs))

    def elementwise(self) -> Syntax:
        form = self.product()
        while self.sees("⊙", "⊘", "⊗"):
            sign = self.take()
            if "⊗" in {sign.text, form.kind} and form.kind in {"⊙", "⊘", "⊗"} and sign.text != form.kind:
                self.refuse(f"{form.kind} and {sign.text} stand side by side: write brackets", sign)
            form = Syntax(sign.text, sign.at, (form, self.product()))
        return form

    def product(self) -> Syntax:
        """Factors side by side, and quotients."""
        at = self.token.at
        form: Syntax | None = None
        factors = [self.factor()]
        while True:
            if self.sees("*", "·"):
                self.take()
                factors.append(self.factor())
            elif self.sees("/"):
                if self.position == self.bare:
                    self.refuse("where the function's operand ends is not clear: write f(x)/a or f(x/a)")
                sign = self.take()
                above = factors[0] if len(factors) == 1 else Syntax("product", at, tuple(factors))
                form = Syntax("fraction", sign.at, (above, self.factor()))
                factors = [form]
                if self.begins_factor():
                    self.refuse("a/b c is ambiguous: write (a/b)c or a/(bc)")
            elif self.begins_factor():
                if self.token.kind == "number":
                    self.refuse("a number after a factor: write it before, or with ·")
                factors.append(self.factor())
            else:
                return factors[0] if len(factors) == 1 else Syntax("product", at, tuple(factors))

    def begins_factor(self) -> bool:
        """Whether a factor comes next."""
        token = self.token
        if token.kind == "sign":
            closes = bool(self.open) and self.open[-1] == token.text
            return token.text in {"(", "[", "‖", "|", "⌈", "√", "∛", "∑", "∏", "∇"} and not closes
        return token.kind in {"number", "name", "word", "letter"}

    # --- factors ------------------------------------------------------------------------------------

    def factor(self) -> Syntax:
        """What binds closest, with its powers, transposes and indices."""
        form = self.primary()
        raised = False
        while True:
            token = self.token
            indexed = self.sees("[") and not token.spaced and form.kind != "number"
            if token.kind == "lowered" or indexed or self.sees("_("):
                form = self.indexed(form)
            elif token.kind == "raised":
                form = self.raised(form, self.take().text, token.at)
            elif self.sees("^"):
                turned = self.tokens[self.position + 1].text == "T"
                if raised and not turned:
                    self.refuse("a power of a power: write brackets, (a^b)^c or a^(b^c)", token)
                form, raised = self.power(form), not turned
            elif self.sees("^⊙"):
                self.take()
                form = Syntax("power", token.at, (form,), Exponent(self.constant(), elementwise=True))
            else:
                return form

    def primary(self) -> Syntax:
        token = self.take()
        if token.kind == "number":
            return Syntax("number", token.at, value=token.value)
        if token.kind == "name":
            return Syntax("name", token.at, value=token.text)
        if token.kind == "word":
            return self.word(token)
        if token.kind == "letter":
            word = re.match(r"\w+", self.text[token.at :])
            named = word[0] if word else token.text
            self.refuse(
                f"{named!r} is not declared: give it an argument, as in {token.text}=cf.vector('n')", token
            )
        rule = {
            "(": lambda at: self.within(")"),
            "[": self.bracket,
            "‖": self.norm,
            "⌈": lambda at: Syntax("ceiling", at, (self.within("⌉"),)),
            "√": lambda at: Syntax("root", at, (self.operand(apart=True),)),
            "∑": self.summation,
            "∏": self.big_product,
        }.get(token.text if token.kind == "sign" else "")
        if rule is not None:
            return rule(token.at)
        if token.kind == "sign" and token.text in patterns():
            return self.function(token)
        found = repr(token.text) if token.text else "the end of the formula"
        self.refuse(f"{found} stands where a factor is expected", token)
        raise AssertionError

    def word(self, token: Token) -> Syntax:
        if token.text == "Σ" and (self.token.kind == "lowered" or self.sees("_(")):
            return self.summation(token.at)
        if token.text in {"S", "e"}:
            return self.numbered(token)
        if token.text == "δ":
            return Syntax("delta", token.at, value=self.letters(token))
        if token.text in CONSTANTS:
            return Syntax("word", token.at, value=token.text)
        return self.function(token)

    def numbered(self, token: Token) -> Syntax:
        """A unit vector e₁, a selection S[1:], or Euler's number."""
        if self.token.kind == "lowered" and token.text == "e" and _is_integer(self.token.text):
            return Syntax("basis", token.at, value=int(self.take().text))
        if self.sees("[") and token.text == "S":
            self.take()
            return Syntax("selection", token.at, value=self.items())
        if token.text == "e":
            return Syntax("word", token.at, value="e")
        self.refuse("S is the matrix that takes a slice, as S[1:]; declare S if it is an argument", token)
        raise AssertionError

    def bracket(self, at: int) -> Syntax:
        """[i ≠ j], an array by its entries, [xᵢyⱼ]ᵢⱼ, or one put together of blocks, [A, B; C, D]."""
        first, sign, second = (self.tokens[min(self.position + n, len(self.tokens) - 1)] for n in range(3))
        if sign.text == "≠" and first.kind == second.kind == "letter":
            self.position += 3
            self.expect("]")
            return Syntax("different", at, value=(first.text, second.text))
        rows = self.rows()
        if sum(map(len, rows)) == 1:
            ((body,),) = rows
            nested = body.kind == "blocks" or self.open[-1:] == ["]"]
            if self.token.kind == "lowered" or self.sees("_(") or not nested:
                return Syntax("index", at, (body,), self.letters(self.token))
        if len(rows) == 1 and all(cell.kind == "blocks" and cell.value.is_list for cell in rows[0]):
            rows = [list(cell.args) for cell in rows[0]]  # [[a, b], [c, d]]
            blocks = Blocks(len(rows[0]), is_list=False)
        else:
            blocks = Blocks(len(rows[0]), is_list=len(rows) == 1)
        if len({len(row) for row in rows}) > 1:
            refuse(self.text, at, "the rows of these blocks have unequal numbers of blocks")
        return Syntax("blocks", at, tuple(cell for row in rows for cell in row), blocks)

    def rows(self) -> list[list[Syntax]]:
        """What stands between square brackets, with commas in a row and semicolons after it."""
        rows: list[list[Syntax]] = [[]]
        self.open.append("]")
        try:
            rows[-1].append(self.relation())
            while self.sees(",", ";"):
                if self.take().text == ";":
                    rows.append([])
                rows[-1].append(self.relation())
        finally:
            self.open.pop()
        self.expect("]")
        return rows

    def letters(self, token: Token) -> tuple[str, ...]:
        """The letters of indices: ᵢⱼ or _(i, j)."""
        if self.token.kind == "lowered" and self.token.text.isalpha():
            return tuple(self.take().text)
        if self.sees("_("):
            found = self.listed(")")
            if all(letter.kind == "letter" for letter in found):
                return tuple(letter.text for letter in found)
        if self.sees("[") and token.text == "δ":
            return tuple(letter.text for letter in self.listed("]"))
        self.refuse("indices are missing here, as in ∑ᵢ, [aᵢ]ᵢ or δᵢⱼ", token)
        raise AssertionError

    def listed(self, closing: str) -> list[Token]:
        """Single tokens between commas, after an opening sign."""
        self.take()
        found = [self.take()]
        while self.sees(","):
            self.take()
            found.append(self.take())
        self.expect(closing)
        return found

    def summation(self, at: int) -> Syntax:
        letters = self.letters(self.token)
        return Syntax("summation", at, (self.product(),), letters)

    def big_product(self, at: int) -> Syntax:
        """∏ₖ aₖ, and ∏_(k ≠ i) aₖ."""
        if self.token.kind != "lowered" and not self.sees("_("):
            self.position -= 1
            return self.function(self.take())
        label, *without = self.tokens[self.position + 1 : self.position + 3]
        if self.sees("_(") and without[0].text == "≠":
            self.position += 2
            left_out = tuple(letter.text for letter in self.listed(")"))
            return Syntax("product over", at, (self.product(),), (label.text, *left_out))
        letters = self.letters(self.token)
        return Syntax("product over", at, (self.product(),), letters)

    def norm(self, at: int) -> Syntax:
        inner = self.within("‖")
        frobenius = self.token.kind == "lowered" and self.token.text == "F"
        if frobenius:
            self.take()
        return Syntax("norm", at, (inner,), frobenius)

    # --- powers and indices -------------------------------------------------------------------------

    def raised(self, form: Syntax, mark: str, at: int) -> Syntax:
        if mark == "T":
            return Syntax("transpose", at, (form,))
        if mark == "-T":
            return Syntax("transpose", at, (Syntax("power", at, (form,), Exponent(Fraction(-1))),))
        return Syntax("power", at, (form,), Exponent(Fraction(int(mark))))

    def power(self, form: Syntax) -> Syntax:
        at = self.take().at
        sign = "-" if self.sees("-") and self.tokens[self.position + 1].text == "T" else ""
        if sign:
            self.take()
        if self.token.text == "T" and self.token.kind != "name":
            self.take()
            return self.raised(form, f"{sign}T", at)
        if self.sees("⊙"):
            self.take()
            return Syntax("power", at, (form,), Exponent(self.constant(), elementwise=True))
        if self.sees("("):
            start = self.position
            self.take()
            elementwise = self.sees("⊙")
            if elementwise:
                self.take()
            inner = self.within(")")
            value = constant(inner)
            if value is not None:
                return Syntax("power", at, (form,), Exponent(value, elementwise))
            if elementwise:
                return Syntax("raised", at, (form, inner), elementwise)
            self.position = start
        if self.token.kind == "number" or self.sees("-"):
            return Syntax("power", at, (form,), Exponent(self.constant()))
        return Syntax("raised", at, (form, self.operand(apart=True)))

    def constant(self) -> Fraction:
        """A number, perhaps with a sign or in brackets."""
        token = self.token
        sign = -1 if self.sees("-") else 1
        if sign < 0:
            self.take()
        value = constant(self.primary())
        if value is None:
            self.refuse("the exponent is to be a number", token)
            raise AssertionError
        return sign * value

    def indexed(self, form: Syntax) -> Syntax:
        """An entry xᵢ or x₀, or a part x[1:]."""
        token = self.token
        if self.sees("["):
            self.take()
            items = self.items()
            letters = tuple(item[1] for item in items if item[0] == "letter")
            if letters and len(letters) < len(items):
                self.refuse("indices beside slices: write all of them as indices, or none", token)
            return (
                Syntax("entry", token.at, (form,), letters)
                if letters
                else Syntax("part", token.at, (form,), items)
            )
        if token.kind == "lowered" and _is_integer(token.text):
            self.take()
            return Syntax("part", token.at, (form,), (("at", int(token.text)),))
        return Syntax("entry", token.at, (form,), self.letters(token))

    def items(self) -> tuple[tuple[Any, ...], ...]:
        """What stands between square brackets, as NumPy writes it, up to the closing one."""
        items = [self.item()]
        while self.sees(","):
            self.take()
            items.append(self.item())
        self.expect("]")
        return tuple(items)

    def item(self) -> tuple[Any, ...]:
        if self.sees("["):
            gathered = self.listed_numbers()
            return ("gather", gathered)
        if self.token.kind == "letter":
            return ("letter", self.take().text)
        bounds: list[Syntax | None] = [None]
        while not self.sees("]", ","):
            if self.sees(":"):
                self.take()
                bounds.append(None)
            else:
                bounds[-1] = self.sum()
        if len(bounds) == 1:
            value = constant(bounds[0]) if bounds[0] is not None else None
            if value is None or value.denominator != 1:
                self.refuse("an index is to be a number, a slice, or a letter that is not declared")
                raise AssertionError
            return ("at", int(value))
        return ("slice", *bounds, *[None] * (3 - len(bounds)))

    def listed_numbers(self) -> tuple[int, ...]:
        self.take()
        found: list[int] = []
        while not self.sees("]"):
            if self.sees("…"):
                self.refuse("the indices left out here are not known: write them all")
            value = constant(self.sum())
            if value is None:
                self.refuse("an index is to be a number")
                raise AssertionError
            found.append(int(value))
            if not self.sees("]"):
                self.expect(",")
        self.take()
        return tuple(found)

    # --- functions ----------------------------------------------------------------------------------

    def function(self, token: Token) -> Syntax:
        """A function by its template, or by its name with its operands in brackets."""
        power = self.token if self.token.kind == "raised" and _is_integer(self.token.text) else None
        if power is not None:
            self.take()
        axes: tuple[int, ...] | None = None
        marked = self.token.kind == "lowered" and self.token.text == "⊙"
        if marked:
            self.take()
        elif self.token.kind == "lowered" and self.token.text.isdigit():
            axes = tuple(int(digit) for digit in self.take().text)
        form = self.matched(token, axes, marked)
        if power is not None:
            return Syntax("function power", power.at, (form,), int(power.text))
        return form

    def matched(self, token: Token, axes: tuple[int, ...] | None, marked: bool) -> Syntax:
        start = self.position
        furthest, reached = None, -1
        for pattern in patterns().get(token.text, ()):
            self.position = start
            try:
                operands, params = self.pattern(pattern)
            except InvalidArgumentError as error:
                if self.position > reached:
                    furthest, reached = error, self.position
                continue
            same = [p.record for p in patterns()[token.text] if p.items == pattern.items]
            call = Call(tuple(same), params, axes, marked, pattern.composed)
            return Syntax("call", token.at, tuple(operands), call)
        self.position = start
        named = token.text in PRIMITIVES or token.text in OWN
        if named and (furthest is None or self.sees("(")):
            return self.by_name(token, axes, marked)
        if furthest is not None:
            raise furthest
        self.refuse(f"{token.text!r} is not expected here", token)
        raise AssertionError

    def pattern(self, pattern: Pattern) -> tuple[list[Syntax], tuple[tuple[str, Any], ...]]:
        """The operands and parameters of a template whose first word has been read."""
        operands: dict[int, Syntax] = {}
        params: list[tuple[str, Any]] = []
        items = pattern.items[1:]
        for n, item in enumerate(items):
            following = items[n + 1] if n + 1 < len(items) else None
            before = pattern.items[n]
            if item == ("rest",):
                operands[len(operands)] = self.relation()
                while self.sees(","):
                    self.take()
                    operands[len(operands)] = self.relation()
            elif isinstance(item, tuple):
                params.append((item[0], int(self.take().value or 0)))
            elif isinstance(item, str):
                self.expect(item)
            elif isinstance(following, str) and not _is_word(before):
                self.open.append(following)
                try:
                    operands[item] = self.relation()
                finally:
                    self.open.pop()
            else:
                operands[item] = self.operand()
        return [operands[n] for n in sorted(operands)], tuple(params)

    def operand(self, apart: bool = False) -> Syntax:
        """The operand of a function: in brackets, or a name or number with its indices alone; what follows
        may stand `apart` by a space."""
        start = self.token
        if self.sees("("):
            self.take()
            return self.within(")")
        plain = start.kind in {"name", "number"} or (start.kind == "word" and start.text in CONSTANTS)
        if not plain and not self.sees("‖", "|"):
            self.refuse("a function's operand is to be in brackets, unless it is a name")
        form = self.primary()
        while self.token.kind == "lowered" or (self.sees("[") and not self.token.spaced):
            form = self.indexed(form)
        unclear = self.token.kind in {"number", "name"} and not (apart and self.token.spaced)
        if unclear or self.token.kind == "raised" or self.sees("^", "^⊙"):
            self.refuse("where the function's operand ends is not clear: write brackets around it", start)
        if not apart:
            self.bare = self.position
        return form

    def by_name(self, token: Token, axes: tuple[int, ...] | None, marked: bool) -> Syntax:
        """name(operands)"""
        if token.text == "reshape" and self.token.kind == "lowered":
            return Syntax("reshaping", token.at)
        if not self.sees("("):
            self.refuse(f"the operands of {token.text} are to be in brackets")
        operands: list[Syntax] = []
        while not operands or self.sees(","):
            self.take()
            self.open.append(")")
            try:
                operands.append(self.relation())
            finally:
                self.open.pop()
        self.expect(")")
        if token.text in OWN:
            order = axes[0] if axes else 2
            return Syntax(token.text, token.at, tuple(operands), order)
        call = Call((PRIMITIVES[token.text],), (), axes, marked)
        return Syntax("call", token.at, tuple(operands), call)


def constant(form: Syntax) -> Fraction | None:
    """The value of a number, a quotient of numbers or a negative one."""
    if form.kind == "number":
        return Fraction(form.value)
    if form.kind == "fraction":
        above, below = (constant(arg) for arg in form.args)
        return above / below if above is not None and below else None
    if form.kind == "sum" and len(form.args) == 1:
        value = constant(form.args[0])
        return None if value is None else form.value[0] * value
    return None


def _is_integer(text: str) -> bool:
    return re.fullmatch(r"-?\d+", text) is not None
