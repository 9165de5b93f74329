"""Derivations step by step: what is printed (`steps.txt`), and that every line is true."""

from pathlib import Path

import numpy as np
import pytest
import scipy.linalg
import scipy.special
from tests.dense import evaluate
from tests.notation.evaluate import meaning

import closedform as cf
from closedform.derivative.by_differentials import expanded
from closedform.derivative.forward import differential
from closedform.errors import InvalidArgumentError, UnsupportedError
from closedform.expression.expr import input_, inputs, toposort
from closedform.notation.matrix import notation

matrix, vector = cf.matrix, cf.vector
SQUARE, TALL = matrix("n", "n"), matrix("m", "n")
REGRESSION = (matrix("k", "c"), matrix("m", "k"), matrix("m", "c"))
SNAPSHOT = Path(__file__).with_name("steps.txt")


def least_squares(x, A, b):
    return 0.5 * np.sum((A @ x - b) ** 2)


def logdet(X):
    return np.linalg.slogdet(X)[1]


def logistic(w, A, y):
    return np.sum(np.log(1 + np.exp(-y * (A @ w))))


def softmax_regression(W, X, Y):
    return np.sum(scipy.special.logsumexp(X @ W, axis=1)) - np.sum(Y * (X @ W))


def likelihood(S, x, mu):
    return 0.5 * np.linalg.slogdet(S)[1] + 0.5 * (x - mu) @ np.linalg.solve(S, x - mu)


def network(W, V, x, y):
    return 0.5 * np.sum((V @ np.tanh(W @ x) - y) ** 2)


CASES = {
    "least squares": cf.hessian(least_squares).at(vector("n"), TALL, vector("m")),
    "log det": cf.hessian(logdet).at(SQUARE),
    "linear trace": cf.grad(lambda X, A, B: np.trace(A @ X @ B)).at(matrix("n", "k"), TALL, matrix("k", "m")),
    "quadratic trace": cf.grad(lambda X, A: np.trace(X.T @ A @ X)).at(matrix("n", "k"), SQUARE),
    "trace of an inverse": cf.grad(lambda X, A: np.trace(np.linalg.inv(X) @ A)).at(SQUARE, SQUARE),
    "quadratic form": cf.grad(lambda x, A: x @ A @ x).at(vector("n"), SQUARE),
    "Rayleigh quotient": cf.grad(lambda x, A: (x @ A @ x) / (x @ x)).at(vector("n"), cf.symmetric("n")),
    "distance": cf.grad(lambda x, c: np.linalg.norm(x - c)).at(vector("n"), vector("n")),
    "logistic regression": cf.hessian(logistic).at(vector("n"), TALL, vector("m")),
    "softmax regression": cf.hessian(softmax_regression).at(*REGRESSION),
    "log of a sum of exponentials": cf.hessian(lambda x: np.log(np.sum(np.exp(x)))).at(vector("n")),
    "factorisation": cf.hessian(lambda V, W, M: np.sum((V @ W - M) ** 2)).at(
        matrix("m", "k"), matrix("k", "n"), TALL
    ),
    "covariance": cf.grad(likelihood).at(cf.spd("n"), vector("n"), vector("n")),
    "trace of an exponential": cf.grad(lambda X: np.trace(scipy.linalg.expm(X))).at(SQUARE),
    "network": cf.grad(network).at(matrix("h", "n"), matrix("o", "h"), vector("n"), vector("o")),
    "third derivative": cf.derivative(lambda x: (x @ x) ** 2, order=3).at(vector("n")),
    "function of a number": cf.derivative(np.tanh, order=2).at(cf.scalar()),
    "function of each entry": cf.derivative(lambda x: np.exp(-(x**2)), order=2).at(vector("n")),
    "Jacobian": cf.jacobian(lambda x, A: np.tanh(A @ x)).at(vector("n"), TALL),
    "Jacobian in a matrix": cf.jacobian(np.linalg.inv).at(SQUARE),
    "Hessian times a vector": cf.hvp(lambda x, A: np.sum(np.exp(A @ x))).at(vector("n"), TALL),
    "Jacobian times a vector": cf.jvp(lambda x, A: np.tanh(A @ x), ("x", "A")).at(vector("n"), TALL),
    "a vector times the Jacobian": cf.vjp(lambda x, A: np.tanh(A @ x)).at(vector("n"), TALL),
    "symmetric variable": cf.hessian(logdet).at(cf.spd("n")),
    "no dependence": cf.grad(lambda x, y: y @ y).at(vector("n"), vector("n")),
    "the variable itself": cf.jacobian(lambda x: x).at(vector("n")),
}


