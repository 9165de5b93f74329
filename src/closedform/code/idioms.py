"""From a traced function to the source of a Python module that computes it as users of NumPy, autograd, JAX
or PyTorch would write it: the user's own operations, in the user's order."""

from __future__ import annotations

import ast
import re
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import numpy as np

from closedform.errors import InvalidArgumentError, UnsupportedError
from closedform.expression.expr import ArrayConstant, Expr, toposort
from closedform.expression.size import Size
from closedform.primitives.record import IDIOMS, PRIMITIVES

# How the arrays' module is imported, and what NumPy's and SciPy's modules are called.
IMPORTS = {
    "numpy": "import numpy as np",
    "autograd": "import autograd.numpy as np",
    "jax": "import jax.numpy as jnp",
    "torch": "import torch",
}
MODULES: dict[str, dict[str, str]] = {
    "numpy": {},
    "autograd": {"scipy.special": "autograd.scipy.special", "scipy.linalg": "autograd.scipy.linalg"},
    "jax": {"np": "jnp", "scipy.special": "jax.scipy.special", "scipy.linalg": "jax.scipy.linalg"},
    "torch": {"np": "torch", "scipy.special": "torch.special", "scipy.linalg": "torch.linalg"},
}
TORCH_KEYWORDS = {"axis": "dim", "keepdims": "keepdim"}
AXIS_KEYWORDS = {"axis", "keepdims", "dim", "keepdim"}
LEAVES = {"input", "constant", "number", "size"}
LIBRARIES = {"numpy": "NumPy", "autograd": "autograd", "jax": "JAX", "torch": "PyTorch"}

# An inlined expression longer than this becomes a statement of its own.
LONGEST_INLINE = 60


def trace_source(
    root: Expr, arguments: Sequence[str], name: str, idiom: str
) -> tuple[str, dict[str, np.ndarray]]:
    """The source of a module with the function `name`, and the arrays that it reads as global names.

    root       the traced function: the user's operations, see `closedform.primitives`
    arguments  names of the function's arguments, in order
    idiom      "numpy", "autograd", "jax" or "torch"

    >>> from closedform.expression.expr import Expr, input_
    >>> x = input_("x", (3,))
    >>> product = Expr("multiply", (Expr("sin", (x,), (), x.shape), x), (), x.shape)
    >>> print(trace_source(product, ["x"], "f", "torch")[0])
    import torch
    <BLANKLINE>
    <BLANKLINE>
    def f(x):
        return torch.sin(x) * x
    <BLANKLINE>

    Raises UnsupportedError where the idiom has no such operation.
    """
    if idiom not in IDIOMS:
        raise InvalidArgumentError(f"idiom {idiom!r} is not one of {', '.join(IDIOMS)}")
    writer = _Writer(root, arguments, idiom)
    body = writer.body(root)
    parameters = ", ".join(writer.arguments[argument] for argument in arguments)
    function = f"def {name}({parameters}):\n" + "".join(f"    {line}\n" for line in body)
    definitions = "".join(f"{line}\n" for line in writer.numbers.values())
    parts = [definitions] * bool(definitions) + [*writer.helpers.values(), function]
    text = "\n\n".join(parts)
    imports = imports_of(text, idiom)
    return "\n".join(imports) + "\n\n\n" * bool(imports) + text, writer.constants


