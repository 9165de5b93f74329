"""From the steps of a plan to statements of Python, as an expert in NumPy would write them, and their dialects."""

from __future__ import annotations

import ast
import re
from collections import Counter
from collections.abc import Sequence
from fractions import Fraction
from typing import Any

import numpy as np

from closedform.code.idioms import LIBRARIES
from closedform.code.stable import HELPERS
from closedform.code.steps import Place, Step, toposort
from closedform.errors import UnsupportedError
from closedform.expression.calculus import Number
from closedform.expression.expr import ArrayConstant
from closedform.expression.size import Size
from closedform.primitives.record import PRIMITIVES

# Binding strength of Python's operators, loosest first.
SUM, PRODUCT, SIGN, POWER, ATOM = range(5)

# An expression that is longer gets a name; so does a larger array of the user's, instead of a literal.
LONGEST_LINE = 68
LARGEST_LITERAL = 16

LEAVES = frozenset({"name", "constant", "number", "size"})
VIEWS = frozenset({"transpose", "expand", "diagonal", "slice", "entry", "reshape"})
NAMES = {"expit": "s", "tanh": "t", "exp": "e", "sin": "s", "cos": "c", "inv": "inverse", "softmax": "p", "total": "r"}

# The size of an argument's axis.
SIZE = re.compile(r"\b(\w+)\.shape\[(\d+)\]")

Text = tuple[str, int]


