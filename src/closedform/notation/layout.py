"""A notation tree and a style (LaTeX, text) go in, a string comes out; brackets are decided here."""

from __future__ import annotations

import itertools
import re
import string
from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from enum import IntEnum
from fractions import Fraction
from typing import Any, ClassVar

from closedform.expression.calculus import Number
from closedform.expression.expr import ArrayConstant, Expr, toposort
from closedform.notation.index import is_elementwise
from closedform.notation.numbers import Written, written
from closedform.primitives import record
from closedform.primitives.record import PRIMITIVES, Primitive


class Level(IntEnum):
    """Binding strength of what is written, loosest first; BARE is a function without brackets, as sin x."""

    SUM = 0
    ELEMENTWISE = 1
    PRODUCT = 2
    BARE = 3
    POWER = 4
    ATOM = 5


LEVELS = {
    record.SUM: Level.SUM,
    record.PRODUCT: Level.PRODUCT,
    record.POWER: Level.POWER,
    record.CALL: Level.ATOM,
    record.ATOM: Level.ATOM,
}


@dataclass(frozen=True)
class Piece:
    """A written form.

    simple          a name: a function may stand before it without brackets
    head, argument  of a function: its name, and its operand with brackets where it needs them
    closed          a bare function with brackets
    shut            a product whose last factor is a bare function, with brackets there
    opens, closes   whether it begins or ends with a word of several letters
    """

    string: str
    level: Level = Level.ATOM
    simple: bool = False
    head: str = ""
    argument: str = ""
    closed: str = ""
    shut: str = ""
    opens: bool = False
    closes: bool = False


class Style(ABC):
    """How the parts of a formula are written."""

    minus: ClassVar[str]
    signs: ClassVar[Mapping[str, str]]  # of forms, and "dot", "inverse transpose", "sum", "prod", "pi", "e"

    @abstractmethod
    def symbol(self, name: str) -> Piece:
        """A name."""

    @abstractmethod
    def verbatim(self, name: str) -> Piece:
        """A name exactly as it was given, where two are written alike otherwise."""

    @abstractmethod
    def bold(self, name: str) -> str:
        """A letter or word told apart from an input of the same name."""

    @abstractmethod
    def told_apart(self, text: str, symbols: Collection[str]) -> str:
        """The name of a function, or text around operands, with those of its words bold that are symbols."""

    @abstractmethod
    def number(self, value: Number) -> Piece:
        """A number that is not negative."""

    def decimal(self, number: Written) -> Piece:
        """A decimal, with a power of ten."""
        if not number.exponent:
            return Piece(number.mantissa)
        power = self.superscript("10", str(number.exponent))
        if number.mantissa == "1":
            return Piece(power, Level.POWER)
        return Piece(number.mantissa + self.signs["dot"] + power, Level.PRODUCT)

    @abstractmethod
    def brackets(self, inner: str, kind: str = "()") -> str:
        """The brackets (), [], || (the norm) or ceiling brackets around a string."""

    @abstractmethod
    def superscript(self, base: str, exponent: str) -> str:
        """A power."""

    @abstractmethod
    def subscript(self, base: str, items: Sequence[str], letters: bool = True) -> str:
        """Indices; `letters` tells indices from slices."""

    @abstractmethod
    def marked(self, base: str, items: Sequence[str]) -> str:
        """An entry that cannot be taken for a name with a subscript."""

    @abstractmethod
    def fraction(self, above: Piece, below: Piece) -> Piece:
        """A quotient."""

    @abstractmethod
    def root(self, piece: Piece) -> Piece:
        """A square root."""

    @abstractmethod
    def word(self, name: str) -> str:
        """The name of a function."""

    @abstractmethod
    def template(self, primitive: Primitive) -> str:
        """The printed form of a primitive."""

    @abstractmethod
    def space(self, left: Piece, right: Piece, symbols: Collection[str]) -> str:
        """What stands between two factors, so that no other symbol is read there."""

    @abstractmethod
    def blocks(self, rows: Sequence[Sequence[str]], order: int, plain: bool) -> str:
        """An array of an order by its blocks, in rows; `plain` if these are its entries."""

    @abstractmethod
    def where(self, whole: str, definitions: Sequence[str]) -> str:
        """A formula with the definitions of names in it."""


