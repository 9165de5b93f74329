"""Linear algebra: inverse, determinant and linear systems, each with its Jacobian as an identity of matrix
calculus. Stacks of matrices, of shape (..., n, n), are done matrix by matrix.

M. B. Giles, "Collected matrix derivative results for forward and reverse mode algorithmic differentiation",
2008; G. H. Golub and V. Pereyra, "The differentiation of pseudo-inverses and nonlinear least squares problems
whose variables separate", SIAM J. Numer. Anal. 10 (1973).
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import scipy.linalg

from closedform.expression.calculus import (
    Factor,
    Label,
    SizeMismatchError,
    broadcast,
    contract,
    dot,
    identity,
    linear,
    multiply,
    transpose,
    zeros,
)
from closedform.expression.expr import Expr
from closedform.expression.size import Size
from closedform.primitives.contraction import Bound, matmul
from closedform.primitives.record import (
    CALL,
    POWER,
    PRODUCT,
    Primitive,
    Results,
    emitted,
    register,
    register_results,
)
from closedform.primitives.structure import put, triangle


def same_size(first: Size, second: Size) -> None:
    """Make two sizes one."""
    if first != second:
        raise SizeMismatchError(first, second)


def square(x: Expr) -> Expr:
    """A square matrix."""
    if x.ndim != 2:
        raise NotImplementedError("of a stack of matrices: loop over them, and join with np.stack")
    same_size(*x.shape)
    return x


def matrices(x: Expr) -> Expr:
    """A matrix, or a stack of them."""
    if x.ndim < 2:
        raise TypeError("only of a matrix")
    return x


def squares(x: Expr) -> Expr:
    """A square matrix, or a stack of them."""
    same_size(*matrices(x).shape[-2:])
    return x


def stack_labels(x: Expr) -> tuple[Label, ...]:
    """Labels of the axes of a stack of matrices."""
    return tuple(("stack", i) for i in range(x.ndim - 2))


def matrix_transpose(x: Expr) -> Expr:
    """Every matrix of a stack transposed."""
    return transpose(x, [*range(x.ndim - 2), x.ndim - 1, x.ndim - 2])


def term_of(node: Expr, out: str, *factors: tuple[Expr, str], sign: int = 1, axes: int = 2) -> Expr:
    """A term of the Jacobian, an einsum with a letter for each label; of functions of matrices, or of arrays
    with so many `axes`, each of a stack for itself."""
    lead: tuple[Label, ...] = tuple(("stack", i) for i in range(node.args[0].ndim - axes))
    own = node.ndim - len(lead)
    return contract(_in_stack(lead, factors), (*lead, *out[:own], *lead, *out[own:]), coefficient=sign)


def _in_stack(lead: tuple[Label, ...], factors: Sequence[tuple[Expr, str]]) -> list[Factor]:
    """The factors; what has no axes for the stack is the same in all of it."""
    return [Factor(base, (*(lead if base.ndim > len(at) else ()), *at)) for base, at in factors]


def complement(first: Expr, second: Expr) -> Expr:
    """I - A B, in each matrix of a stack."""
    lead = stack_labels(first)
    product = contract(_in_stack(lead, [(first, "ia"), (second, "ak")]), (*lead, "i", "k"))
    return broadcast(identity(product.shape[-1:]), product.shape) - product


def inv(x: Expr) -> Expr:
    """The inverse matrix."""
    return Expr("inv", (squares(x),), (), x.shape)


def logdet(x: Expr) -> Expr:
    """ln |det X|."""
    return Expr("logdet", (squares(x),), (), x.shape[:-2])


def sign_det(x: Expr) -> Expr:
    """The sign of the determinant."""
    return Expr("sign_det", (squares(x),), (), x.shape[:-2])


def det(x: Expr) -> Expr:
    """The determinant."""
    return Expr("det", (squares(x),), (), x.shape[:-2])


def cofactor(x: Expr) -> Expr:
    """The cofactor matrix, adj(X)' = det(X) X^-T, defined for singular matrices too."""
    return Expr("cofactor", (squares(x),), (), x.shape)


def pinv(x: Expr) -> Expr:
    """The Moore-Penrose inverse of a matrix of full rank."""
    return Expr("pinv", (matrices(x),), (), (*x.shape[:-2], x.shape[-1], x.shape[-2]))