def shown():
    return "\n".join(f"{title}\n{'-' * len(title)}\n{d.steps}\n" for title, d in CASES.items())


def test_derivations_are_printed_as_in_the_snapshot():
    assert shown() == SNAPSHOT.read_text(encoding="utf-8")


def values_of(leaves):
    rng = np.random.default_rng(4)
    values = {}
    for leaf in leaves:
        shape = [s.value for s in leaf.shape]
        array = rng.uniform(0.3, 1, shape)
        if len(shape) == 2 and shape[0] == shape[1]:
            array = array + 3 * np.eye(*shape)
            array = array + array.T if leaf.params[1] else array
        values[leaf.params[0]] = array
    return values


def printed_value(line, tangents, values):
    """What the printed line means, with the values of the differentials that stand in it."""
    nodes = [node.args[0] for node in toposort(line) if node.op == "differential"]
    differentials = {
        notation(u): evaluate(tangents.get(u) or differential(u, tangents), values) for u in nodes
    }
    return meaning(notation(line), values, differentials).reshape([s.value for s in line.shape])


@pytest.mark.parametrize("title", CASES)
def test_every_line_is_true(title):
    """A line of d(q) is the derivative of q along dx; the derivative that is read off gives it too."""
    d = CASES[title]
    tangents = {d.inputs[name]: input_(f"d{name}", d.inputs[name].shape) for name in d.variables}
    values = values_of([*d.inputs.values(), *tangents.values()])
    for x, dx in tangents.items():
        if x.params[1]:
            values[dx.params[0]] = values[dx.params[0]] + values[dx.params[0]].T
    known = set(values)
    if d.operator != "vjp":
        values.update(zip(d.directions, [values[dx.params[0]] for dx in tangents.values()], strict=False))
    x, dx = next(iter(tangents.items()))
    quantity = last = d.steps[0]
    assert quantity.name.text == "f"
    for step in d.steps[1:]:
        for leaf in inputs(step.after):
            if leaf.params[0] not in known:  # a direction of a linear map
                values[leaf.params[0]] = values[dx.params[0]]
        if step.rule.startswith("weighted"):
            weighted = np.sum(values["u"] * evaluate(quantity.after, values))
            np.testing.assert_allclose(evaluate(step.after, values), weighted, rtol=1e-10)
            quantity = last = step
        elif step.name.text.startswith("d"):
            if step.name.text != f"d{quantity.name.text}":
                quantity = last
                assert step.name.text == f"d{quantity.name.text}"
            along = evaluate(differential(quantity.after, tangents), values)
            np.testing.assert_allclose(evaluate(expanded(step.after, tangents), values), along, rtol=1e-9)
            np.testing.assert_allclose(printed_value(step.after, tangents, values), along, rtol=1e-9)
        else:
            got = evaluate(step.after, values)
            if not step.rule.startswith("along"):
                entrywise = step.rule.startswith("read off") and "⊙" in step.equation.text
                v = values[dx.params[0]]
                got = got * v if entrywise else np.tensordot(got, v, x.ndim)
            np.testing.assert_allclose(got, along, rtol=1e-9, atol=1e-12)
            last = step


@pytest.mark.parametrize("title", CASES)
def test_the_last_line_is_the_result(title):
    d = CASES[title]
    last = d.steps[-1]
    assert last.after is d.expr or last.after is d.linear_map.expr
    assert d.text in (last.text.partition(" = ")[2], last.text)


