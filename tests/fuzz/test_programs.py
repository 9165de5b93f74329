"""Random programs with fixed seeds: formula, its text, emitted code and JAX agree, for order 1 and 2; every
record that users call can occur in them, and a failure is made small."""

import ast
import re
import warnings

import numpy as np
import pytest
from tests.dense import evaluate
from tests.fuzz.kept import KEPT
from tests.fuzz.programs import MODULES, compiled, program, without_assignment
from tests.fuzz.records import CALLED, near_sample
from tests.fuzz.run import difference, examined, main
from tests.fuzz.shrink import shrunk
from tests.notation.test_formulas import balanced
from tests.reading import assert_same, read_back

import closedform as cf
from closedform.errors import ClosedformError, InvalidArgumentError
from closedform.expression.expr import toposort
from closedform.notation.latex import latex
from closedform.notation.text import text

BATCH = 25
# Formulas with captured arrays, which have no names to declare, and with reshapes are not read back, nor are
# those longer than so many characters.
UNREADABLE = {"constant", "reshape"}
LONGEST_READ = 2000


def reads_back(derivation, values, seed):
    """The printed formula has the value of the expression; what the reader does not know is refused: sizes
    that it does not tell, sums over an index that is in no factor, entries counted by a formula."""
    try:
        found = read_back(derivation.expr, derivation.inputs)
    except InvalidArgumentError as error:
        refused = (
            "does not follow from the formula",
            "does not stand in what is summed over it",
            "an index is to be a number",
        )
        assert any(reason in str(error) for reason in refused), f"seed {seed}\n{error}"
    else:
        assert_same(derivation.expr, found, values)


@pytest.mark.parametrize("first", range(0, 100, BATCH))
def test_emitted_code_computes_the_same_for_integers(first):
    """Or NumPy refuses it: an array of integers takes no fractions."""
    for seed in range(first, first + BATCH):
        source, arguments = program(seed)
        whole = [np.rint(2 * a).astype(int) for a in arguments]
        for operator in (cf.grad, cf.hessian):
            try:
                function = operator(compiled(source)).at(*arguments).function
                with np.errstate(all="ignore"):
                    want = function(*(a.astype(float) for a in whole))
                    got = function(*whole)
            except (ClosedformError, TypeError, ValueError):  # LinAlgError is a ValueError
                continue
            np.testing.assert_allclose(got, want, rtol=1e-9, atol=1e-9, err_msg=f"seed {seed}\n{source}")


@pytest.mark.parametrize("first", range(0, 100, BATCH))
def test_emitted_code_has_the_value_of_the_formula(first):
    for seed in range(first, first + BATCH):
        source, arguments = program(seed)
        for operator in (cf.grad, cf.hessian):
            try:
                derivation = operator(compiled(source)).at(*arguments)
            except ClosedformError:
                continue
            formula = evaluate(derivation.expr, dict(zip(derivation.arguments, arguments, strict=True)))
            with np.errstate(all="ignore"):
                got = derivation.function(*arguments)
            shown = text(derivation.expr, derivation.inputs.values())
            readable = not any(node.op in UNREADABLE for node in toposort(derivation.expr))
            if readable and len(shown) < LONGEST_READ:
                assert balanced(latex(derivation.expr, derivation.inputs.values()))
                reads_back(derivation, dict(zip(derivation.arguments, arguments, strict=True)), seed)
            if np.all(np.isfinite(formula)):
                assert difference(got, formula) < 1e-9, f"seed {seed}\n{source}\n{derivation.source()}"


@pytest.mark.parametrize("seed", range(1004, 1016))
def test_derivatives_agree_with_jax(seed):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for operator in ("grad", "hessian"):
            source, arguments = program(seed)
            outcome = examined(source, arguments, operator)
            assert not outcome.failed, f"seed {seed}, {operator}: {outcome}\n{source}"


@pytest.mark.parametrize("first", range(0, 12, 4))
def test_loops_over_entries_agree_with_differences(first):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for seed in range(first, first + 4):
            source, arguments = program(seed, looped=1)
            for operator in ("grad", "hessian"):
                outcome = examined(source, arguments, operator, by_jax=False)
                assert not outcome.failed, f"seed {seed}, {operator}: {outcome}\n{source}"


def test_some_programs_loop_over_entries():
    """Loops of every kind; programs without one are as if there were none."""
    sources = [program(seed, looped=1)[0] for seed in range(200)]
    for written in (
        "if i",
        "for j in",
        "for k in",
        ".append(",
        "enumerate(",
        "zip(",
        "inner",
        "+= ",
        "sum((",
    ):
        assert any(written in source for source in sources), written
    assert any(re.search(r"v\d+\[[ij], [ij]\] = ", source) for source in sources)
    changed = [program(seed)[0] != program(seed, looped=0)[0] for seed in range(200)]
    assert 200 / 12 < sum(changed) < 200 / 4


