"""From the steps of a plan to statements of Python, as an expert in NumPy would write them."""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Sequence
from typing import Any

import numpy as np

from closedform.code.assignment import Assignment
from closedform.code.helpers import HELPERS
from closedform.code.idioms import LIBRARIES
from closedform.code.integers import Integral, integral, takes
from closedform.code.sparse import SPARSE
from closedform.code.steps import LEAVES, VIEWS, Place, Step, toposort
from closedform.code.text import (
    ATOM,
    POWER,
    PRODUCT,
    SIGN,
    SUM,
    Text,
    bound_text,
    fill,
    literal,
    number_text,
    operand_text,
    signed,
    size_text,
    slice_text,
    wrap,
)
from closedform.errors import UnsupportedError
from closedform.expression.calculus import exact
from closedform.expression.expr import ArrayConstant
from closedform.expression.size import Size
from closedform.primitives.record import PRIMITIVES

# An expression that is longer gets a name; so does a larger array of the user's, instead of a literal.
LONGEST_LINE = 68
LARGEST_LITERAL = 64

# Operations that Python's own numbers have.
ARITHMETIC = frozenset({"product", "total", "square", "power"})

# Names for shared values, by what computes them.
NAMES = {
    "expit": "s",
    "tanh": "t",
    "exp": "e",
    "sin": "s",
    "cos": "c",
    "inv": "inverse",
    "softmax": "p",
    "total": "r",
}

# The size of an argument's axis.
SIZE = re.compile(r"\b(\w+)\.shape\[(\d+)\]")


def _part_of(step: Step) -> tuple[str, tuple[Step, ...], int]:
    """The function of several results that a step is one result of, its operands, and which result."""
    record = PRIMITIVES.get(step.params[0]) if step.op == "call" else None
    template, _, position = (record and record.part) or ("", (), 0)
    return template, step.args, position