def render(form: Expr, style: Style, names: Iterable[str] = ()) -> str:
    """The formula as a string; `names` have a meaning although they may not stand in it."""
    return _Layout(form, style, names).whole()


class _Layout:
    """The pieces of all forms below a root, operands first."""

    def __init__(self, root: Expr, style: Style, names: Iterable[str]) -> None:
        self.root, self.style = root, style
        self.order = toposort(root)
        found = [form.params[0] for form in self.order if form.op == "symbol"]
        found += [name for form in self.order if form.op == "where" for name in form.params]
        plain = {name: style.symbol(name) for name in (*names, *found)}
        counts = Counter(piece.string for piece in plain.values())
        self.named_pieces = {
            name: piece if counts[piece.string] == 1 else style.verbatim(name)
            for name, piece in plain.items()
        }
        self.symbols = {piece.string for piece in self.named_pieces.values()}
        self.pieces: dict[Expr, Piece] = {}

    def whole(self) -> str:
        for form in self.order:
            rule = _RULES[form.op]
            self.pieces[form] = rule(self, form, [self.pieces[arg] for arg in form.args])
        return self.top(self.root)

    def top(self, form: Expr) -> str:
        """A formula that stands alone: i, j, ... are its axes, so they are not named if all are seen."""
        if form.op == "index" and set(form.params) <= _letters_in(form.args[0]):
            form = form.args[0]
        return self.pieces[form].string

    # --- help for the rules ---------------------------------------------------------------------------

    def at_least(self, piece: Piece, level: Level) -> str:
        """The piece, in brackets if it binds less than that."""
        if piece.level >= level:
            return piece.string
        return piece.closed or self.style.brackets(piece.string)

    def function(self, head: str, piece: Piece) -> Piece:
        """A function with brackets."""
        argument = self.style.brackets(piece.string)
        return _worded(Piece(head + argument, head=head, argument=argument))

    def reserved(self, name: str) -> str:
        """A letter of the notation, bold if an input is written so."""
        return self.style.bold(name) if name in self.symbols else name

    def word(self, name: str) -> str:
        """The name of a function, bold if an input is written so."""
        return self.style.told_apart(self.style.word(name), self.symbols)

    def joined(self, pieces: Sequence[Piece]) -> str:
        """Factors side by side."""
        text = pieces[0].string
        for left, right in itertools.pairwise(pieces):
            between = self.style.space(left, right, self.symbols)
            if right.string[0] in string.digits:
                between = self.style.signs["dot"]
            text += between + right.string
        return text

    def bracketed(self, piece: Piece) -> Piece:
        """The piece in brackets."""
        return _worded(Piece(piece.closed or self.style.brackets(piece.string)))

    # --- leaves ---------------------------------------------------------------------------------------

    def symbol(self, form: Expr, _: list[Piece]) -> Piece:
        return self.named_pieces[form.params[0]]

    def literal(self, form: Expr, _: list[Piece]) -> Piece:
        value = form.params[0]
        piece = self.style.number(abs(value))
        shown = written(abs(Fraction(value)))
        named = shown.constant or shown.under
        constant = self.style.signs.get("pi" if "pi" in named else named, "")
        if constant in self.symbols:
            piece = replace(piece, string=piece.string.replace(constant, self.style.bold(constant)))
        return piece if value >= 0 else Piece(self.style.minus + piece.string, Level.SUM)

    def sign(self, form: Expr, _: list[Piece]) -> Piece:
        return Piece(self.style.signs[form.op])

    def letter(self, form: Expr, _: list[Piece]) -> Piece:
        return Piece(self.reserved({"identity": "I", "commutation": "K"}[form.op]))

    def basis(self, form: Expr, _: list[Piece]) -> Piece:
        text = self.style.subscript("e", [str(form.params[0])])
        if text in self.symbols or "e" in self.symbols:
            text = self.style.subscript(self.style.bold("e"), [str(form.params[0])])
        return Piece(text, simple=True)

    def selection(self, form: Expr, _: list[Piece]) -> Piece:
        return Piece(self.style.subscript(self.reserved("S"), [_item(form.params[0])], letters=False))

    def triangle(self, form: Expr, _: list[Piece]) -> Piece:
        if not form.params[0] and form.shape[0] == form.shape[1]:
            return Piece(self.reserved("L"))
        one, top = self.style.signs["ones"], self.style.signs["transpose"]
        inner = self.joined([Piece(one), Piece(self.style.superscript(one, top))])
        return self._lower(inner, form)

    def lower(self, form: Expr, pieces: list[Piece]) -> Piece:
        return self._lower(pieces[0].string, form)

    def _lower(self, inner: str, form: Expr) -> Piece:
        offset = f", {form.params[0]}" if form.params[0] else ""
        return self.function(self.word("tril"), Piece(inner + offset))

    def reshaping(self, form: Expr, _: list[Piece]) -> Piece:
        return _worded(Piece(self.word("reshape")))

    # --- sums and products ----------------------------------------------------------------------------

    def sum(self, form: Expr, pieces: list[Piece]) -> Piece:
        text = ""
        for piece, sign in zip(pieces, form.params, strict=True):
            between = self.style.minus if sign < 0 else "+"
            text += f" {between} " if text else between if sign < 0 else ""
            text += self.at_least(piece, Level.ELEMENTWISE)
        return Piece(text, Level.SUM)

    def negative(self, _: Expr, pieces: list[Piece]) -> Piece:
        return Piece(self.style.minus + self.at_least(pieces[0], Level.ELEMENTWISE), Level.SUM)

    def product(self, form: Expr, pieces: list[Piece]) -> Piece:
        inner = sum(arg.op == "matmul" for arg in form.args)
        factors: list[Piece] = []
        for n, (arg, piece) in enumerate(zip(form.args, pieces, strict=True)):
            last = n == len(pieces) - 1
            wide = arg.op in _WIDE and (not last or (inner > 1 and not arg.shape))
            number = arg.op in {"literal", "fraction"}
            unclear = piece.level == Level.BARE and not (last or number or _begins_apart(form.args[n + 1]))
            loose = piece.level <= (Level.PRODUCT if number else Level.ELEMENTWISE) and not last
            if piece.level == Level.SUM or wide or unclear or loose:
                piece = self.bracketed(piece)
            factors.append(piece)
        return self._chain(factors)

    def _chain(self, factors: Sequence[Piece]) -> Piece:
        level = min(Level.PRODUCT, *(piece.level for piece in factors))
        last = factors[-1].closed or factors[-1].shut
        shut = self.joined([*factors[:-1], replace(factors[-1], string=last)]) if last else ""
        opens, closes = factors[0].opens, factors[-1].closes
        return Piece(self.joined(factors), level, shut=shut, opens=opens, closes=closes)

    def matmul(self, form: Expr, pieces: list[Piece]) -> Piece:
        runs = [(part, len(list(group))) for part, group in itertools.groupby(form.args)]
        pieces = [piece for part, count in runs for piece in self._repeated(part, count)]
        if len(pieces) == 1:
            return pieces[0]
        last = pieces[-1]
        factors = [piece if piece.level > Level.BARE else self.bracketed(piece) for piece in pieces[:-1]]
        factors.append(last if last.level >= Level.BARE else self.bracketed(last))
        return self._chain(factors)

    def _repeated(self, form: Expr, count: int) -> list[Piece]:
        """Equal matrices side by side: A², A⁻², (A − B)²."""
        piece, power = self.pieces[form], count
        if form.op == "inverse":
            piece, power = self.pieces[form.args[0]], -count
        plain = form.args[0] if form.op in {"transpose", "inverse"} else form
        if count == 1 or not (
            plain.op in {"symbol", "sum"} or (form.op == "inverse" and plain.op == "matmul")
        ):
            return [self.pieces[form]] * count
        return [self._raised(piece, _exponent(self.style, power))]

    def fraction(self, form: Expr, pieces: list[Piece]) -> Piece:
        above, below = pieces
        factors = form.args[0].args if form.args[0].op == "product" else form.args[:1]
        if factors[-1].op == "running_product":
            above = self.bracketed(above)
        return self.style.fraction(above, below)

    def operator(self, form: Expr, pieces: list[Piece]) -> Piece:
        between = f" {self.style.signs[form.op]} "
        text = between.join(self.at_least(piece, Level.PRODUCT) for piece in pieces)
        return Piece(text, Level.ELEMENTWISE, opens=pieces[0].opens and pieces[0].level >= Level.PRODUCT)

    # --- powers ---------------------------------------------------------------------------------------

    def power(self, form: Expr, pieces: list[Piece]) -> Piece:
        (exponent,) = form.params
        (base,) = pieces
        if exponent == Fraction(1, 2) and form.ndim < 2:
            return self.style.root(base)
        named = isinstance(exponent, int) and exponent > 1 and form.ndim < 2
        written = _exponent(self.style, exponent)
        if named and base.head and form.args[0].op == "call":
            head = self.style.superscript(base.head, written)
            closed = head + self.style.brackets(base.argument.strip()) if base.closed else ""
            return replace(base, string=head + base.argument, head="", closed=closed)
        return self._raised(base, self._entrywise(written) if form.op == "elementwise_power" else written)

    def _entrywise(self, exponent: str) -> str:
        """An exponent, marked as that of each entry."""
        mark = self.style.signs["hadamard"]
        return f"{mark} {exponent}" if mark.startswith("\\") else mark + exponent

    def _raised(self, base: Piece, exponent: str) -> Piece:
        text = self.style.superscript(self.at_least(base, Level.ATOM), exponent)
        return Piece(text, Level.POWER, opens=base.opens, closes=text.endswith(f"^{exponent}"))

    def transpose(self, form: Expr, pieces: list[Piece]) -> Piece:
        base, mark = pieces[0], self.style.signs["transpose"]
        if form.args[0].op == "literal" and form.args[0].params[0] == 0:
            return base  # a block of zeros
        if form.args[0].op == "inverse":
            base, mark = self.pieces[form.args[0].args[0]], self.style.signs["inverse transpose"]
        return self._raised(base, mark)

    def inverse(self, _: Expr, pieces: list[Piece]) -> Piece:
        return self._raised(pieces[0], _exponent(self.style, -1))

    # --- functions ------------------------------------------------------------------------------------

    def named(self, form: Expr, pieces: list[Piece]) -> Piece:
        arguments = ", ".join(piece.string for piece in pieces)
        head = self.word(_WORDS[form.op])
        if form.op == "diag" and form.ndim > 2:
            head = self.style.subscript(head, [str(form.ndim)])
        return self.function(head, Piece(arguments))

    def roll(self, form: Expr, pieces: list[Piece]) -> Piece:
        by, axis = form.params
        shift = f"{self.style.minus if by < 0 else ''}{abs(by)}"
        along = f", {axis}" if form.ndim > 1 else ""
        return self.function(self.style.word("roll"), Piece(f"{pieces[0].string}, {shift}{along}"))

    def norm(self, form: Expr, pieces: list[Piece]) -> Piece:
        inner = pieces[0].string
        text = self.style.brackets(self.style.brackets(inner) if "‖" in inner else inner, "||")
        return Piece(self.style.subscript(text, ["F"], letters=False) if form.args[0].ndim == 2 else text)

    def ceiling(self, _: Expr, pieces: list[Piece]) -> Piece:
        return Piece(self.style.brackets(pieces[0].string, "⌈⌉"))

    def blocks(self, form: Expr, pieces: list[Piece]) -> Piece:
        (columns,) = form.params
        strings = [piece.string for piece in pieces]
        rows = [strings[n : n + columns] for n in range(0, len(strings), columns)]
        return Piece(self.style.blocks(rows, form.ndim, all(not arg.shape for arg in form.args)))

    def differential(self, form: Expr, pieces: list[Piece]) -> Piece:
        (piece,) = pieces
        inner = piece.string if piece.simple else self.style.brackets(piece.string)
        return Piece(self.style.signs["differential"] + inner, simple=True, opens=True, closes=True)

    def call(self, form: Expr, pieces: list[Piece]) -> Piece:
        name, *params = form.params
        if name == "power" and form.ndim and not form.args[1].shape:
            return self._raised(pieces[0], self._entrywise(self.at_least(pieces[1], Level.POWER)))
        primitive = PRIMITIVES.get(name)
        template = self.style.template(primitive) if primitive else ""
        if primitive is None or not template or _is_formula(primitive, form.ndim):
            return self._listed(self.word(name), pieces, dict(params))
        level = LEVELS[primitive.strength]
        if form.ndim > 1 and level == Level.POWER and is_elementwise(form):
            mark = self.style.signs["hadamard"]
            return self._listed(self.style.subscript(self.word(name), [mark], letters=False), pieces, {})
        piece = self._filled(template, level, pieces, dict(params))
        axes = dict(params).get("axis")
        axes = (axes,) if isinstance(axes, int) else axes
        if "axis" in template or not isinstance(axes, tuple) or len(axes) == form.args[0].ndim:
            return piece
        along = ",".join(str(axis) for axis in axes)
        head = self.style.subscript(piece.head or self.word(name), [along])
        return replace(piece, string=head + piece.argument)

    def _listed(self, head: str, pieces: Sequence[Piece], params: Mapping[str, Any]) -> Piece:
        parts = [piece.string for piece in pieces] + [f"{key}={value}" for key, value in params.items()]
        return self.function(head, Piece(", ".join(parts)))

    def _filled(
        self, template: str, level: Level, pieces: Sequence[Piece], params: Mapping[str, Any]
    ) -> Piece:
        """A template with its operands; one that ends with a name does without brackets."""
        parsed = [(self.style.told_apart(before, self.symbols), field) for before, field in _parsed(template)]
        lists = {"args": pieces, "rest": pieces[1:]}
        params = {**{name: ", ".join(p.string for p in items) for name, items in lists.items()}, **params}
        text = ""
        bare = False
        for n, (before, field) in enumerate(parsed):
            text += before
            if field is None:
                continue
            if not field.isdigit():
                text += str(params[field])
                continue
            after = parsed[n + 1][0] if n + 1 < len(parsed) else ""
            piece, enclosed = pieces[int(field)], _encloses(text, after)
            if text.endswith("|") and "|" in piece.string:
                enclosed = False
            worded = piece.level == Level.BARE and piece.head  # sin x, but no fraction
            binds = level < Level.ATOM and piece.level > level and not worded
            keeps = enclosed or piece.simple or binds
            if not keeps:
                text = text.removesuffix(" ") if re.search(r"\w\}? $", text) else text
            text += piece.string if keeps else self.style.brackets(piece.string)
            bare = keeps and not (enclosed or after) and level == Level.ATOM
        piece = self._classified(text, level, bare, single=len(pieces) == 1)
        return replace(piece, closes=piece.closes or template.endswith("}^{1}"))

    def _classified(self, text: str, level: Level, bare: bool, single: bool) -> Piece:
        """A written function: f x and f(x) have a head; what is neither is put in brackets as a factor."""
        match = _HEAD.match(text)
        head = match[0] if match else ""
        argument = text[len(head) :]
        if head and bare:
            closed = head + self.style.brackets(argument.strip())
            return _worded(Piece(text, Level.BARE, head=head, argument=argument, closed=closed, closes=True))
        if head and _is_bracketed(argument):
            return _worded(Piece(text, head=head if single or "," not in argument else "", argument=argument))
        if level == Level.ATOM and match and not text.startswith(_OPENERS):
            return _worded(Piece(text, Level.BARE, closed=self.style.brackets(text), closes=True))
        return _worded(Piece(text, level))

    # --- parts and indices ----------------------------------------------------------------------------

    def part(self, form: Expr, pieces: list[Piece]) -> Piece:
        base = self.at_least(pieces[0], Level.ATOM)
        items = [_item(item) for item in form.params]
        whole = all(item is not None and item[0] == "at" for item in form.params)
        return self._indexed(base, items, whole, pieces[0])

    def _indexed(self, base: str, items: Sequence[str], letters: bool, piece: Piece) -> Piece:
        """A form with indices that is not taken for a name with a subscript."""
        text = self.style.subscript(base, items, letters=letters)
        if text in self.symbols:
            text = self.style.marked(base, items)
        return Piece(text, simple=piece.simple and text[0] not in "([", opens=piece.opens)

    def entry(self, form: Expr, pieces: list[Piece]) -> Piece:
        base = self.at_least(pieces[0], Level.ATOM)
        return self._indexed(base, [str(p) for p in form.params], True, pieces[0])

    def delta(self, form: Expr, _: list[Piece]) -> Piece:
        sign = self.style.symbol("delta").string
        text = self.style.subscript(sign, list(form.params))
        if sign in self.symbols or text in self.symbols:
            text = self.style.subscript(self.style.bold(sign), list(form.params))
        return Piece(text, simple=True)

    def different(self, form: Expr, _: list[Piece]) -> Piece:
        first, second = form.params
        return Piece(self.style.brackets(f"{first} {self.style.signs['different']} {second}", "[]"))

    def index(self, form: Expr, pieces: list[Piece]) -> Piece:
        return Piece(self.style.subscript(self.style.brackets(pieces[0].string, "[]"), list(form.params)))

    def summation(self, form: Expr, pieces: list[Piece]) -> Piece:
        return self._big("sum", ",".join(form.params), pieces[0])

    def running_product(self, form: Expr, pieces: list[Piece]) -> Piece:
        label, *without = form.params
        apart = f" {self.style.signs['different']} " + ",".join(without) if without else ""
        return self._big("prod", label + apart, pieces[0])

    def _big(self, sign: str, labels: str, body: Piece) -> Piece:
        head = self.style.subscript(self.style.signs[sign], [labels])
        return Piece(f"{head} {self.at_least(body, Level.PRODUCT)}", Level.PRODUCT, closes=True)

    def where(self, form: Expr, _: list[Piece]) -> Piece:
        """A formula and the names in it."""
        whole, *parts = (self.top(arg) for arg in form.args)
        names = [self.named_pieces[name].string for name in form.params]
        return Piece(
            self.style.where(whole, [f"{name} = {part}" for name, part in zip(names, parts, strict=True)])
        )