class Writer:
    """Statements for one function: `lines` and `results`, and what the module needs besides."""

    def __init__(self, roots: Sequence[Step], arguments: Sequence[str], idiom: str) -> None:
        self.idiom = idiom
        self.steps = toposort(roots)
        self.uses: Counter[Step] = Counter(arg for step in self.steps for arg in step.args)
        self.uses.update(roots)
        self.reads = Counter(arg for step in self.steps for arg in set(step.args))
        self.taken = {"np", "jnp", "jax", "torch", "scipy", "autograd", *arguments, *HELPERS, "numpy"}
        self.helpers: dict[str, str] = {}
        self.constants: dict[str, np.ndarray] = {}
        self.literals: dict[str, str] = {}
        self.names: dict[ArrayConstant, str] = {}
        self.lines: list[str] = []
        self.texts: dict[Step, Text] = {}
        self.reference = self._reference()
        self.based_on_array: dict[Step, bool] = {}
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
        if step.op == "scatter":
            self.texts[step] = (self.scatter(step), ATOM)
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
        name, count = wish, 0
        stem = wish.rstrip("0123456789")
        while name in self.taken:
            count += 1
            name = f"{stem}{count}"
        self.taken.add(name)
        return name

    def result(self, root: Step) -> str:
        """The text of a result: a fresh array, never a view of an argument."""
        text, strength = self.texts[root]
        base = root
        viewed = False
        while base.op in VIEWS:
            viewed = viewed or base.op == "diagonal"
            base = base.args[0]
        if not root.ndim:
            return f"+{text}" if root.op == "name" else text
        if base.op in {"name", "constant"} or viewed or (base is not root and self.uses[base] > 1):
            copy = "clone" if self.idiom == "torch" else "copy"
            return f"{self.wrap((text, strength), ATOM)}.{copy}()"
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

    @staticmethod
    def wrap(text: Text, strength: int) -> str:
        """The text, in brackets if it binds less strongly."""
        return text[0] if text[1] >= strength else f"({text[0]})"

    def arg(self, step: Step, strength: int = SUM) -> str:
        """The text of an operand."""
        return self.wrap(self.texts[step], strength)

    def size(self, size: Size) -> str:
        """A size as source."""
        return size.render(lambda argument, axis: f"{argument}.shape[{axis}]")

    def shape(self, sizes: Sequence[Size]) -> str:
        """A shape as source: that of an argument, if it is."""
        for step in self.steps:
            if step.op == "name" and step.ndim and step.sizes == tuple(sizes):
                return f"{step.params[0]}.shape"
        return "(" + ", ".join(map(self.size, sizes)) + "," * (len(sizes) == 1) + ")"

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
                kind = "" if dtype in {"float64", "int64", "bool"} and array.array.size else f", dtype=np.{dtype}"
                self.literals[name] = f"{name} = np.array({_literal(array.array.tolist())}{kind})"
        return self.names[array]

    # --- leaves -----------------------------------------------------------------------------------

    def op_name(self, step: Step) -> Text:
        return step.params[0], ATOM

    def op_constant(self, step: Step) -> Text:
        array = step.params[0]
        if not array.array.ndim and array.array.dtype.kind in "fiu":
            return _signed(_literal(array.array.item()))
        return self.constant(array), ATOM

    def op_number(self, step: Step) -> Text:
        return _number(step.params[0])

    def op_size(self, step: Step) -> Text:
        text = self.size(step.params[0])
        return text, ATOM if re.fullmatch(r"[\w.\[\]]+", text) else SUM

    def op_identity(self, step: Step) -> Text:
        return f"np.eye({self.size(step.sizes[0])}{self.dtype()})", ATOM

    def op_select(self, step: Step) -> Text:
        params = dict(step.params)
        start, size = Size.of(params["start"]), step.sizes[1]
        item = self.slice_text(start, params["step"], step.sizes[0], size)
        return f"np.eye({self.size(size)}{self.dtype()})[{item}]", ATOM

    def op_unit(self, step: Step) -> Text:
        return f"np.eye({self.size(step.sizes[0])}{self.dtype()})[{dict(step.params)['index']}]", ATOM

    def op_gather(self, step: Step) -> Text:
        index = self.constant(dict(step.params)["index"], "index")
        return f"np.eye({self.size(step.sizes[1])}{self.dtype()})[{index}]", ATOM

    def op_triangle(self, step: Step) -> Text:
        rows, columns = map(self.size, step.sizes)
        return f"np.tril(np.ones(({rows}, {columns}){self.dtype()}), {dict(step.params)['k']})", ATOM

    def op_reshape(self, step: Step) -> Text:
        if step.args:
            return f"{self.arg(step.args[0], ATOM)}.reshape({self.shape(step.sizes)})", ATOM
        return f"np.eye({self.size(step.sizes[0])}{self.dtype()}).reshape({self.shape(step.sizes)})", ATOM

    # --- entry by entry ---------------------------------------------------------------------------

    def op_product(self, step: Step) -> Text:
        coefficient, signs = step.params
        magnitude = abs(coefficient)
        text = "" if magnitude == 1 else _number(magnitude)[0]
        waiting: list[Step] = []
        items = list(zip(step.args, signs, strict=True))
        for position, (arg, sign) in enumerate(items):
            if sign > 0:
                text = f"{text} * {self.factor(arg)}" if text else self.factor(arg)
            elif text or not any(s > 0 for _, s in items[position:]):
                waiting.append(arg)
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

    def _divisor(self, steps: list[Step]) -> str:
        if len(steps) == 1:
            return self.factor(steps[0], POWER)
        return "(" + " * ".join(self.factor(s) for s in steps) + ")"

    def factor(self, step: Step, strength: int = PRODUCT) -> str:
        """An operand of a product or a quotient: a matrix product or a quotient stands in brackets."""
        text = self.texts[step]
        if text[1] == PRODUCT and (step.op == "matmul" or "/" in text[0] or strength > PRODUCT):
            return f"({text[0]})"
        return self.wrap(text, strength)

    def op_total(self, step: Step) -> Text:
        text = ""
        for sign, arg in zip(step.params, step.args, strict=True):
            item = self.wrap(self.texts[arg], PRODUCT)
            if not text:
                text = item if sign > 0 else f"-{self.arg(arg, SIGN)}"
            elif item.startswith("-"):
                text += f" - {item[1:]}" if sign > 0 else f" + {item[1:]}"
            else:
                text += f" {'+' if sign > 0 else '-'} {item}"
        return text, SUM

    def op_square(self, step: Step) -> Text:
        text = self.arg(step.args[0])
        return (f"{text} * {text}", PRODUCT) if text.isidentifier() else (f"np.square({text})", ATOM)

    def op_sqrt(self, step: Step) -> Text:
        return f"np.sqrt({self.arg(step.args[0])})", ATOM

    def op_power(self, step: Step) -> Text:
        return f"{self.arg(step.args[0], ATOM)} ** {self.wrap(_number(step.params[0]), ATOM)}", POWER

    def op_call(self, step: Step) -> Text:
        op, params = step.params
        if op in HELPERS:
            self.helpers[op] = HELPERS[op]
            return f"{op}({self.arg(step.args[0])})", ATOM
        record = PRIMITIVES.get(op)
        if record is None:
            raise UnsupportedError(f"no source is known for {op}")
        template = record.sources.get(self.idiom, record.source)
        if not template:
            raise UnsupportedError(f"{LIBRARIES[self.idiom]} has no {op}")
        if record.helper and self.idiom not in record.sources:
            self.helpers[op] = record.helper
        values = {name: self.parameter(value) for name, value in params}
        given = "".join(f", {name}={values[name]}" for name, value in params if value is not None and value is not False)
        operands = [self.operand(arg, template.count(f"{{{i}}}") > 1) for i, arg in enumerate(step.args)]
        return _fill(template, operands, {**values, "params": given})

    def operand(self, step: Step, repeated: bool) -> Text:
        """An operand of a function; one that its template writes twice gets a name."""
        if repeated and step.op not in LEAVES:
            self.bind(step)
        if self.idiom == "torch" and step.op in {"number", "size"}:
            return f"torch.tensor({self.arg(step)}, dtype=torch.float64)", ATOM
        return self.texts[step]

    def parameter(self, value: Any) -> str:
        """A parameter of a function as source."""
        if isinstance(value, tuple) and len(value) == 1:
            value = value[0]
        if isinstance(value, Size):
            return self.size(value)
        if isinstance(value, ArrayConstant):
            return self.constant(value)
        return _literal(value)

    # --- axes -------------------------------------------------------------------------------------

    def op_transpose(self, step: Step) -> Text:
        text = self.arg(step.args[0], ATOM)
        if step.ndim == 2:
            return f"{text}.T", ATOM
        return f"{text}.{'permute' if self.idiom == 'torch' else 'transpose'}{step.params[0]}", ATOM

    def op_expand(self, step: Step) -> Text:
        items = ", ".join(":" if present else "None" for present in step.params[0])
        return f"{self.arg(step.args[0], ATOM)}[{items}]", ATOM

    def op_sum(self, step: Step) -> Text:
        axes = step.params[0]
        argument = self.arg(step.args[0], ATOM)
        if len(axes) == step.args[0].ndim:
            return f"{argument}.sum()", ATOM
        return f"{argument}.sum(axis={axes[0] if len(axes) == 1 else axes})", ATOM

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
            text = self.arg(value) if self.reference or not whole else f"{self.arg(value)}.0"
            return f"np.full({shape}, {text}{self.dtype() if whole else self.floating()})", ATOM
        if not value.ndim and self.idiom != "torch":
            return f"np.full({shape}, {self.arg(value)})", ATOM
        copy = "clone" if self.idiom == "torch" else "copy"
        return f"np.broadcast_to({self.arg(value)}, {shape}).{copy}()", ATOM

    def op_slice(self, step: Step) -> Text:
        axis, start, stride = step.params
        (base,) = step.args
        if stride < 0 and self.idiom == "torch":
            stop = start + step.sizes[axis] * stride
            item = f"torch.arange({self.size(start)}, {self.size(stop)}, {stride})"
        else:
            item = self.slice_text(start, stride, step.sizes[axis], base.sizes[axis])
        return f"{self.arg(base, ATOM)}[{':, ' * axis}{item}]", ATOM

    def slice_text(self, start: Size, stride: int, count: Size, size: Size) -> str:
        """The slice of `count` entries from `start` on, of an axis of a size."""
        stop: Size | None = start + count * stride
        if stride > 0:
            if count == (size - start).ceildiv(stride):
                stop = None
            first = "" if start == Size.of(0) else self._bound(start, size)
        else:
            if count == (start + 1).ceildiv(-stride):
                stop = None
            first = "" if start == size - 1 else self._bound(start, size)
        last = "" if stop is None else self._bound(stop, size)
        return f"{first}:{last}" + ("" if stride == 1 else f":{stride}")

    def _bound(self, bound: Size, size: Size) -> str:
        """A bound of a slice, counted from the end where that is a number."""
        back = bound - size
        if back.is_literal and back.value < 0 and not bound.is_literal:
            return str(back.value)
        return self.size(bound)

    def op_entry(self, step: Step) -> Text:
        axis, position = step.params
        item = self._bound(position, step.args[0].sizes[axis])
        return f"{self.arg(step.args[0], ATOM)}[{':, ' * axis}{item}]", ATOM

    def op_take(self, step: Step) -> Text:
        axis, index = step.params
        return f"{self.arg(step.args[0], ATOM)}[{':, ' * axis}{self.constant(index, 'index')}]", ATOM

    # --- products ---------------------------------------------------------------------------------

    def op_matmul(self, step: Step) -> Text:
        left, right = step.args
        a = self.texts[left]
        first = a[0] if left.op == "matmul" or a[1] >= SIGN else f"({a[0]})"
        return f"{first} @ {self.arg(right, SIGN)}", PRODUCT

    def op_outer(self, step: Step) -> Text:
        return self.function("outer", step)

    def op_solve(self, step: Step) -> Text:
        return self.function("linalg.solve", step)

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
        parts = ["".join(names.setdefault(x, chr(ord("a") + len(names))) for x in labels) for labels in step.params]
        return f'np.einsum("{parts[0]},{parts[1]}->{parts[2]}", {", ".join(map(self.arg, step.args))})', ATOM

    def function(self, name: str, step: Step) -> Text:
        """A call with the operands as they are."""
        return f"np.{name}({', '.join(map(self.arg, step.args))})", ATOM

    # --- assignment -------------------------------------------------------------------------------

    def scatter(self, step: Step) -> str:
        """Statements that put a value at its places in zeros, or add it to an array; the array's name."""
        sign, places, sizes, present = step.params
        value = step.args[0]
        added = len(step.args) == 2
        target = self._target(step)
        index, order, diagonal = self._index(places, sizes, step)
        text = self._aligned(value, present, order)
        repeats = _repeats(places)
        if self.idiom == "jax":
            self.lines.append(f"{target} = {target}.at[{index}].add({'-' * (sign < 0)}{self.wrap(text, SIGN if sign < 0 else SUM)})")
        elif repeats and self.idiom == "torch":
            value_text = f"-{self.wrap(text, SIGN)}" if sign < 0 else text[0]
            self.lines.append(f"{target}.index_put_(({index},), torch.as_tensor({value_text}, dtype={target}.dtype), accumulate=True)")
        elif repeats:
            module = "numpy" if self.idiom == "autograd" else "np"
            self.lines.append(f"{module}.{'add' if sign > 0 else 'subtract'}.at({target}, {self._index_tuple(index)}, {text[0]})")
        elif diagonal and self.idiom in {"numpy", "autograd"}:
            n = self.size(sizes[0])
            n = n if re.fullmatch(r"[\w.\[\]]+", n) else f"({n})"
            self.lines.append(f"{target}.flat[:: {n} + 1] {'+' if sign > 0 else '-'}= {text[0]}")
        elif added:
            self.lines.append(f"{target}[{index}] {'+' if sign > 0 else '-'}= {text[0]}")
        else:
            value_text = f"-{self.wrap(text, SIGN)}" if sign < 0 else text[0]
            self.lines.append(f"{target}[{index}] = {value_text}")
        return target

    @staticmethod
    def _index_tuple(index: str) -> str:
        """An index as an expression of its own."""
        return f"np.s_[{index}]" if ":" in index else f"({index})" if "," in index else index

    def _target(self, step: Step) -> str:
        """The name of a fresh array to assign to."""
        wish = {1: "g", 2: "H"}.get(step.ndim, "T")
        if len(step.args) == 2:
            base = step.args[1]
            if self.uses[base] > 1 or base.op in LEAVES or base.op in VIEWS:
                name = self.fresh(wish)
                copy = "clone" if self.idiom == "torch" else "copy"
                self.lines.append(f"{name} = {self.arg(base, ATOM)}.{copy}()")
                return name
            return self.bind(base, wish)
        value = step.args[0]
        dtype = self.dtype()
        if self.based_on_array[value]:
            dtype = f", dtype={self.bind(value)}.dtype"
        elif value.op != "number" or not isinstance(value.params[0], int):
            dtype = self.floating()
        name = self.fresh(wish)
        self.lines.append(f"{name} = np.zeros({self.shape(step.sizes)}{dtype})")
        return name

    def _index(self, places: tuple[Place, ...], sizes: tuple[Size, ...], step: Step) -> tuple[str, list[int], bool]:
        """The index of the places, the labels of the indexed array's axes, and whether it is a diagonal."""
        labels = [p.label for p in places if p.label is not None]
        meshed = sorted({p.label for p in places if p.label is not None and (labels.count(p.label) > 1 or p.index)})
        if self.idiom == "torch":
            meshed = sorted({*meshed, *(p.label for p in places if p.label is not None and p.step < 0)})
        whole = [p.is_identity and sizes[p.label or 0] == n for p, n in zip(places, step.sizes, strict=True)]
        diagonal = len(places) == 2 and len(meshed) == 1 and all(whole)
        arrays = {} if diagonal and self.idiom in {"numpy", "autograd"} else self._mesh(places, sizes, meshed)
        if diagonal:
            index = ", ".join(arrays[p.label] for p in places if p.label is not None) if arrays else ""
            return index, meshed, True
        items, order = [], []
        advanced = [i for i, p in enumerate(places) if p.label in meshed or (p.label is None and meshed)]
        together = bool(advanced) and advanced == list(range(advanced[0], advanced[-1] + 1))
        if advanced and not together:
            order += meshed
        for i, place in enumerate(places):
            if together and i == advanced[0]:
                order += meshed
            if place.label is None:
                items.append(self._bound(place.start, step.sizes[i]))
            elif place.label in meshed:
                items.append(self._mesh_item(place, arrays[place.label], meshed))
            else:
                order.append(place.label)
                items.append(":" if whole[i] else self.slice_text(place.start, place.step, sizes[place.label], step.sizes[i]))
        return ", ".join(items), order, False

    def _mesh(self, places: tuple[Place, ...], sizes: tuple[Size, ...], meshed: list[int]) -> dict[int, str]:
        """Names of index arrays for the labels that need one, on axes of their own."""
        arrays = {}
        for label in meshed:
            expand = self._expand(meshed, label)
            if any(p.label == label and p.index is None for p in places):
                name = self.fresh("i" if "i" not in self.taken else "j")
                self.lines.append(f"{name} = np.arange({self.size(sizes[label])}){expand}")
                arrays[label] = name
            else:
                arrays[label] = ""
        return arrays

    @staticmethod
    def _expand(meshed: list[int], label: int) -> str:
        after = len(meshed) - 1 - meshed.index(label)
        return "[:" + ", None" * after + "]" if after else ""

    def _mesh_item(self, place: Place, name: str, meshed: list[int]) -> str:
        if place.index is not None:
            assert place.label is not None
            return self.constant(place.index, "index") + self._expand(meshed, place.label)
        if place.is_identity:
            return name
        scaled = name if place.step == 1 else f"{place.step} * {name}"
        return scaled if place.start == Size.of(0) else f"{self.size(place.start)} + {scaled}"

    def _aligned(self, value: Step, labels: tuple[int, ...], order: list[int]) -> Text:
        """The value's text with its labelled axes moved to those of the indexed array."""
        text = self.texts[value]
        present = [label for label in order if label in labels]
        if present != list(labels):
            axes = tuple(labels.index(label) for label in present)
            word = "permute" if self.idiom == "torch" else "transpose"
            text = (f"{self.wrap(text, ATOM)}" + (".T" if value.ndim == 2 else f".{word}{axes}"), ATOM)
        while order and order[0] not in labels:
            order = order[1:]
        if len(order) > len(present):
            items = ", ".join(":" if label in labels else "None" for label in order)
            text = (f"{self.wrap(text, ATOM)}[{items}]", ATOM)
        return text