class _Writer:
    """Statements for one function, and what the module needs besides: constants, numbers, helpers."""

    def __init__(self, root: Expr, arguments: Sequence[str], idiom: str) -> None:
        self.idiom = idiom
        self.nodes = toposort(root)
        self.taken = {"np", "jnp", "jax", "torch", "scipy", "autograd"}
        self.arguments = {argument: self.fresh(argument) for argument in arguments}
        self.constants: dict[str, np.ndarray] = {}
        self.numbers: dict[float, str] = {}
        self.helpers: dict[str, str] = {}
        self.names: dict[ArrayConstant, str] = {}

    def fresh(self, wish: str) -> str:
        """A name that is not taken yet, like the one wished for."""
        name = wish
        while name in self.taken:
            name += "_"
        self.taken.add(name)
        return name

    def body(self, root: Expr) -> list[str]:
        """The statements, in single assignment: shared and long expressions get a name."""
        uses = Counter(arg for node in self.nodes for arg in node.args)
        repeated = self._repeated_operands()
        written: dict[Expr, ast.expr] = {}
        lines: list[str] = []
        parts = Counter(map(_whole, self.nodes))
        wholes: dict[tuple[str, tuple[Expr, ...]], str] = {}
        for node in self.nodes:
            operands = [written[arg] for arg in node.args]
            expression = self.expression(node, operands)
            whole = _whole(node)
            if whole[0] and parts[whole] > 1:
                if whole not in wholes:
                    wholes[whole] = self.fresh(f"t{len(lines) + 1}")
                    call = _Fill(operands).visit(self.parse(self.filled(whole[0], {}, len(operands))))
                    lines.append(f"{wholes[whole]} = {ast.unparse(call)}")
                expression = self.parse(f"{wholes[whole]}[{_position(node)}]")
            leaf = node.op in LEAVES
            shared = uses[node] > 1 or node in repeated
            if node is root:
                lines.append(f"return {ast.unparse(expression)}")
            elif not leaf and (shared or len(ast.unparse(expression)) > LONGEST_INLINE):
                name = self.fresh(f"t{len(lines) + 1}")
                lines.append(f"{name} = {ast.unparse(expression)}")
                expression = ast.Name(name)
            written[node] = expression
        return lines

    def _repeated_operands(self) -> set[Expr]:
        """Operands that a template writes more than once."""
        return {
            arg
            for node in self.nodes
            if node.args
            for i, arg in enumerate(node.args)
            if self.template(node).count(f"{{{i}}}") > 1
        }

    def template(self, node: Expr) -> str:
        """The source template of an operation in the idiom."""
        record = PRIMITIVES.get(node.op)
        if record is None:
            raise UnsupportedError(f"the operation {node.op!r} has no source")
        template = record.sources.get(self.idiom, record.source)
        if not template:
            raise UnsupportedError(f"{LIBRARIES[self.idiom]} has no {node.op}")
        return template

    def expression(self, node: Expr, operands: list[ast.expr]) -> ast.expr:
        """One operation applied to its written operands."""
        if node.op == "input":
            return ast.Name(self.arguments[node.params[0]])
        if node.op == "constant":
            return ast.Name(self.constant(node.params[0], node.params[0].name))
        if node.op == "number":
            return self.parse(_number(node.params[0]))
        if node.op == "size":
            return self.parse(self.text(node.params[0]))
        self.note_helper(node)
        template = self.template(node)
        parameters = dict(node.params)
        if self.idiom == "torch":
            _refuse_for_torch(node.op, parameters)
            if "(" in template:
                operands = [
                    self.torch_scalar(arg, operand) for arg, operand in zip(node.args, operands, strict=True)
                ]
        return _Fill(operands).visit(self.parse(self.filled(template, parameters, len(operands))))

    def filled(self, template: str, parameters: dict[str, Any], count: int) -> str:
        """The template's text with names for the operands, and its parameters written."""
        bracketed = "[{index}]" in template
        replaced = {
            name: self.text(value, name == "index" and bracketed) for name, value in parameters.items()
        }
        given = [f", {name}={replaced[name]}" for name, value in parameters.items() if _is_given(value)]
        replaced["params"] = "".join(given)
        replaced["args"] = ", ".join(f"_{i}_" for i in range(count))
        replaced.update((str(i), f"_{i}_") for i in range(count))

        def value(match: re.Match[str]) -> str:
            name, item = match.groups()
            return replaced[name] if item is None else self.text(parameters[name][int(item)])

        return re.sub(r"\{(\w+)(?:\[(\d+)\])?\}", value, template)

    def parse(self, text: str) -> ast.expr:
        """Source text of NumPy or of the idiom, in the idiom."""
        return Translate(self.idiom).visit(ast.parse(text, mode="eval").body)

    def note_helper(self, node: Expr) -> None:
        """The helper function of an operation goes into the module once."""
        record = PRIMITIVES.get(node.op)
        if record and (helper := record.helper_in(self.idiom)):
            self.helpers[node.op] = ast.unparse(Translate(self.idiom).visit(ast.parse(helper))) + "\n"

    def constant(self, constant: ArrayConstant, wish: str | None) -> str:
        """The global name of an array. PyTorch multiplies no matrices of different dtypes: integers that are
        operands become floating-point numbers there."""
        if constant not in self.names:
            self.names[constant] = self.fresh(wish if wish and wish.isidentifier() else "c")
        name = self.names[constant]
        as_float = self.idiom == "torch" and constant.array.dtype.kind in "iu" and wish != "index"
        self.constants[name] = constant.array.astype(np.float64) if as_float else constant.array
        return name

    def torch_scalar(self, node: Expr, written: ast.expr) -> ast.expr:
        """PyTorch's functions take tensors only: a number becomes one, made once in the module."""
        if not _is_python_number(node):
            return written
        if node.op != "number":
            return self.parse(f"torch.tensor({ast.unparse(written)}, dtype=torch.float64)")
        value = node.params[0]
        if value not in self.numbers:
            name = self.fresh(f"number{len(self.numbers) + 1}")
            self.numbers[value] = f"{name} = torch.tensor({ast.unparse(written)}, dtype=torch.float64)"
        return ast.Name(self.numbers[value].partition(" ")[0])

    def text(self, value: Any, index: bool = False) -> str:
        """A parameter's value as source; an index is written as it stands between brackets."""
        if isinstance(value, Size):
            return value.render(lambda argument, axis: f"{self.arguments[argument]}.shape[{axis}]")
        if isinstance(value, ArrayConstant):
            return self.constant(value, "index")
        if index and isinstance(value, tuple):
            if self.idiom == "torch" and any(isinstance(item, ArrayConstant) for item in value):
                # NumPy counts numbers beside arrays of indices as arrays, PyTorch does not
                value = tuple(ArrayConstant(np.array([k])) if isinstance(k, int) else k for k in value)
            return (
                ", ".join(map(self.index_text, value)) + "," * (len(value) == 1 and value[0] is None) or "()"
            )
        if isinstance(value, tuple) and value and value[0] == "slice":
            return "slice(" + ", ".join(map(self.text, value[1:])) + ")"
        if isinstance(value, tuple):
            return "(" + ", ".join(map(self.text, value)) + "," * (len(value) == 1) + ")"
        return "..." if value == "..." else _number(value)

    def index_text(self, item: Any) -> str:
        """One item of an index."""
        if isinstance(item, tuple) and item and item[0] == "slice":
            start, stop, step = ("" if bound is None else self.text(bound) for bound in item[1:])
            return f"{start}:{stop}" + f":{step}" * bool(step)
        return self.text(item)