def _inv_jacobian(node: Expr, _: int) -> Expr:
    """d (X^-1)_ij / d X_kl = -(X^-1)_ik (X^-1)_lj."""
    stack = stack_labels(node)
    factors = [Factor(node, (*stack, "i", "k")), Factor(node, (*stack, "l", "j"))]
    return contract(factors, (*stack, "i", "j", *stack, "k", "l"), coefficient=-1)


def _per_matrix(gradient: Expr) -> Expr:
    """The Jacobian of one number a matrix, from the gradient of each at [..., k, l]."""
    stack = stack_labels(gradient)
    return contract([Factor(gradient, (*stack, "k", "l"))], (*stack, *stack, "k", "l"))


def _logdet_jacobian(node: Expr, _: int) -> Expr:
    """d ln |det X| / dX = X^-T."""
    return _per_matrix(matrix_transpose(inv(node.args[0])))


def _sign_jacobian(node: Expr, _: int) -> Expr:
    """The sign of a determinant is constant wherever it has a derivative."""
    return zeros((*node.shape, *node.args[0].shape))


def _det_jacobian(node: Expr, _: int) -> Expr:
    """d det X / dX = cof X, the cofactor matrix (Jacobi's formula), also where X is singular."""
    return _per_matrix(cofactor(node.args[0]))


def _cofactor_jacobian(node: Expr, _: int) -> Expr:
    """d C_ij / d X_kl = (C_ij C_kl - C_il C_kj) / det X, for regular X."""
    (x,) = node.args
    stack = stack_labels(node)
    out = (*stack, "i", "j", *stack, "k", "l")
    regular = Factor(det(x), stack, -1)

    def product(first: str, second: str) -> Expr:
        return contract([Factor(node, (*stack, *first)), Factor(node, (*stack, *second)), regular], out)

    return product("ij", "kl") - product("il", "kj")


Terms = Callable[[Expr, int], list[Expr]]


def jacobian_of(terms: Terms) -> Callable[[Expr, int], Expr]:
    """The Jacobian whose terms are given."""

    @functools.wraps(terms)
    def jacobian(node: Expr, position: int) -> Expr:
        found = terms(node, position)
        return linear([(1, term) for term in found], found[0].shape)

    return jacobian


def pullback_of(terms: Terms) -> Callable[[Expr, int, Expr], Expr]:
    """The cotangent times the Jacobian, term by term: the tensor that is their sum is not formed."""

    @functools.wraps(terms)
    def pullback(node: Expr, position: int, cotangent: Expr) -> Expr:
        found = [dot(cotangent, term, node.ndim) for term in terms(node, position)]
        return linear([(1, term) for term in found], found[0].shape)

    return pullback


def _pinv_terms(node: Expr, _: int) -> list[Expr]:
    """d P = -P dX P + P P' dX' (I - X P) + (I - P X) dX' P' P for P = X+ (Golub and Pereyra 1973)."""
    (x,) = node.args
    left, right = complement(x, node), complement(node, x)
    return [
        term_of(node, "ijkl", (node, "ik"), (node, "lj"), sign=-1),
        term_of(node, "ijkl", (node, "ia"), (node, "la"), (left, "kj")),
        term_of(node, "ijkl", (right, "il"), (node, "ak"), (node, "aj")),
    ]


def one(a: Any) -> Bound:
    """The bound call of a function of one array."""
    return (a,), {}


def well_conditioned(rng: np.random.Generator) -> np.ndarray:
    """A random square matrix far from singular ones."""
    n = int(rng.integers(2, 5))
    return rng.standard_normal((n, n)) + 3 * np.eye(n)


def rectangular(rng: np.random.Generator) -> np.ndarray:
    """A random matrix, tall or wide, of full rank."""
    m, n = (rng.permutation(5)[:2] + 2).tolist()
    return rng.standard_normal((m, n)) + 2 * np.eye(m, n)


def _stack_sample(rng: np.random.Generator) -> Bound:
    """A square matrix, or a stack of two."""
    matrix = well_conditioned(rng)
    return ((matrix if rng.integers(2) else np.stack([matrix, matrix.T + 0.5])),), {}


def condition(
    name: str,
    source: str,
    call: Callable[..., Any],
    samples: Callable[[np.random.Generator], Bound],
    helper: str = "",
) -> None:
    """Register a test of matrices: whether all of a stack are what an operation requires."""
    register(
        Primitive(
            name,
            lower=lambda x, **parameters: Expr(name, (x,), tuple(parameters.items()), ()),
            jacobian=lambda node, _: zeros(node.args[0].shape),
            latex=rf"\operatorname{{{{{name.replace('_', ' ')}}}}}({{0}})",
            text=f"{name.replace('_', ' ')}({{0}})",
            source=source,
            helper=helper,
            call=call,
            samples=samples,
            boolean=True,
        )
    )