Rule = Callable[[_Layout, Expr, list[Piece]], Piece]

_WORDS = {
    "diag": "diag",
    "diagonal": "diagonal",
    "trace": "tr",
    "vec": "vec",
    "ravel": "ravel",
    "reshape": "reshape",
}

_RULES: dict[str, Rule] = {
    "symbol": _Layout.symbol,
    "literal": _Layout.literal,
    "ones": _Layout.sign,
    "identity": _Layout.letter,
    "commutation": _Layout.letter,
    "basis": _Layout.basis,
    "selection": _Layout.selection,
    "triangle": _Layout.triangle,
    "lower": _Layout.lower,
    "reshaping": _Layout.reshaping,
    "sum": _Layout.sum,
    "negative": _Layout.negative,
    "product": _Layout.product,
    "matmul": _Layout.matmul,
    "fraction": _Layout.fraction,
    "hadamard": _Layout.operator,
    "quotient": _Layout.operator,
    "kron": _Layout.operator,
    "power": _Layout.power,
    "elementwise_power": _Layout.power,
    "transpose": _Layout.transpose,
    "inverse": _Layout.inverse,
    **dict.fromkeys(_WORDS, _Layout.named),
    "roll": _Layout.roll,
    "norm": _Layout.norm,
    "ceiling": _Layout.ceiling,
    "blocks": _Layout.blocks,
    "differential": _Layout.differential,
    "call": _Layout.call,
    "part": _Layout.part,
    "entry": _Layout.entry,
    "delta": _Layout.delta,
    "different": _Layout.different,
    "index": _Layout.index,
    "summation": _Layout.summation,
    "running_product": _Layout.running_product,
    "where": _Layout.where,
}