def _whole(node: Expr) -> tuple[str, tuple[Expr, ...]]:
    """The template of the function of several results that a node is one result of, and its operands."""
    record = PRIMITIVES.get(node.op)
    return (record.part[0] if record and record.part else "", node.args)


def _position(node: Expr) -> int:
    part = PRIMITIVES[node.op].part
    assert part is not None
    return part[2]


class _Fill(ast.NodeTransformer):
    """Puts the operands in the places of their names."""

    def __init__(self, operands: list[ast.expr]) -> None:
        self.operands = operands

    def visit_Name(self, node: ast.Name) -> ast.expr:
        found = re.fullmatch(r"_(\d+)_", node.id)
        return self.operands[int(found[1])] if found else node


class Translate(ast.NodeTransformer):
    """NumPy's and SciPy's modules and keywords become the idiom's."""

    def __init__(self, idiom: str) -> None:
        self.torch = idiom == "torch"
        self.modules = MODULES[idiom]

    def visit_Attribute(self, node: ast.Attribute) -> ast.expr:
        module = self.modules.get(ast.unparse(node))
        if module is not None:
            return ast.parse(module, mode="eval").body
        return self.generic_visit(node)  # type: ignore[return-value]

    def visit_Name(self, node: ast.Name) -> ast.Name:
        return ast.Name(self.modules.get(node.id, node.id))

    def visit_BoolOp(self, node: ast.BoolOp) -> ast.expr:
        """`{axis} or something` in a template: what stands for a parameter that is None."""
        given = node.values[0]
        return self.visit(node.values[isinstance(given, ast.Constant) and given.value is None])

    def visit_keyword(self, node: ast.keyword) -> ast.keyword | None:
        value = node.value.value if isinstance(node.value, ast.Constant) else ...
        if node.arg in AXIS_KEYWORDS and not _is_given(value):
            return None
        if self.torch and node.arg in TORCH_KEYWORDS:
            node.arg = TORCH_KEYWORDS[node.arg]
        return self.generic_visit(node)  # type: ignore[return-value]


def _is_given(value: Any) -> bool:
    """Whether a parameter is written at all: None and False are NumPy's defaults."""
    return value is not None and value is not False


def _number(value: Any) -> str:
    """A number, or another plain value, as source.

    >>> _number(0.5), _number(float("-inf"))
    ('0.5', '-np.inf')
    """
    text = repr(value)
    return text if isinstance(value, str) else text.replace("inf", "np.inf").replace("nan", "np.nan")


def _is_python_number(node: Expr) -> bool:
    """Whether a node is written with Python numbers and operators alone."""
    if node.op in {"number", "size"}:
        return True
    record = PRIMITIVES.get(node.op)
    operator = record is not None and "np." not in record.source and "scipy." not in record.source
    return bool(node.args) and operator and all(map(_is_python_number, node.args))


def _refuse_for_torch(op: str, parameters: dict[str, Any]) -> None:
    if op == "getitem" and any(
        isinstance(item, tuple) and item and item[0] == "slice" and isinstance(item[3], int) and item[3] < 0
        for item in parameters["index"]
    ):
        raise UnsupportedError("PyTorch has no slices with a negative step: write np.flip")


def imports_of(text: str, idiom: str) -> list[str]:
    """The import lines for the modules that a source names."""
    tree = ast.parse(text)
    names = {node.id for node in ast.walk(tree) if isinstance(node, ast.Name)}
    submodules = {
        found
        for node in (ast.walk(tree) if "scipy" in text else ())
        if isinstance(node, ast.Attribute)
        for found in re.findall(r"^((?:jax\.|autograd\.)?scipy\.\w+)$", ast.unparse(node))
    }
    arrays = IMPORTS[idiom]
    used = arrays.split()[-1] in names
    return [arrays] * used + [f"import {name}" for name in sorted(submodules)]


def sources(
    root: Expr, arguments: Sequence[str], name: str, build: Callable[..., Any], idioms: Iterable[str] = IDIOMS
) -> dict[str, Any]:
    """For every idiom, `build(source, name, constants)`, or the reason why it cannot be written."""
    written: dict[str, Any] = {}
    for idiom in idioms:
        try:
            source, constants = trace_source(root, arguments, name, idiom)
        except UnsupportedError as refusal:
            written[idiom] = str(refusal)
        else:
            written[idiom] = build(source, name, constants)
    return written