# A matrix counts as symmetric up to this relative difference from its transpose.
SYMMETRY = 1e-8
condition(
    "symmetric",
    f"abs({{0}} - {{0}}.mT).max() <= {SYMMETRY} * abs({{0}}).max()",
    lambda a: abs(a - a.mT).max() <= SYMMETRY * abs(a).max(),
    _stack_sample,
)
condition(
    "full_rank",
    "np.all(np.linalg.matrix_rank({0}{params}) == min({0}.shape[-2:]))",
    lambda a, **tolerance: np.all(np.linalg.matrix_rank(a, **tolerance) == min(a.shape[-2:])),
    lambda rng: ((rectangular(rng),), {}),
)


def _bind_pinv(a: Any, rcond: Any = None, hermitian: bool = False, *, rtol: Any = None) -> Bound:
    if hermitian:
        raise TypeError("hermitian=True reads one triangle only: write pinv((A + A.T) / 2)")
    return (a,), {"rtol": rcond if rtol is None else rtol}


SLOGDET = ("np.linalg.slogdet({0})", ("sign", "logdet"))
COFACTOR = '''
def cofactor_by_svd(X):
    """The cofactor matrix of any square matrix, from its singular values."""
    U, s, Vt = np.linalg.svd(X)
    one = np.ones_like(s[..., :1])
    before = np.concatenate((one, np.cumprod(s[..., :-1], axis=-1)), axis=-1)
    after = np.concatenate((np.cumprod(s[..., :0:-1], axis=-1)[..., ::-1], one), axis=-1)
    sign = np.linalg.slogdet(U)[0] * np.linalg.slogdet(Vt)[0]
    return sign[..., None, None] * ((U * (before * after)[..., None, :]) @ Vt)


def cofactor(X):
    """The cofactor matrix, det(X) X^-T where X is well conditioned."""
    if X.ndim > 2:
        return cofactor_by_svd(X)
    try:
        inverse = np.linalg.inv(X)
    except np.linalg.LinAlgError:
        return cofactor_by_svd(X)
    if not abs(X).sum(axis=0).max(initial=0) * abs(inverse).sum(axis=0).max(initial=0) < 1e3:
        return cofactor_by_svd(X)
    return np.linalg.det(X) * inverse.T
'''

register(
    Primitive(
        "inv",
        (np.linalg.inv, scipy.linalg.inv),
        one,
        inv,
        jacobian=_inv_jacobian,
        title="the inverse",
        latex="{0}^{{-1}}",
        text="{0}⁻¹",
        strength=POWER,
        source="np.linalg.inv({0})",
        samples=_stack_sample,
    )
)
register(
    Primitive(
        "det",
        (np.linalg.det, scipy.linalg.det),
        one,
        det,
        jacobian=_det_jacobian,
        title="the determinant",
        latex=r"\det {0}",
        text="det {0}",
        source="np.linalg.det({0})",
        samples=_stack_sample,
    )
)
register(
    Primitive(
        "logdet",
        (),
        one,
        logdet,
        jacobian=_logdet_jacobian,
        title="log det",
        latex=r"\ln\lvert\det {0}\rvert",
        text="ln |det {0}|",
        source="np.linalg.slogdet({0})[1]",
        part=(*SLOGDET, 1),
        call=lambda a: np.linalg.slogdet(a)[1],
        samples=_stack_sample,
    )
)
register(
    Primitive(
        "sign_det",
        (),
        one,
        sign_det,
        jacobian=_sign_jacobian,
        latex=r"\operatorname{{sign}}\det {0}",
        text="sign det {0}",
        source="np.linalg.slogdet({0})[0]",
        part=(*SLOGDET, 0),
        call=lambda a: np.linalg.slogdet(a)[0],
        samples=_stack_sample,
    )
)
register(
    Primitive(
        "cofactor",
        lower=cofactor,
        jacobian=_cofactor_jacobian,
        title="the cofactor matrix",
        latex=r"\operatorname{{cof}}({0})",
        text="cof({0})",
        source="cofactor({0})",
        sources={
            "jax": "cofactor_by_svd({0})",
            # raises where X is singular
            "torch": "torch.linalg.det({0})[..., None, None] * torch.linalg.inv({0}).mT",
        },
        helper=COFACTOR,
        call=emitted(COFACTOR, "cofactor"),
        samples=_stack_sample,
    )
)
register(
    Primitive(
        "pinv",
        (np.linalg.pinv, scipy.linalg.pinv),
        _bind_pinv,
        lambda x, rtol=None: pinv(x),
        jacobian=jacobian_of(_pinv_terms),
        pullback=pullback_of(_pinv_terms),
        title="the pseudo-inverse",
        latex="{0}^{{+}}",
        text="pinv({0})",
        strength=POWER,
        source="np.linalg.pinv({0}{params})",
        samples=lambda rng: ((rectangular(rng),), {}),
        requires="full_rank",
    )
)
register(
    Primitive(
        "matrix_rank",
        (np.linalg.matrix_rank,),
        lambda A, tol=None, *, rtol=None: ((A,), {"tol": tol, "rtol": rtol}),
        lambda x, **tolerance: Expr("matrix_rank", (x,), tuple(tolerance.items()), x.shape[:-2]),
        jacobian=lambda node, _: zeros((*node.shape, *node.args[0].shape)),
        latex=r"\operatorname{{rank}}({0})",
        text="rank({0})",
        source="np.linalg.matrix_rank({0}{params})",
        sources={"autograd": None},
        samples=lambda rng: ((rectangular(rng),), {}),
    )
)