@pytest.mark.parametrize("convention", ["projected", "independent"])
def test_other_conventions_for_symmetric_variables_come_last(convention):
    S = cf.symmetric("n")
    for operator in (cf.grad, cf.hessian):
        d = operator(lambda S, a: a @ S @ S @ a, symmetric=convention).at(S, vector("n"))
        assert d.steps[-1].rule == f"symmetric={convention!r}"
        assert d.steps[-1].after is d.expr


@pytest.mark.parametrize("title", CASES)
def test_lines_follow_each_other(title):
    steps = CASES[title].steps
    assert steps[0].before is None
    assert all(step.before is not None for step in steps if step.name.text != "f" and step.rule == "read off")
    counts = {}
    for step in steps:
        counts[step.name.text] = counts.get(step.name.text, 0) + 1
    assert max(counts.values()) <= 7
    assert steps.latex.count("\\\\\n") == len(steps) - 1
    assert steps._repr_latex_() == f"$\\displaystyle {steps.latex}$"


def test_several_variables():
    d = cf.grad(lambda x, A: x @ A @ x, ("x", "A")).at(vector("n"), SQUARE)
    assert d.steps.text.splitlines() == [
        "f     = xᵀAx",
        "df    = xᵀA dx + xᵀ dA x + xᵀAᵀ dx   product rule: d(uv) = du v + u dv",
        "      = xᵀ(A + Aᵀ) dx + xᵀ dA x      like terms",
        "∂f/∂x = (A + Aᵀ)x                    read off: df = … + (∂f/∂x)ᵀ dx",
        "∂f/∂A = xxᵀ                          read off: df = … + tr((∂f/∂A)ᵀ dA)",
    ]
    d = cf.hessian(lambda x, y: np.sum(x * y**2), ("x", "y")).at(vector("n"), vector("n"))
    finals = [step for step in d.steps if step.name.text.startswith("∂²")]
    assert [step.name.text for step in finals] == ["∂²f/∂x∂x", "∂²f/∂x∂y", "∂²f/∂y∂x", "∂²f/∂y∂y"]
    assert [step.after for step in finals] == [block for row in d.result for block in row]


def test_a_step_tells_its_rule():
    steps = CASES["log det"].steps
    step = steps[1]
    assert (step.rule, step.reason) == (
        "differential of log det",
        "differential of log det: d(ln |det U|) = tr(U⁻¹ dU)",
    )
    assert repr(step) == "df = tr(X⁻¹ dX)   [differential of log det: d(ln |det U|) = tr(U⁻¹ dU)]"
    assert step.latex == r"\mathrm{d}f = \operatorname{tr}(X^{-1} \mathrm{d}X)"
    assert repr(steps) == steps.text
    assert steps[:2] == (steps[0], steps[1])
    assert steps.latex.splitlines()[1:3] == [
        r"f &= \ln\lvert\det X\rvert \\",
        r"\mathrm{d}f &= \operatorname{tr}(X^{-1} \mathrm{d}X) && \text{differential of log det: } "
        r"\mathrm{d}(\ln\lvert\det U\rvert) = \operatorname{tr}(U^{-1} \mathrm{d}U) \\",
    ]


def test_long_functions_are_told_in_few_lines():
    def rolled(x, A):
        for _ in range(12):
            x = np.tanh(A @ x) + x
        return np.sum(x**2)

    d = cf.grad(rolled).at(vector("n"), SQUARE)
    assert len(d.steps) <= 10
    assert d.steps[-1].after is d.expr


def test_the_function_itself_has_no_steps():
    with pytest.raises(InvalidArgumentError, match="value has no derivation by differentials"):
        _ = cf.trace(lambda x: x @ x, vector("n")).steps


def test_what_is_not_known_is_refused(monkeypatch):
    def unknown(*_):
        raise NotImplementedError("the derivative of f")

    d = cf.grad(logdet).at(SQUARE)
    monkeypatch.setattr("closedform.steps.lines", unknown)
    with pytest.raises(UnsupportedError, match="logdet: the derivative of f is not known to the library yet"):
        _ = d.steps


if __name__ == "__main__":
    SNAPSHOT.write_text(shown(), encoding="utf-8")