def _repeats(places: tuple[Place, ...]) -> bool:
    """Whether two entries of the value may go to one entry of the result."""
    gathered = [p for p in places if p.index is not None]
    whole = {p.label for p in places if p.index is None}
    return any(
        p.index is not None and p.label not in whole and len(np.unique(p.index.array % (1 << 62))) < p.index.array.size
        for p in gathered
    )


def _number(value: Number) -> Text:
    """A number as source: a decimal if that is exact, else a quotient if that is short."""
    fraction = Fraction(value)
    if fraction.denominator == 1:
        text = str(fraction.numerator) if abs(fraction) < 1 << 53 else repr(float(fraction))
    elif Fraction(float(fraction)) == fraction or fraction.denominator > 10**6:
        text = repr(float(fraction))
    else:
        return f"({fraction.numerator} / {fraction.denominator})", ATOM
    return _signed(text)


def _signed(text: str) -> Text:
    return text, SIGN if text.startswith("-") else ATOM


def _literal(value: Any) -> str:
    """A plain value as source."""
    text = repr(value)
    return text if isinstance(value, str) else re.sub(r"\b(inf|nan)\b", r"np.\1", text)


def _fill(template: str, operands: Sequence[Text], values: dict[str, str]) -> Text:
    """A template with its operands, in brackets unless they stand alone between brackets or commas."""

    def put(match: re.Match[str]) -> str:
        word = match[1]
        if not word.isdigit():
            return values[word] if word != "args" else ", ".join(text for text, _ in operands)
        before, after = template[: match.start()].rstrip(" "), template[match.end() :].lstrip(" ")
        alone = before[-1:] in {"(", ","} and after[:1] in {")", ",", "{"} and not before.endswith("(" * 2)
        return operands[int(word)][0] if alone else Writer.wrap(operands[int(word)], ATOM)

    text = re.sub(r"\{(\w+)\}", put, template)
    try:
        parsed = ast.parse(text, mode="eval").body
    except SyntaxError:
        return text, SUM
    return text, ATOM if isinstance(parsed, ast.Call | ast.Subscript | ast.Attribute | ast.Name) else SUM