# Scalars that are put in brackets before another factor.
_WIDE = frozenset({"matmul", "summation", "running_product"})

# The name of a function at the beginning of what is written for it.
_HEAD = re.compile(r"\\operatorname\{\w+\}|(?!\\sqrt)\\[a-zA-Z]+(_\w|_\{\w+\})?|[^\W\d_]\w*")

_OPENERS = ("(", "[", "{", "|", "‖", "⌊", "⌈", ",", r"\lvert", r"\lVert", r"\lfloor", r"\lceil", r"\langle")
_CLOSERS = (")", "]", "}", "|", "‖", "⌋", "⌉", ",", r"\rvert", r"\rVert", r"\rfloor", r"\rceil", r"\rangle")


# A function at its operands: tanh {0}, ln Γ({0}), max({0}, {1}), ψ⁽{n}⁾({0}).
_APPLIED = re.compile(r"(\w+ ?)+(⁽\{\w+\}⁾)?(\{0\}|\(\{0\}(, \{\d\})*\))")


def _parsed(template: str) -> list[tuple[str, str | None]]:
    """What stands before each field of a template, with single braces, and the field; none after the last."""
    found: list[tuple[str, str | None]] = []
    text = ""
    for before, field, _, _ in string.Formatter().parse(template):
        text += before
        if field is not None:
            found.append((text, field))
            text = ""
    return [*found, (text, None)] if text else found