@register_results(np.linalg.slogdet)
def _bind_slogdet(a: Any) -> Results:
    return {"sign": ("sign_det", (a,), {}), "logabsdet": ("logdet", (a,), {})}


# --- linear systems -------------------------------------------------------------------------------


def triangular_part(a: Expr, lower: bool, strict: bool = False) -> Expr:
    """The part of a matrix on one side of its diagonal; a Cholesky factor is that part itself."""
    if not strict and (a if lower else matrix_transpose(a)).op == "cholesky":
        return a
    rows, columns = a.shape[-2:]
    below = triangle(rows, columns, -1 if strict == lower else 0)
    kept = multiply(a, broadcast(below, a.shape))
    return kept if lower else a - kept


def _lower_solve_triangular(a: Expr, b: Expr, trans: int, lower: bool, unit_diagonal: bool) -> Expr:
    factor = triangular_part(squares(a), lower, unit_diagonal)
    if unit_diagonal:
        factor = factor + broadcast(identity(a.shape[-1:]), a.shape)
    return matmul(inv(matrix_transpose(factor) if trans else factor), b)


def _bind_solve_triangular(
    a: Any, b: Any, trans: Any = 0, lower: Any = False, unit_diagonal: Any = False
) -> Bound:
    transposed = {0: 0, "N": 0, 1: 1, "T": 1, 2: 1, "C": 1}[trans]
    return (a, b), {"trans": transposed, "lower": bool(lower), "unit_diagonal": bool(unit_diagonal)}


def _bind_cho_solve(c_and_lower: Any, b: Any) -> Bound:
    c, lower = c_and_lower
    return (c, b), {"lower": bool(lower)}


def _lower_cho_solve(c: Expr, b: Expr, lower: bool) -> Expr:
    factor = triangular_part(square(c), lower)
    whole = matmul(factor, matrix_transpose(factor)) if lower else matmul(matrix_transpose(factor), factor)
    return matmul(inv(whole), b)


def _lower_matrix_power(a: Expr, n: int) -> Expr:
    if n == 0:
        return broadcast(identity(squares(a).shape[-1:]), a.shape)
    base = squares(a) if n > 0 else inv(a)
    result = base
    for _ in range(abs(n) - 1):
        result = matmul(result, base)
    return result


def _lower_multi_dot(*operands: Expr) -> Expr:
    result = operands[0]
    for matrix in operands[1:]:
        result = matmul(result, matrix)
    return result


def _lower_block_diag(*blocks: Expr) -> Expr:
    whole = list(blocks)
    while any(b.ndim < 2 for b in whole):
        whole = [b if b.ndim == 2 else put(b, (0,), (Size.of(1), *b.shape)) for b in whole]
    rows, columns = (sum((m.shape[axis] for m in whole), start=Size.of(0)) for axis in (0, 1))
    terms = []
    row = column = Size.of(0)
    for m in whole:
        below, right = row + m.shape[0], column + m.shape[1]
        place = (("slice", row, below, None), ("slice", column, right, None))
        terms.append((1, put(m, place, (rows, columns))))
        row, column = below, right
    return linear(terms, (rows, columns))