class Writer:
    """Statements for one function: `lines` and `results`, and what the module needs besides."""

    def __init__(self, roots: Sequence[Step], arguments: Sequence[str], idiom: str) -> None:
        self.idiom = idiom
        self.copy = "clone" if idiom == "torch" else "copy"
        self.transpose = "permute" if idiom == "torch" else "transpose"
        self.steps = toposort(roots)
        self.uses: Counter[Step] = Counter(arg for step in self.steps for arg in step.args)
        self.uses.update(roots)
        self.taken = {"np", "jnp", "jax", "torch", "scipy", "autograd", *arguments, *HELPERS, "numpy"}
        self.counts: Counter[str] = Counter()
        self.helpers: dict[str, str] = {}
        self.constants: dict[str, np.ndarray] = {}
        self.literals: dict[str, str] = {}
        self.names: dict[ArrayConstant, str] = {}
        self.ranges: dict[str, str] = {}
        self.factored: dict[Step, str] = {}
        self.lines: list[str] = []
        self.texts: dict[Step, Text] = {}
        self.parts = Counter(_part_of(step)[:2] for step in self.steps)
        self.wholes: dict[tuple[str, tuple[Step, ...]], list[str]] = {}
        self.reference = self._reference()
        self.based_on_array: dict[Step, bool] = {}
        self.integral: dict[Step, Integral] = {}
        self.plain: set[Step] = set()
        for step in self.steps:
            self.write(step)
        self.results = [self.result(root) for root in roots]
        self._name_sizes()

    def _reference(self) -> str:
        """An array argument, whose type new arrays get; "" if there is none."""
        named = (s.params[0] for s in self.steps if s.op == "name" and s.ndim)
        measured = (match[1] for s in self.steps for size in s.sizes for match in SIZE.finditer(repr(size)))
        return next(named, None) or next(measured, "")

    # --- statements -------------------------------------------------------------------------------

    def write(self, step: Step) -> None:
        """The step's text, inlined where that is readable and computes nothing twice."""
        self.based_on_array[step] = (step.op == "name" and step.ndim > 0) or any(
            self.based_on_array[arg] for arg in step.args
        )
        based = self.based_on_array[step]
        self.integral[step] = integral(step, self.integral, self.reference, based)
        if step.op in {"number", "size"} or (step.op in ARITHMETIC and self.plain.issuperset(step.args)):
            self.plain.add(step)
        if step.op == "scatter":
            self.texts[step] = (Assignment(self, step).write(), ATOM)
            return
        text = getattr(self, f"op_{step.op}")(step)
        self.texts[step] = text
        if step.op in LEAVES or (step.op in {"transpose", "expand"} and len(text[0]) < 24):
            return
        if self.uses[step] > 1 or len(text[0]) > LONGEST_LINE:
            self.bind(step)

    def bind(self, step: Step, wish: str | None = None) -> str:
        """The name of a variable that holds the step's value."""
        text = self.texts[step][0]
        if not text.isidentifier():
            name = self.fresh(wish or self.wish(step))
            self.lines.append(f"{name} = {text}")
            self.texts[step] = (name, ATOM)
        return self.texts[step][0]

    @staticmethod
    def wish(step: Step) -> str:
        """A short name that tells what the step is."""
        op = step.params[0] if step.op == "call" else step.op
        if op == "total" and not step.ndim:
            return "t0"
        return NAMES.get(op, "t0")

    def fresh(self, wish: str) -> str:
        """A name that is not taken, like the one wished for."""
        stem = wish.rstrip("0123456789")
        name = wish
        while name in self.taken:
            self.counts[stem] += 1
            name = f"{stem}{self.counts[stem]}"
        self.taken.add(name)
        return name

    def indices(self, size: Size, stretched: str = "") -> str:
        """The name of the array 0, 1, ..., size - 1."""
        text = f"np.arange({size_text(size)}){stretched}"
        if text not in self.ranges:
            self.ranges[text] = self.fresh("i" if "i" not in self.taken else "j")
            self.lines.append(f"{self.ranges[text]} = {text}")
        return self.ranges[text]

    def result(self, root: Step) -> str:
        """The text of a result: a fresh array, never a view of an argument."""
        text, strength = self.texts[root]
        base = root
        viewed = False
        while base.op in VIEWS and base.args:
            viewed = viewed or base.op == "diagonal"
            base = base.args[0]
        if not root.ndim:
            return f"+{text}" if root.op == "name" else text
        if base.op in {"name", "constant"} or viewed or (base is not root and self.uses[base] > 1):
            return f"{wrap((text, strength), ATOM)}.{self.copy}()"
        return text

    def _name_sizes(self) -> None:
        """Sizes that are read more than once get a name."""
        found = Counter(SIZE.findall("\n".join([*self.lines, *self.results])))
        names: dict[tuple[str, str], str] = {}
        for token, count in found.items():
            if count > 1:
                names[token] = next((n for n in "nmkpq" if n not in self.taken), None) or self.fresh("n1")
                self.taken.add(names[token])

        def named(text: str) -> str:
            return SIZE.sub(lambda match: names.get((match[1], match[2]), match[0]), text)

        shapes = {step.params[0]: step.ndim for step in self.steps if step.op == "name"}
        lines = []
        for argument in dict.fromkeys(argument for argument, _ in names):
            axes = {int(axis): name for (other, axis), name in names.items() if other == argument}
            if len(axes) > 1 and len(axes) == shapes.get(argument):
                lines.append(f"{', '.join(axes[i] for i in sorted(axes))} = {argument}.shape")
            else:
                lines += [f"{name} = {argument}.shape[{axis}]" for axis, name in axes.items()]
        self.lines = lines + [named(line) for line in self.lines]
        self.results = [named(text) for text in self.results]

    # --- parts of the text ------------------------------------------------------------------------

    def arg(self, step: Step, strength: int = SUM) -> str:
        """The text of an operand."""
        return wrap(self.texts[step], strength)

    def shape(self, sizes: Sequence[Size]) -> str:
        """A shape as source: that of an argument, if it is."""
        for step in self.steps:
            if step.op == "name" and step.ndim and step.sizes == tuple(sizes):
                return f"{step.params[0]}.shape"
        return "(" + ", ".join(map(size_text, sizes)) + "," * (len(sizes) == 1) + ")"

    def dtype(self) -> str:
        """A keyword that makes an array of zeros and ones of the arguments' type."""
        return f", dtype={self.reference}.dtype" if self.reference else ""

    def floating(self) -> str:
        """A keyword that makes an array of numbers that are not whole, even for arguments that are."""
        return f", dtype=np.result_type({self.reference}, 1.0)" if self.reference else ""

    def constant(self, array: ArrayConstant, wish: str = "c") -> str:
        """The global name of an array: a literal if it is small."""
        if array not in self.names:
            given = array.name if array.name and array.name.isidentifier() else wish
            name = self.names[array] = self.fresh(given)
            if array.array.size > LARGEST_LITERAL or array.array.dtype.kind not in "fiub":
                self.constants[name] = array.array
            else:
                dtype = array.array.dtype.name
                kind = (
                    ""
                    if dtype in {"float64", "int64", "bool"} and array.array.size
                    else f", dtype=np.{dtype}"
                )
                make = "torch.tensor" if self.idiom == "torch" else "np.array"
                kind = ", dtype=np.float64" if self.idiom == "torch" and dtype == "float64" else kind
                self.literals[name] = f"{name} = {make}({literal(array.array.tolist())}{kind})"
        return self.names[array]

    # --- leaves -----------------------------------------------------------------------------------

    def op_name(self, step: Step) -> Text:
        return step.params[0], ATOM

    def op_constant(self, step: Step) -> Text:
        array = step.params[0]
        if not array.array.ndim and array.array.dtype.kind in "fiu":
            return signed(literal(array.array.item()))
        return self.constant(array), ATOM

    def op_number(self, step: Step) -> Text:
        return number_text(step.params[0])

    def op_size(self, step: Step) -> Text:
        return operand_text(step.params[0]), ATOM

    def op_identity(self, step: Step) -> Text:
        return f"np.eye({size_text(step.sizes[0])}{self.dtype()})", ATOM

    def op_select(self, step: Step) -> Text:
        params = dict(step.params)
        start, size = Size.of(params["start"]), step.sizes[1]
        item = self.slice_item(start, params["step"], step.sizes[0], size)
        return f"np.eye({size_text(size)}{self.dtype()})[{item}]", ATOM

    def op_unit(self, step: Step) -> Text:
        return f"np.eye({size_text(step.sizes[0])}{self.dtype()})[{dict(step.params)['index']}]", ATOM

    def op_gather(self, step: Step) -> Text:
        index = self.constant(dict(step.params)["index"], "index")
        return f"np.eye({size_text(step.sizes[1])}{self.dtype()})[{index}]", ATOM

    def op_shift(self, step: Step) -> Text:
        word = "dims" if self.idiom == "torch" else "axis"
        by = dict(step.params)["by"]
        return f"np.roll(np.eye({size_text(step.sizes[0])}{self.dtype()}), {by}, {word}=0)", ATOM

    def op_roll(self, step: Step) -> Text:
        axis, by = step.params
        word = "dims" if self.idiom == "torch" else "axis"
        along = f", {word}={axis}" if step.ndim > 1 else ""
        return f"np.roll({self.arg(step.args[0])}, {by}{along})", ATOM

    def op_triangle(self, step: Step) -> Text:
        rows, columns = map(size_text, step.sizes)
        return f"np.tril(np.ones(({rows}, {columns}){self.dtype()}), {dict(step.params)['k']})", ATOM

    def op_reshape(self, step: Step) -> Text:
        if step.args:
            return f"{self.arg(step.args[0], ATOM)}.reshape({self.shape(step.sizes)})", ATOM
        return f"np.eye({size_text(step.sizes[0])}{self.dtype()}).reshape({self.shape(step.sizes)})", ATOM

    # --- entry by entry ---------------------------------------------------------------------------

    def op_product(self, step: Step) -> Text:
        *numbers, last = step.args
        coefficient, signs = step.params
        in_place = last.op == "scatter" and signs[-1] > 0 and self.uses[last] == 1 and self.idiom != "jax"
        in_place = in_place and (takes(self.integral[last], self.integral[step]) or bool(self.integral[last]))
        if in_place and last.sizes == step.sizes and not any(s.ndim for s in numbers):
            self.lines.append(f"{self.texts[last][0]} {self._scaling(step)}")
            return self.texts[last]
        magnitude = abs(coefficient)
        text = "" if magnitude == 1 else number_text(magnitude)[0]
        waiting: list[Step] = []
        items = list(zip(step.args, signs, strict=True))
        for position, (arg, sign) in enumerate(items):
            if sign > 0:
                text = f"{text} * {self.factor(arg, step.sizes)}" if text else self.factor(arg)
            else:
                waiting.append(arg)
            later = items[position + 1 :]
            if waiting and text and not (later and later[0][0].ndim == arg.ndim):
                text, waiting = f"{text} / {self._divisor(waiting)}", []
        if waiting:
            text = f"{text or '1'} / {self._divisor(waiting)}"
        negative = coefficient < 0
        strength = ATOM if text.isidentifier() else PRODUCT
        if len(step.args) == 1 and magnitude == 1 and signs == (1,):
            strength = self.texts[step.args[0]][1]
            text = self.arg(step.args[0], SIGN) if negative else text
        return (f"-{text}", SIGN if strength > SIGN else PRODUCT) if negative else (text, strength)

    def _scaling(self, step: Step) -> str:
        """The operator and the number that scale an array in place."""
        coefficient, signs = step.params
        above = [s for s, sign in zip(step.args[:-1], signs, strict=False) if sign > 0]
        below = [s for s, sign in zip(step.args[:-1], signs, strict=False) if sign < 0]
        if coefficient == 1 and not above:
            return f"/= {' * '.join(self.factor(s, s.sizes) for s in below)}"
        words = [number_text(coefficient)[0]] if coefficient != 1 or not above else []
        words += [self.factor(s, s.sizes) for s in above]
        text = " * ".join(words)
        return f"*= {text} / {self._divisor(below)}" if below else f"*= {text}"

    def _divisor(self, steps: list[Step]) -> str:
        if len(steps) == 1:
            return self.arg(steps[0], SIGN)
        return "(" + " * ".join([self.factor(steps[0]), *(self.factor(s, s.sizes) for s in steps[1:])]) + ")"

    def factor(self, step: Step, whole: Sequence[Size] | None = None) -> str:
        """An operand of a product of shape `whole`, if it is not the first: it stands in brackets unless
        the order does not matter."""
        text = self.texts[step]
        if text[1] != PRODUCT or (whole is None and step.op != "matmul"):
            return wrap(text, PRODUCT)
        plain = step.op in {"product", "square"} and "/" not in text[0] and "@" not in text[0]
        return text[0] if plain and step.sizes == whole else f"({text[0]})"

    def op_total(self, step: Step) -> Text:
        text = ""
        for sign, arg in zip(step.params, step.args, strict=True):
            item = wrap(self.texts[arg], PRODUCT)
            if not text:
                text = item if sign > 0 else f"-{self.arg(arg, SIGN)}"
            elif item.startswith("-"):
                text += f" - {item[1:]}" if sign > 0 else f" + {item[1:]}"
            else:
                text += f" {'+' if sign > 0 else '-'} {item}"
        return text, SUM

    def op_square(self, step: Step) -> Text:
        text = self.arg(step.args[0])
        if text.isidentifier():
            return f"{text} * {text}", PRODUCT
        if not step.ndim:
            return f"{self.arg(step.args[0], ATOM)} ** 2", POWER
        return f"np.square({text})", ATOM

    def op_sqrt(self, step: Step) -> Text:
        if self.idiom == "torch" and step.args[0] in self.plain:
            return f"{self.arg(step.args[0], ATOM)} ** 0.5", POWER
        return f"np.sqrt({self.arg(step.args[0])})", ATOM

    def op_power(self, step: Step) -> Text:
        return f"{self.arg(step.args[0], ATOM)} ** {wrap(number_text(step.params[0]), ATOM)}", POWER

    def op_call(self, step: Step) -> Text:
        op, params = step.params
        if op in HELPERS:
            return self.helper_call(step)
        if op == "where" and self.based_on_array[step] and all(s.op == "number" for s in step.args[1:]):
            return self.indicator(*step.args)
        record = PRIMITIVES.get(op)
        if record is None:
            raise UnsupportedError(f"no source is known for {op}")
        template = record.sources.get(self.idiom, record.source)
        if not template:
            raise UnsupportedError(f"{LIBRARIES[self.idiom]} has no {op}")
        if helper := record.helper_in(self.idiom):
            self.helpers[op] = helper
        if record.part and self.parts[record.part[0], step.args] > 1:
            return self.result_of(step, *record.part)
        values = {name: self.parameter(value) for name, value in params}
        given = "".join(
            f", {name}={values[name]}" for name, value in params if value is not None and value is not False
        )
        operands = [self.operand(arg, template.count(f"{{{i}}}") > 1) for i, arg in enumerate(step.args)]
        if op == "where" and self.idiom == "torch":  # PyTorch takes no numbers for truth values
            operands[0] = self.truth(step.args[0], operands[0])
        values = {"keepdims": "False", **values, "params": given}  # reductions of the calculus keep no axes
        return fill(template, operands, values, self.idiom)

    def truth(self, condition: Step, text: Text) -> Text:
        """A condition as truth values, where it is numbers."""
        boolean = condition.op == "call" and PRIMITIVES[condition.params[0]].boolean
        return text if boolean else (f"{wrap(text, ATOM)} != 0", SUM)

    def result_of(self, step: Step, template: str, names: tuple[str, ...], position: int) -> Text:
        """One of several results of a function that is called once for all of them."""
        whole = template, step.args
        if whole not in self.wholes:
            needed = {_part_of(other)[2] for other in self.steps if _part_of(other)[:2] == whole}
            given = [self.fresh(name) if i in needed else "_" for i, name in enumerate(names)]
            text, _ = fill(template, [self.texts[arg] for arg in step.args], {}, self.idiom)
            self.lines.append(f"{', '.join(given)} = {text}")
            self.wholes[whole] = given
        return self.wholes[whole][position], ATOM

    def helper_call(self, step: Step) -> Text:
        """A call of a function that the module defines."""
        op, params = step.params
        helper = HELPERS[op]
        if helper.scalar and not step.ndim and self.idiom == "numpy":
            return fill(helper.scalar, [self.texts[arg] for arg in step.args], {}, self.idiom)
        self.helpers[op] = helper.text(self.idiom)
        operands = [self.operand(arg, False)[0] for arg in step.args]
        return (
            f"{op}({', '.join([*operands, *(f'{name}={literal(value)}' for name, value in params)])})",
            ATOM,
        )

    def indicator(self, condition: Step, one: Step, zero: Step) -> Text:
        """Two numbers, chosen by a condition, in the arguments' type."""
        convert = "to" if self.idiom == "torch" else "astype"
        truth = wrap(self.truth(condition, self.texts[condition]), ATOM)
        text = f"{truth}.{convert}({self.reference}.dtype)"
        base, step = zero.params[0], exact(one.params[0] - zero.params[0])
        if step not in (1, -1):
            text = f"{number_text(max(step, -step))[0]} * {text}"
        if not base:
            return (f"-{text}", PRODUCT) if step < 0 else (text, ATOM if step == 1 else PRODUCT)
        return f"{number_text(base)[0]} {'-' if step < 0 else '+'} {text}", SUM

    def operand(self, step: Step, repeated: bool) -> Text:
        """An operand of a function; one that its template writes twice gets a name."""
        if repeated and step.op not in LEAVES:
            self.bind(step)
        if self.idiom == "torch" and step in self.plain:
            return f"torch.tensor({self.arg(step)}, dtype=torch.float64)", ATOM
        return self.texts[step]

    def parameter(self, value: Any) -> str:
        """A parameter of a function as source."""
        if isinstance(value, tuple) and len(value) == 1:
            value = value[0]
        if isinstance(value, Size):
            return size_text(value)
        if isinstance(value, ArrayConstant):
            return self.constant(value)
        return literal(value)

    # --- axes -------------------------------------------------------------------------------------

    def op_transpose(self, step: Step) -> Text:
        text = self.arg(step.args[0], ATOM)
        if step.ndim == 2:
            return f"{text}.T", ATOM
        return f"{text}.{self.transpose}{step.params[0]}", ATOM

    def op_expand(self, step: Step) -> Text:
        items = ", ".join(":" if present else "None" for present in step.params[0])
        return f"{self.arg(step.args[0], ATOM)}[{items}]", ATOM

    def op_sum(self, step: Step) -> Text:
        axes = step.params[0]
        options = [] if len(axes) == step.args[0].ndim else [f"axis={axes[0] if len(axes) == 1 else axes}"]
        if step.args[0].is_boolean and self.reference:
            options.append(f"dtype={self.reference}.dtype")
        return f"{self.arg(step.args[0], ATOM)}.sum({', '.join(options)})", ATOM

    def op_diagonal(self, step: Step) -> Text:
        text = self.arg(step.args[0], ATOM)
        if step.args[0].ndim == 2:
            return f"{text}.diagonal()", ATOM
        first, second = step.params
        word = "dim" if self.idiom == "torch" else "axis"
        return f"{text}.diagonal({word}1={first}, {word}2={second})", ATOM

    def op_trace(self, step: Step) -> Text:
        return f"{self.arg(step.args[0], ATOM)}.trace()", ATOM

    def op_full(self, step: Step) -> Text:
        (value,) = step.args
        shape = self.shape(step.sizes)
        whole = value.op == "number" and isinstance(value.params[0], int)
        if whole and value.params[0] in (0, 1):
            word = "ones" if value.params[0] else "zeros"
            if self.reference and shape == f"{self.reference}.shape":
                return f"np.{word}_like({self.reference})", ATOM
            return f"np.{word}({shape}{self.dtype()})", ATOM
        if not value.ndim and not self.based_on_array[value]:
            if self.idiom == "torch" and value.op != "number":
                return f"{self.arg(value, PRODUCT)} * np.ones({shape}{self.dtype()})", PRODUCT
            dtype = (self.dtype() if whole else self.floating()) or ", dtype=float"
            return f"np.full({shape}, {self.arg(value)}{dtype})", ATOM
        if not value.ndim and self.idiom != "torch":
            return f"np.full({shape}, {self.arg(value)})", ATOM
        return f"np.broadcast_to({self.arg(value)}, {shape}).{self.copy}()", ATOM

    def op_slice(self, step: Step) -> Text:
        axis, start, stride = step.params
        (base,) = step.args
        item = self.slice_item(start, stride, step.sizes[axis], base.sizes[axis])
        return f"{self.arg(base, ATOM)}[{':, ' * axis}{item}]", ATOM

    def slice_item(self, start: Size, stride: int, count: Size, size: Size) -> str:
        """An index for `count` entries from `start` on; PyTorch has no slices with a negative step."""
        if stride < 0 and self.idiom == "torch":
            return f"torch.arange({size_text(start)}, {size_text(start + count * stride)}, {stride})"
        return slice_text(start, stride, count, size)

    def op_entry(self, step: Step) -> Text:
        axis, position = step.params
        item = bound_text(position, step.args[0].sizes[axis])
        return f"{self.arg(step.args[0], ATOM)}[{':, ' * axis}{item}]", ATOM

    def op_take(self, step: Step) -> Text:
        axis, index = step.params
        return f"{self.arg(step.args[0], ATOM)}[{':, ' * axis}{self.constant(index, 'index')}]", ATOM

    def op_pick(self, step: Step) -> Text:
        items = dict.fromkeys(range(step.args[0].ndim), ":")
        items |= {axis: self.constant(index, "index") for axis, index in step.params}
        last = max(axis for axis, _ in step.params)
        return f"{self.arg(step.args[0], ATOM)}[{', '.join(items[k] for k in range(last + 1))}]", ATOM

    # --- products ---------------------------------------------------------------------------------

    def op_matmul(self, step: Step) -> Text:
        left, right = step.args
        a = self.texts[left]
        first = a[0] if left.op == "matmul" or a[1] >= SIGN else f"({a[0]})"
        return f"{first} @ {self.arg(right, SIGN)}", PRODUCT

    def op_sparse(self, step: Step) -> Text:
        """A sparse matrix from the pieces of an array; pairs of axes are its rows and columns."""
        if self.idiom != "numpy":
            raise UnsupportedError(
                f"sparse matrices are written for NumPy and SciPy, not {LIBRARIES[self.idiom]}"
            )
        half = step.ndim // 2
        shape = step.sizes
        flat = [math.prod(shape[1:half], start=shape[0]), math.prod(shape[half + 1 :], start=shape[half])]
        if not step.args:
            return f"scipy.sparse.csr_array({self.shape(flat)}, dtype={self.reference}.dtype)", ATOM
        self.helpers["sparse"] = SPARSE
        pieces = []
        for value, (labels, places, sizes) in zip(step.args, step.params, strict=True):
            order = [*labels, *(label for label in range(len(sizes)) if label not in labels)]
            index = [self._place(place, order, sizes) for place in places]
            after = len(order) - len(labels)
            text = self.arg(value, ATOM if labels and after else 0)
            if labels and after:
                text += f"[...{', None' * after}]"
            rows, columns = (
                self._flat_index(index[at : at + half], shape[at : at + half]) for at in (0, half)
            )
            pieces.append(f"({text}, {rows}, {columns})")
        return f"sparse({self.shape(flat)}, np.result_type({self.reference}, 1.0), {', '.join(pieces)})", ATOM

    def _place(self, place: Place, order: Sequence[int], sizes: Sequence[Size]) -> Text:
        """The indices along one axis, on the axes of a piece's labels."""
        if place.label is None:
            return bound_text(place.start, place.start), ATOM
        after = len(order) - 1 - order.index(place.label)
        stretched = "[:" + ", None" * after + "]" if after else ""
        if place.entries is not None:
            return self.constant(place.entries, "index") + stretched, ATOM
        text = self.indices(sizes[place.label], stretched)
        if place.step != 1:
            text = f"{place.step} * {text}"
        if place.start != Size.of(0):
            return f"{text} + {size_text(place.start)}", SUM
        return text, ATOM if place.step == 1 else PRODUCT

    @staticmethod
    def _flat_index(index: Sequence[Text], sizes: Sequence[Size]) -> str:
        """The position in the flat array."""
        text = index[0]
        for item, size in zip(index[1:], sizes[1:], strict=True):
            text = (f"{wrap(text, PRODUCT)} * {operand_text(size)} + {wrap(item, SUM)}", SUM)
        return text[0]

    def op_outer(self, step: Step) -> Text:
        return self.function("outer", step)

    def op_solve(self, step: Step) -> Text:
        matrix, right = step.args
        (kind,) = step.params
        if not kind or (kind == "spd" and self.idiom == "autograd"):
            return self.function("linalg.solve", step)
        torch = self.idiom == "torch"
        column = torch and right.ndim == 1  # PyTorch's solvers take matrices only
        b = f"{self.arg(right, ATOM)}[:, None]" if column else self.arg(right)
        if kind == "spd":
            factor = self.cholesky(matrix)
            text = (
                f"torch.cholesky_solve({b}, {factor})" if torch else f"scipy.linalg.cho_solve({factor}, {b})"
            )
        elif torch:
            text = f"torch.linalg.solve_triangular({self.arg(matrix)}, {b}, upper={kind == 'upper'})"
        else:
            lower = ", lower=True" if kind == "lower" else ""
            text = f"scipy.linalg.solve_triangular({self.arg(matrix)}, {b}{lower})"
        return text + "[:, 0]" * column, ATOM

    def cholesky(self, matrix: Step) -> str:
        """The name of the Cholesky factor of a positive definite matrix, as its solver takes it."""
        if matrix not in self.factored:
            function = "torch.linalg.cholesky" if self.idiom == "torch" else "scipy.linalg.cho_factor"
            self.factored[matrix] = self.fresh("C")
            self.lines.append(f"{self.factored[matrix]} = {function}({self.arg(matrix)})")
        return self.factored[matrix]

    def op_definite_logdet(self, step: Step) -> Text:
        (matrix,) = step.args
        if self.idiom == "autograd":
            return f"np.linalg.slogdet({self.arg(matrix)})[1]", ATOM
        factor = self.cholesky(matrix) + "[0]" * (self.idiom != "torch")
        return f"2 * np.log({factor}.diagonal()).sum()", PRODUCT

    def op_diagonal_matrix(self, step: Step) -> Text:
        return self.function("diag", step)

    def op_vecdot(self, step: Step) -> Text:
        return self.function("linalg.vecdot" if self.idiom == "torch" else "vecdot", step)

    def op_vdot(self, step: Step) -> Text:
        if self.idiom == "torch":
            return f"({' * '.join(self.factor(arg) for arg in step.args)}).sum()", ATOM
        return self.function("vdot", step)

    def op_tensordot(self, step: Step) -> Text:
        word = "dims" if self.idiom == "torch" else "axes"
        left, right = map(self.arg, step.args)
        return f"np.tensordot({left}, {right}, {word}={step.params})", ATOM

    def op_einsum(self, step: Step) -> Text:
        names: dict[int, str] = {}
        parts = [
            "".join(names.setdefault(x, chr(ord("a") + len(names))) for x in labels) for labels in step.params
        ]
        return f'np.einsum("{parts[0]},{parts[1]}->{parts[2]}", {", ".join(map(self.arg, step.args))})', ATOM

    def function(self, name: str, step: Step) -> Text:
        """A call with the operands as they are."""
        return f"np.{name}({', '.join(map(self.arg, step.args))})", ATOM