def _is_formula(primitive: Primitive, order: int) -> bool:
    """Whether a template is a formula of numbers, ln(1 + exp(x)), that would mean another for an array: the
    powers, exponentials and absolute values of a matrix are not those of its entries, x² is nothing."""
    formula = not _APPLIED.fullmatch(primitive.text)
    if not primitive.elementwise or primitive.strength in {record.SUM, record.POWER}:
        return False
    return (order > 1 and formula) or (order == 1 and "²" in primitive.text)


def _encloses(before: str, after: str) -> bool:
    """Whether what stands around an operand brackets it."""
    return before.rstrip().endswith(_OPENERS) and after.lstrip().startswith(_CLOSERS)


def _is_bracketed(text: str) -> bool:
    """Whether the text is one pair of round brackets."""
    text = text.removeprefix(r"\left").lstrip()
    depth = list(itertools.accumulate((c == "(") - (c == ")") for c in text))
    return text.startswith("(") and text.endswith(")") and 0 not in depth[:-1]


def _begins_apart(form: Expr) -> bool:
    """Whether a form that follows a bare function is not taken for a part of its argument."""
    base = form.args[0] if form.op == "power" else form
    return base.op in {"call", "sum"}


def _worded(piece: Piece) -> Piece:
    return replace(piece, opens=bool(re.match("[A-Za-zα-ωΑ-Ω]{2}", piece.string)))


def _item(item: tuple[str, Any] | None) -> str:
    """An index or slice as NumPy writes it."""
    if item is None:
        return ":"
    value = item[1]
    if not isinstance(value, ArrayConstant):
        return str(value)
    shown = [str(v) for v in value.array.tolist()]
    return "[" + ",".join(shown if len(shown) <= 8 else [*shown[:4], "…", *shown[-3:]]) + "]"


def _exponent(style: Style, exponent: Number) -> str:
    value = abs(Fraction(exponent))
    small = (
        f"{value.numerator}/{value.denominator}" if value.denominator <= 12 else style.number(value).string
    )
    text = str(value.numerator) if value.denominator == 1 else small
    return ("-" if exponent < 0 else "") + text


def _letters_in(body: Expr) -> set[str]:
    holders = {"entry", "delta", "different", "running_product"}
    return {letter for form in toposort(body) if form.op in holders for letter in form.params}