def _system(rng: np.random.Generator) -> Bound:
    a = well_conditioned(rng)
    b = rng.standard_normal((len(a), 2))
    return (a, b if rng.integers(2) else b[:, 0]), {}


def _symmetric_system(rng: np.random.Generator) -> Bound:
    (a, b), parameters = _system(rng)
    return (a + a.T, b), parameters


def _with(sample: Callable[..., Bound], **parameters: Any) -> Callable[..., Bound]:
    """Sample operands with parameters."""
    return lambda rng: (sample(rng)[0], parameters)


def _tall_system(rng: np.random.Generator) -> Bound:
    n = int(rng.integers(1, 4))
    m = n + int(rng.integers(1, 4))
    return (rng.standard_normal((m, n)) + 2 * np.eye(m, n), rng.standard_normal(m)), {}


register(
    Primitive(
        "solve_transposed",
        (),
        lambda a, b: ((a, b), {}),
        lambda a, b: matmul(inv(matrix_transpose(a)), b),
        latex=r"{0}^{{-\top}} {1}",
        text="{0}⁻ᵀ{1}",
        strength=PRODUCT,
        source="np.linalg.solve({0}.mT, {1})",
        sources={"autograd": "np.linalg.solve({0}.T, {1})"},
        call=lambda a, b: np.linalg.solve(a.mT, b),
        samples=_system,
    )
)
register(
    Primitive(
        "solve_symmetric",
        (),
        lambda a, b: ((a, b), {}),
        lambda a, b: matmul(inv(0.5 * (a + matrix_transpose(a))), b),
        latex="{0}^{{-1}} {1}",
        text="{0}⁻¹{1}",
        strength=PRODUCT,
        source="np.linalg.solve(0.5 * ({0} + {0}.mT), {1})",
        sources={"autograd": "np.linalg.solve(0.5 * ({0} + {0}.T), {1})"},
        call=lambda a, b: np.linalg.solve(0.5 * (a + a.mT), b),
        samples=_symmetric_system,
        requires="symmetric",
    )
)


@register_results(scipy.linalg.solve)
def _bind_scipy_solve(
    a: Any, b: Any, lower: bool = False, *, assume_a: str | None = None, transposed: bool = False
) -> Results:
    """The solution; SciPy reads one triangle only of what is said to be triangular or symmetric."""
    kind = _ASSUMED.get(assume_a)
    if kind is None:
        raise TypeError(f"assume_a={assume_a!r}; write one of {', '.join(map(repr, _ASSUMED))}")
    if kind == "solve_triangular":
        options = {
            "trans": int(transposed),
            "lower": str(assume_a).startswith("lower"),
            "unit_diagonal": False,
        }
        return {"x": (kind, (a, b), options)}
    return {"x": ("solve_transposed" if transposed and kind == "solve" else kind, (a, b), {})}


_ASSUMED: dict[str | None, str] = {
    None: "solve",
    **dict.fromkeys(("gen", "general"), "solve"),
    **dict.fromkeys(("sym", "symmetric", "her", "hermitian", "pos", "positive definite"), "solve_symmetric"),
    **dict.fromkeys(("upper triangular", "lower triangular"), "solve_triangular"),
}

register(
    Primitive(
        "solve",
        (np.linalg.solve,),
        lambda a, b: ((a, b), {}),
        lambda a, b: matmul(inv(a), b),
        latex="{0}^{{-1}} {1}",
        text="{0}⁻¹{1}",
        source="np.linalg.solve({0}, {1})",
        samples=_system,
    )
)
register(
    Primitive(
        "lstsq",
        (),
        lambda a, b: ((a, b), {}),
        lambda a, b, rcond=None: matmul(pinv(a), b),
        latex="{0}^{{+}} {1}",
        text="lstsq({0}, {1})",
        strength=PRODUCT,
        source="np.linalg.lstsq({0}, {1}{params})[0]",
        sources={
            "autograd": "np.linalg.pinv({0}) @ {1}",
            "torch": "torch.linalg.pinv({0}) @ {1}",
        },
        call=lambda a, b, rcond=None: np.linalg.lstsq(a, b, rcond)[0],
        samples=_tall_system,
        requires="full_rank",
    )
)