@pytest.mark.parametrize("source, arguments, _", KEPT)
def test_what_was_wrong_once_is_right(source, arguments, _):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for operator in ("grad", "hessian"):
            outcome = examined(source, tuple(map(np.array, arguments)), operator)
            assert outcome.kind.startswith(("right", "near a kink", "not finite")), outcome


@pytest.mark.parametrize("name", CALLED)
def test_every_record_occurs_in_a_program(name):
    values = np.array([0.3, -0.4, 0.7, 0.1])
    statement = near_sample(name, 0, lambda: ("x", values))
    function = eval(f"lambda x: np.sum(x) + np.sum({statement})", dict(MODULES))
    with np.errstate(all="ignore"), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        derivation = cf.trace(function, values)
        assert difference(derivation.function(values), function(values)) < 1e-12
    assert name in {node.op for node in toposort(derivation.trace.root)}


def test_assignments_are_written_as_jax_has_them():
    source = "def f(x):\n    y = x.copy()\n    y[1:] -= x[0]\n    y[0] = 2 * y[1]\n    return np.sum(y)"
    assert without_assignment(source).split("\n")[2:4] == [
        "    y = y.at[1:].subtract(x[0])",
        "    y = y.at[0].set(2 * y[1])",
    ]


def test_a_failing_program_is_made_small():
    def fails(source, arguments):
        try:
            value = compiled(source)(*arguments)
        except Exception:
            return False
        return "np.sin" in source and np.ndim(value) == 0

    source = """def f(x0, x1):
    a = np.exp(x0) @ x1
    if np.sum(a) > -100:
        b = 2 * a
    for k in range(2):
        b = b + np.sin(b * a[0])
    c = np.tanh(a)
    return np.sum(b) + np.sum(c * c)
"""
    small, (x0,) = shrunk(source, (np.ones((3, 3)), np.ones(3)), fails)
    assert small.split("\n") == ["def f(x0):", "    b = 2", "    b = np.sin(b)", "    return b"]
    assert x0.shape == (1, 1)


def test_a_failing_loop_is_made_small():
    def fails(source, arguments):
        try:
            value = compiled(source)(*arguments)
        except Exception:
            return False
        return "np.exp(-" in source and np.ndim(value) == 0

    source = """def f(x0):
    weights = [0.5, 1.5]
    v1 = 0.0
    for i, r0 in enumerate(x0):
        for j in range(len(x0)):
            if i == j:
                continue
            v1 += weights[i] * r0 + np.exp(-(x0[i] - x0[j])**2)
    v2 = np.array([[v1 * x0[i] for j in range(i)] for i in range(1)])
    return v1 + np.sum(v2)
"""
    small, (x0,) = shrunk(source, (np.ones(2),), fails)
    loop = ["    for i, r0 in enumerate(x0):", "        v1 += np.exp(-i)"]
    assert small.split("\n") == ["def f(x0):", "    v1 = 0.0", *loop, "    return v1"]
    assert x0.shape == (1,)


def test_the_tally_counts_every_program(capsys):
    assert main(2, 0) == 0
    last = capsys.readouterr().out.splitlines()
    assert sum(int(line.split()[0]) for line in last[:-1]) == 4
    assert last[-1].startswith("2 programs from seed 0, order 1 and 2")


@pytest.mark.parametrize("first", range(0, 60, 20))
def test_the_order_of_operands_does_not_matter(first):
    """Sums and products of a program with their operands swapped have the same derivative, as one node."""
    for seed in range(first, first + 20):
        source, arguments = program(seed)
        try:
            derivation = cf.grad(compiled(source)).at(*arguments)
        except ClosedformError:
            continue
        if any(node.op == "constant" for node in toposort(derivation.expr)):
            continue  # captured arrays are named in the order in which they are met
        swapped = cf.grad(compiled(_swapped(source, seed))).at(*arguments)
        # Of axes that became one, the first one used names the size: such nodes differ in the name alone.
        same = swapped.expr is derivation.expr or swapped.text == derivation.text
        assert same, f"seed {seed}\n{source}\n{_swapped(source, seed)}"


def _swapped(source, seed):
    """The program with the operands of some sums and elementwise products exchanged."""
    rng = np.random.default_rng(seed)

    class Swap(ast.NodeTransformer):
        def visit_BinOp(self, node):
            self.generic_visit(node)
            if isinstance(node.op, ast.Add | ast.Mult) and rng.random() < 0.5:
                node.left, node.right = node.right, node.left
            return node

    return ast.unparse(Swap().visit(ast.parse(source)))