def _lower_residuals(a: Expr, b: Expr, rcond: Any = None) -> Expr:
    """The squared distances of the columns of b from the range of a."""
    if a.ndim != 2 or a.shape[0].value <= a.shape[1].value:
        raise NotImplementedError("there are residuals where the matrix has more rows than columns only")
    apart = matmul(a, matmul(pinv(a), b)) - b
    squares = contract([Factor(apart, ("i", "k")[: b.ndim], 2)], ("k",)[: b.ndim - 1])
    return squares if b.ndim > 1 else put(squares, (0,), (Size.of(1),))


register(
    Primitive(
        "residuals",
        (),
        lambda a, b: ((a, b), {}),
        _lower_residuals,
        latex=r"\operatorname{{residuals}}({0}, {1})",
        text="residuals({0}, {1})",
        source="np.linalg.lstsq({0}, {1}{params})[1]",
        sources={"autograd": None, "torch": None},
        call=lambda a, b, rcond=None: np.linalg.lstsq(a, b, rcond)[1],
        samples=_tall_system,
        requires="full_rank",
    )
)


@register_results(np.linalg.lstsq)
def _bind_lstsq(a: Any, b: Any, rcond: Any = None) -> Results:
    cut = {} if rcond is None or rcond < 0 else {"rcond": float(rcond)}
    return {
        "x": ("lstsq", (a, b), cut),
        "residuals": ("residuals", (a, b), cut),
        "rank": ("matrix_rank", (a,), {}),
        "singular_values": ("singular_values", (a,), {}),
    }


@register_results(scipy.linalg.lstsq)
def _bind_scipy_lstsq(a: Any, b: Any, cond: Any = None) -> Results:
    return _bind_lstsq(a, b, cond)


register(
    Primitive(
        "solve_triangular",
        (scipy.linalg.solve_triangular,),
        _bind_solve_triangular,
        _lower_solve_triangular,
        latex=r"\operatorname{{solve triangular}}({0}, {1})",
        text="solve_triangular({0}, {1})",
        source="scipy.linalg.solve_triangular({0}, {1}{params})",
        sources={"torch": None},
        samples=_with(_system, trans=1, lower=True, unit_diagonal=False),
    )
)
register(
    Primitive(
        "cho_solve",
        (scipy.linalg.cho_solve,),
        _bind_cho_solve,
        _lower_cho_solve,
        latex=r"\operatorname{{cho solve}}({0}, {1})",
        text="cho_solve({0}, {1})",
        source="scipy.linalg.cho_solve(({0}, {lower}), {1})",
        sources={"torch": None, "autograd": None},
        call=lambda c, b, lower: scipy.linalg.cho_solve((c, lower), b),
        samples=_with(_system, lower=True),
    )
)
register(
    Primitive(
        "matrix_power",
        (np.linalg.matrix_power,),
        lambda a, n: ((a,), {"n": int(n)}),
        _lower_matrix_power,
        latex="{0}^{{{n}}}",
        text="{0}^{n}",
        strength=POWER,
        source="np.linalg.matrix_power({0}, {n})",
        sources={"autograd": None},
        samples=lambda rng: ((well_conditioned(rng),), {"n": int(rng.choice([-2, -1, 2, 3]))}),
    )
)
register(
    Primitive(
        "multi_dot",
        (np.linalg.multi_dot,),
        lambda arrays: (tuple(arrays), {}),
        _lower_multi_dot,
        latex=r"\operatorname{{multi\_dot}}({args})",
        text="multi_dot({args})",
        strength=CALL,
        source="np.linalg.multi_dot([{args}])",
        sources={"autograd": None},
        call=lambda *arrays: np.linalg.multi_dot(arrays),
        samples=lambda rng: (tuple(map(rng.standard_normal, ((2, 4), (4, 3), (3, 2)))), {}),
    )
)
register(
    Primitive(
        "block_diag",
        (scipy.linalg.block_diag,),
        lambda *arrays: (arrays, {}),
        _lower_block_diag,
        latex=r"\operatorname{{blockdiag}}({args})",
        text="blockdiag({args})",
        source="scipy.linalg.block_diag({args})",
        sources={"torch": "torch.block_diag({args})", "autograd": None},
        samples=lambda rng: (tuple(map(rng.standard_normal, ((2, 3), (1, 2), (2,), ()))), {}),
    )
)
