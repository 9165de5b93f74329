"""Calls of NumPy and SciPy as people write them: every keyword, negative axes, methods and operators.

Each is a function of the module (NumPy's, or JAX's), of SciPy's special functions, and of its operands.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

Shape = tuple[int, ...]
# JAX lacks these calls, or spells them otherwise.
NOT_IN_JAX = (
    *("np.prod(a.shape)", "sp.exp10", "dsplit", "np.trapezoid", "np.matvec", "np.vecmat", "np.vdot", "out="),
    *("dtype=", "nonzero", "argwhere", "np.where(a > 0)", "np.where(a > 0.8)", "stride_tricks", "loggamma"),
    *("contiguous", '"K"', '"A"', "np.asfortranarray", ".item(", ".flat", ".accumulate", "diag([", "[[a"),
    *("polygamma(0", "np.cumulative_", "mean=", "weights=[", "compress([", "np.concatenate([[", "[[]]"),
    *("np.take(a, [", "np.average(a, axis=(1, 0)", "copy(order", "np.diff(a, n=0)", "np.linalg.svd(a)"),
    "vander([",
)


class Call(NamedTuple):
    """A group, the text of the call, the shapes of its operands, and the interval they are drawn from."""

    group: str
    text: str
    shapes: tuple[Shape, ...]
    domain: tuple[float, float]

    @property
    def in_jax(self) -> bool:
        """Whether JAX knows the call, under the same name."""
        return not any(name in self.text for name in NOT_IN_JAX)

    def function(self, np: Any, sp: Any) -> Callable[..., Any]:
        """The call as a function of the operands a, b, c."""
        names = ", ".join("abc"[: len(self.shapes)])
        function: Callable[..., Any] = eval(f"lambda {names}: {self.text}", {"np": np, "sp": sp})
        return function


V, W, M, T = (4,), (5,), (3, 4), (2, 3, 4)
ANY, INSIDE, UNIT = (-2.0, 2.0), (-0.9, 0.9), (0.1, 0.9)


def _calls(
    group: str, shapes: tuple[Shape, ...], texts: str, domain: tuple[float, float] = ANY
) -> list[Call]:
    return [Call(group, text.strip(), shapes, domain) for text in texts.strip().splitlines()]


POSITIVE = (0.3, 2.0)

CALLS = [
    # --- entry by entry
    *_calls(
        "elementwise",
        (M,),
        """
        -a
        +a
        a + 2
        2 - a
        3 * a
        a / 3
        a**2
        a**3
        (-2.5) * a
        abs(a)
        np.exp(a)
        np.exp2(a)
        np.expm1(a)
        np.sin(a)
        np.cos(a)
        np.sinh(a)
        np.cosh(a)
        np.tanh(a)
        np.arctan(a)
        np.arcsinh(a)
        np.square(a)
        np.abs(a)
        np.absolute(a)
        np.fabs(a)
        np.sign(a)
        np.negative(a)
        np.positive(a)
        np.maximum(a, 0)
        np.minimum(0.5, a)
        np.clip(a, -1, 1)
        np.clip(a, -1, None)
        np.clip(a, None, 1)
        np.clip(a, min=-1, max=1)
        a.clip(-1, 1)
        a.clip(min=0)
        a.clip(max=0.5)
        np.where(a > 0, a, 0)
        np.where(a > 0, a**2, np.exp(a))
        np.where((a > 0) & (a < 1), a, a**2)
        np.where(np.logical_or(a < -1, a > 1), a, a**2)
        np.where(~(a > 0), a, a**2)
        np.heaviside(a, 0.5)
        np.sinc(a)
        np.deg2rad(a)
        np.rad2deg(a)
        np.radians(a)
        np.degrees(a)
        np.real(a)
        a.real
        np.conj(a)
        a.conj()
        np.logaddexp(a, 0)
        np.logaddexp2(a, 0)
        np.floor(a) * a
        np.ceil(a) * a
        np.round(a) * a
        np.rint(a) * a
        np.trunc(a) * a
        a % 3
        np.mod(a, 3)
        np.remainder(a, 3)
        np.select([a < 0, a > 1], [a**2, np.sin(a)], a**3)
        (a > 0) * a
        a * np.isfinite(a)
        sp.expit(a)
        sp.erf(a)
        sp.erfc(a)
        sp.ndtr(a)
        sp.log_ndtr(a)
        sp.log_expit(a)
        """,
    ),
    *_calls(
        "elementwise",
        (M,),
        """
        1 / a
        a**-1
        a**0.5
        a**1.7
        2**a
        a**a
        1 / a**2
        np.sqrt(a)
        np.cbrt(a)
        np.log(a)
        np.log2(a)
        np.log10(a)
        np.log1p(a)
        np.reciprocal(a)
        np.power(a, 3)
        np.power(2.0, a)
        np.float_power(a, 2)
        np.divide(1, a)
        np.true_divide(a, 2)
        np.arccosh(a + 1)
        np.cumprod(a, axis=1)
        sp.gammaln(a)
        sp.digamma(a)
        sp.psi(a)
        sp.entr(a)
        sp.exp10(a)
        sp.xlogy(a, a)
        sp.xlog1py(a, a)
        """,
        POSITIVE,
    ),
    *_calls("elementwise", (M,), "np.arcsin(a)\nnp.arccos(a)\nnp.arctanh(a)\nnp.tan(a)", INSIDE),
    *_calls("elementwise", (M,), "sp.logit(a)", UNIT),
    *_calls(
        "broadcasting",
        (M, V),
        """
        a + b
        a - b
        b - a
        a * b
        a / b
        a**b
        b**a
        np.add(a, b)
        np.subtract(a, b)
        np.multiply(a, b)
        np.divide(a, b)
        np.power(a, b)
        np.hypot(a, b)
        np.arctan2(a, b)
        np.logaddexp(a, b)
        np.logaddexp2(a, b)
        np.maximum(a, b)
        np.fmax(a, b)
        np.fmin(a, b)
        np.minimum(a, b)
        np.where(a > b, a, b)
        np.where(a > 1, a, 3.0)
        np.copysign(a, b)
        sp.xlogy(a, b)
        sp.xlog1py(a, b)
        sp.rel_entr(a, b)
        sp.kl_div(a, b)
        a[:, None] + b[None, :, None]
        a[None] * b
        b[:, np.newaxis] * a.T
        b[None, :] - a
        """,
        POSITIVE,
    ),
    # --- reductions
    *_calls(
        "reductions",
        (T,),
        "\n".join(
            f"np.{name}(a{arguments})"
            for name in ("sum", "mean", "prod", "max", "min", "var", "std")
            for arguments in (
                "",
                ", axis=1",
                ", axis=-1",
                ", axis=(0, 2)",
                ", axis=(-1, 0), keepdims=True",
                ", -2",
                ", keepdims=True",
            )
        )
        + "\n"
        + "\n".join(
            f"a.{name}({arguments})"
            for name in ("sum", "mean", "prod", "max", "min", "var", "std")
            for arguments in ("", "axis=-1", "0", "axis=(0, 1)", "axis=1, keepdims=True")
        )
        + """
        np.amax(a, axis=0)
        np.amin(a, axis=0)
        np.var(a, ddof=1)
        np.std(a, axis=1, ddof=1, keepdims=True)
        a.var(axis=-1, ddof=1)
        np.var(a, axis=0, correction=1)
        np.ptp(a)
        np.ptp(a, axis=1)
        np.ptp(a, axis=-1, keepdims=True)
        np.cumsum(a)
        np.cumsum(a, axis=1)
        np.cumsum(a, axis=-1)
        a.cumsum()
        a.cumsum(axis=0)
        a.cumsum(-1)
        np.cumprod(a)
        np.cumprod(a, axis=1)
        np.cumprod(a, axis=-1)
        a.cumprod(axis=0)
        np.average(a)
        np.average(a, axis=1)
        np.average(a, axis=(0, -1))
        np.average(a, axis=-1, keepdims=True)
        np.median(a)
        np.median(a, axis=1)
        np.median(a, axis=-1, keepdims=True)
        np.quantile(a, 0.3)
        np.quantile(a, 1.0, axis=1)
        np.quantile(a, np.array([0.2, 0.9]), axis=-1, keepdims=True)
        np.percentile(a, 30, axis=0)
        np.percentile(a, 50, keepdims=True)
        np.count_nonzero(a > 0.5) * a
        sp.logsumexp(a)
        sp.logsumexp(a, axis=1)
        sp.logsumexp(a, axis=-1, keepdims=True)
        sp.logsumexp(a, axis=(0, -1))
        sp.softmax(a)
        sp.softmax(a, axis=1)
        sp.softmax(a, axis=-1)
        sp.softmax(a, axis=(0, 2))
        sp.log_softmax(a)
        sp.log_softmax(a, axis=-1)
        sp.log_softmax(a, axis=0)
        np.trapezoid(a)
        np.trapezoid(a, dx=0.1, axis=1)
        np.add.reduce(a, axis=1)
        np.add.reduce(a)
        np.multiply.reduce(a, axis=-1)
        np.maximum.reduce(a, axis=1)
        np.add.accumulate(a, axis=1)
        np.sum(a[0], where=a[0] > 0.5)
        np.sum(a, where=a > 0.5, axis=1)
        np.mean(a, where=a > 0.5)
        """,
        POSITIVE,
    ),
    *_calls(
        "reductions",
        (M, V),
        """
        np.average(a, axis=1, weights=b)
        np.average(a, axis=-1, weights=b)
        np.average(b, weights=b**2)
        np.average(a, weights=a**2)
        np.average(a, axis=0, weights=a)
        sp.logsumexp(a, b=b)
        sp.logsumexp(a, axis=1, b=b)
        sp.logsumexp(a, axis=0, b=b, keepdims=True)
        np.cov(a)
        np.cov(a, bias=True)
        np.cov(a, rowvar=False)
        np.corrcoef(a)
        """,
        POSITIVE,
    ),
    *_calls(
        "reductions",
        (V, V),
        "np.cov(a, b)\nnp.corrcoef(a, b)\nnp.trapezoid(a, b)",
        POSITIVE,
    ),
    *_calls(
        "keywords",
        (M,),
        """
        np.exp(a, where=a > 0.8, out=a.copy())
        np.multiply(a, a, where=a > 0.8, out=np.ones_like(a))
        np.add(a, 1, dtype=float)
        np.sum(a, axis=0, out=np.zeros(4))
        np.dot(a, a[0], out=np.zeros(3))
        np.cumsum(a, axis=1, out=np.zeros((3, 4)))
        np.clip(a, 0.5, 1, out=np.zeros((3, 4)))
        a.clip(0.5, 1, out=np.zeros((3, 4)))
        np.einsum("ij,kj->ik", a, a, out=np.zeros((3, 3)))
        np.add.reduce(a, axis=1, out=np.zeros(3))
        np.sum(a, dtype=float)
        np.mean(a, axis=0, dtype="float64")
        np.einsum("ij->i", a, dtype=float)
        np.sum(a, axis=0, initial=2.0)
        np.sum(a, axis=0, initial=2.0, where=a > 0.8)
        np.prod(a, axis=-1, initial=3.0)
        np.max(a, initial=1.0)
        np.max(a, axis=0, initial=0.1, where=a < 1)
        np.min(a, axis=1, initial=5.0, where=a > 0.5)
        np.var(a, where=a > 0.5)
        np.std(a, axis=1, where=a > 0.4, ddof=1, keepdims=True)
        np.var(a, axis=0, mean=np.mean(a, axis=0, keepdims=True))
        np.nansum(a, axis=1)
        np.nanmean(a, axis=0, keepdims=True)
        np.nansum(np.where(a > 0.8, np.nan, a))
        np.nanmean(np.where(a > 0.8, np.nan, a))
        np.nanprod(np.where(a > 0.8, np.nan, a), axis=0)
        np.nanmax(np.where(a > 1.5, np.nan, a), axis=1)
        np.nanmin(a, axis=1) + np.nanmax(a)
        np.nanvar(np.where(a > 1.5, np.nan, a), ddof=1)
        np.nanstd(np.where(a > 0.8, np.nan, a))
        a[None, None][:, :, a > 0.8]
        np.cumulative_sum(a, axis=1)
        np.cumulative_sum(a[0], include_initial=True)
        np.cumulative_prod(a, axis=0)
        np.median(a, axis=(0, 1))
        np.median(a[None], axis=(2, 0), keepdims=True)
        np.average(a, axis=1, weights=[1.0, 2.0, 3.0, 4.0])
        np.average(a[None], axis=1, weights=[1.0, 2.0, 3.0])
        np.average(a[None] * np.ones((2, 1, 1)), axis=(1, 0), weights=np.array([[1.0, 2], [3, 4], [5, 6]]))
        np.average(a, axis=0, returned=True)[0]
        np.logaddexp.reduce(a, axis=1)
        np.logaddexp.reduce(a)
        np.maximum.accumulate(a, axis=1)
        np.logaddexp.accumulate(a)
        np.compress([True, False, True], a, axis=0)
        a.compress(np.array([True, False, True]), axis=0)
        np.take(a, [-1, 5, 13], mode="wrap")
        np.take(a, [-1, 5], mode="clip", axis=0)
        np.take(a, [])
        a[[]]
        np.diff(a, n=0)
        np.ravel(a, order="K")
        np.ravel(a[:, ::2].T, order="K")
        np.ravel(a.T, order="A")
        a.T.flatten("K")
        np.reshape(a, (4, 3), order="A")
        a.T.reshape(2, 6, order="A")
        a.T.copy(order="K").ravel("K")
        np.ascontiguousarray(a.T)
        np.asfortranarray(a)
        np.array(a, ndmin=4)
        a.item(1) * a.item(0, 2)
        a.flat[1] * a.flat[2:9]
        sum(v**2 for v in a.flat) + len(a.flat)
        a[None][:, a > 0.8]
        a[a > 0.8, None]
        a[np.nonzero(a > 0.8)]
        a[np.where(a > 0.8)]
        a.ravel()[np.flatnonzero(a > 0.8)]
        a[a[:, 0].nonzero()]
        sum(a[i, j] ** 2 for i, j in np.argwhere(a > 0.8))
        np.pad(a, 1, mode="mean")
        np.pad(a, 5, mode="wrap")
        np.pad(a, ((0, 4), (9, 1)), mode="reflect")
        np.pad(a, (4, 6), mode="symmetric")
        np.pad(a, 1, mode="reflect", reflect_type="odd")
        np.pad(a, ((2, 0), (1, 3)), mode="symmetric", reflect_type="odd")
        np.pad(a, 1, mode="maximum")
        np.pad(a, ((0, 2), (1, 0)), mode="minimum")
        np.pad(a, 2, mode="linear_ramp", end_values=3.0)
        np.pad(a, ((1, 2), (0, 1)), constant_values=((1, 2), (3, 4)))
        np.pad(a[0], 1, constant_values=a[1, 0])
        np.insert(a, 1, 0.0, axis=1)
        np.insert(a, 1, a[0, 0], axis=0)
        np.insert(a, 1, a[0], axis=0)
        np.insert(a, -1, a[:, 0], axis=1)
        np.diag([a[0, 0], a[0, 1]])
        np.vander([a[0, 0], 2.0])
        np.concatenate([[a[0, 0]], [a[0, 0] * a[1, 1], 2.0]])
        np.hstack([[a[0, 0], 1.0], a[0]])
        np.interp(a, np.array([0.0, 0.5, 1.0, 1.5]), np.array([1.0, 3.0, 2.0, 5.0]))
        np.interp(0.7, np.array([0.0, 0.5, 1.0, 1.5]), a[0])
        np.interp(a[1], np.cumsum(a[2]), a[0])
        np.lib.stride_tricks.sliding_window_view(a, 2, axis=1)
        np.lib.stride_tricks.sliding_window_view(a, (2, 3))
        np.vdot(a, a.T)
        sp.gamma(a)
        sp.loggamma(a)
        sp.polygamma(1, a)
        sp.polygamma(0, a)
        """,
        POSITIVE,
    ),
    # --- products
    *_calls(
        "products",
        (M, V),
        """
        a @ b
        b @ a.T
        np.dot(a, b)
        a.dot(b)
        np.matmul(a, b)
        np.inner(a, b)
        np.inner(b, a)
        np.outer(b, b)
        np.outer(a, b)
        np.vdot(b, b)
        np.vecdot(a, b)
        np.vecdot(a, b, axis=-1)
        np.matvec(a, b)
        np.vecmat(b, a.T)
        np.kron(a, b)
        np.kron(b, b)
        np.kron(a, a)
        np.tensordot(a, b, axes=1)
        np.tensordot(a, b, axes=(1, 0))
        np.tensordot(a, b, axes=([-1], [0]))
        np.tensordot(a, b, axes=0)
        np.tensordot(a, a)
        np.multiply.outer(a, b)
        np.add.outer(b, b)
        np.subtract.outer(b, b)
        np.einsum("ij,j->i", a, b)
        np.einsum("ij,j", a, b)
        np.einsum("ij", a)
        np.einsum("ij->ji", a)
        np.einsum("ij->", a)
        np.einsum("i,i", b, b)
        np.einsum("i,j", b, b)
        np.einsum("i...,i...->...", a, a)
        np.einsum("...j,j->...", a, b)
        np.einsum("...j,j", a, b)
        np.einsum("...,...", a, b)
        np.einsum("...,...->...", a, b)
        np.einsum("ij,kj->ik", a, a)
        np.einsum("ij,ij,j->", a, a, b)
        np.einsum("ij,kj,k->i", a, a, a[:, 0], optimize=True)
        np.einsum(a, [0, 1], b, [1], [0])
        np.cross(a[:, :3], b[:3])
        np.cross(b[:3], a[0, :3])
        np.polyval(b, a)
        np.convolve(b, a[0])
        np.convolve(a[0, :2], b, mode="same")
        np.convolve(b, a[0, :2], mode="valid")
        np.correlate(b, a[0, :3])
        np.correlate(a[0, :2], b)
        np.correlate(b, a[1], mode="full")
        np.correlate(b, a[1], mode="same")
        np.linalg.vector_norm(a)
        np.linalg.vector_norm(a, axis=1, keepdims=True)
        np.linalg.matrix_norm(a)
        np.linalg.trace(a)
        np.linalg.diagonal(a, offset=1)
        np.linalg.outer(b, b)
        np.linalg.vecdot(a, b)
        np.linalg.matrix_transpose(a)
        np.vander(b)
        np.vander(b, 3, increasing=True)
        """,
    ),
    *_calls(
        "stacks of matrices",
        (T,),
        """
        np.vdot(a[0], a[1].T.reshape(4, 3)) + a
        np.vdot(a[0], a[1].T) + a
        np.linalg.norm(a, 2, axis=(1, 2))
        np.linalg.norm(a, -2, axis=(2, 0), keepdims=True)
        np.linalg.norm(a, "nuc", axis=(-1, -2))
        np.linalg.matrix_norm(a, ord="nuc")
        np.linalg.cond(a)
        np.linalg.pinv(a)
        np.linalg.pinv(a, rtol=1e-9)
        np.linalg.svd(a, compute_uv=False)
        np.linalg.svd(a, full_matrices=False)[0] ** 2
        np.linalg.svd(a, full_matrices=False)[2] ** 2
        np.linalg.svd(a)[0] ** 2
        np.linalg.qr(a.mT)[0]
        np.linalg.qr(a.mT, mode="r")
        np.linalg.matrix_power(a @ a.mT, 0) + a @ a.mT
        np.linalg.cholesky(a @ a.mT + np.eye(3))
        np.linalg.eigvalsh(a @ a.mT, UPLO="U")
        np.linalg.eigh(a @ a.mT)[1] ** 2
        np.linalg.matrix_rank(a) * np.sum(a, axis=(1, 2))
        """,
    ),
    *_calls(
        "products",
        ((3, 3), (2, 3, 3)),
        """
        a @ b
        b @ a
        b @ b
        b @ a[0]
        a[0] @ b
        np.matmul(b, a)
        np.matmul(b, b[0])
        b[:, None] @ b
        b[None] @ b[:, None]
        np.dot(b, a)
        np.dot(a, b)
        np.dot(b, a[0])
        np.dot(2.0, a)
        np.inner(b, a)
        np.trace(a)
        np.trace(a, offset=1)
        np.trace(a, offset=-1)
        a.trace()
        a.trace(offset=1)
        np.trace(b, axis1=1, axis2=2)
        np.trace(b, axis1=-2, axis2=-1)
        np.trace(b)
        np.tensordot(b, a, axes=1)
        np.tensordot(b, b, axes=([0, 2], [0, 1]))
        np.tensordot(b, b, axes=3)
        np.einsum("ii", a)
        np.einsum("ii->i", a)
        np.einsum("ii->", a)
        np.einsum("...ii", b)
        np.einsum("...ii->...", b)
        np.einsum("...ij,...jk", b, a)
        np.einsum("...ij,...jk->...ik", b, b)
        np.einsum("bij,jk->bik", b, a)
        np.einsum("bii->b", b)
        np.einsum("bij,bjk,bkl->il", b, b, b)
        np.einsum("i...", a)
        np.einsum("...->...", b)
        np.diag(a)
        np.diag(a, 1)
        np.diag(a, k=-1)
        np.diagonal(a)
        np.diagonal(a, 1)
        np.diagonal(a, offset=-1)
        np.diagonal(b, axis1=1, axis2=2)
        np.diagonal(b, 0, -2, -1)
        np.diagonal(b)
        a.diagonal()
        a.diagonal(1)
        a.T @ a
        a.mT @ a
        b.mT
        b.T
        np.matrix_transpose(b)
        """,
    ),
    # --- structure
    *_calls(
        "structure",
        (T,),
        """
        np.transpose(a)
        np.transpose(a, (1, 0, 2))
        np.transpose(a, axes=(0, -1, 1))
        a.transpose()
        a.transpose(2, 0, 1)
        a.transpose((2, 0, 1))
        a.T
        np.permute_dims(a, (2, 0, 1))
        np.swapaxes(a, 0, 2)
        np.swapaxes(a, -1, 0)
        a.swapaxes(0, 1)
        np.moveaxis(a, 0, -1)
        np.moveaxis(a, -1, 0)
        np.moveaxis(a, [0, 1], [-1, 0])
        np.rollaxis(a, 2)
        np.rollaxis(a, -1, 1)
        np.rollaxis(a, 0, 3)
        np.reshape(a, -1)
        np.reshape(a, (6, 4))
        np.reshape(a, (-1, 4))
        np.reshape(a, (2, -1))
        np.reshape(a, (4, 3, 2))
        np.reshape(a, (3, -1, 2))
        np.reshape(a, (6, 4), order="F")
        a.reshape(6, 4)
        a.reshape(-1)
        a.reshape((2, 12))
        a.reshape(a.shape[0], -1)
        a.reshape(-1, a.shape[-1])
        a.reshape(4, -1, order="F")
        np.ravel(a)
        np.ravel(a, order="F")
        a.ravel()
        a.ravel("F")
        a.flatten()
        a.flatten("F")
        a.flatten(order="F")
        np.squeeze(a[:, :1])
        np.squeeze(a[:, :1], axis=1)
        np.squeeze(a[:1, :1], axis=(0, 1))
        a[:1].squeeze()
        a[:, :, :1].squeeze(axis=-1)
        np.expand_dims(a, 0)
        np.expand_dims(a, -1)
        np.expand_dims(a, axis=(0, 2))
        np.atleast_1d(a)
        np.atleast_2d(a)
        np.atleast_3d(a)
        np.atleast_1d(a[0, 0, 0])
        np.atleast_2d(a[0, 0])
        np.atleast_3d(a[0])
        np.atleast_3d(a[0, 0])
        np.concatenate([a, a**2])
        np.concatenate((a, a), axis=1)
        np.concatenate((a, a**2), axis=-1)
        np.concatenate((a, a**2), axis=None)
        np.concat([a, a], axis=2)
        np.stack([a, a**2])
        np.stack((a, a**2), axis=1)
        np.stack((a, a**2), axis=-1)
        np.vstack((a, a**2))
        np.hstack((a, a**2))
        np.dstack((a, a**2))
        np.vstack((a[0], a[1]))
        np.hstack((a[0], a[1]))
        np.dstack((a[0], a[1]))
        np.column_stack((a[0], a[1]))
        np.vstack((a[0, 0], a[1, 0]))
        np.hstack((a[0, 0], a[1, 0]))
        np.dstack((a[0, 0], a[1, 0]))
        np.column_stack((a[0, 0], a[1, 0]))
        np.column_stack((a[0, 0], a[0].T))
        np.hstack([a[0, 0, 0], a[0, 0, 1]])
        np.append(a, a)
        np.append(a, a**2, axis=1)
        np.append(a, 1.0)
        np.insert(a[0, 0], 1, a[0, 0, 0])
        np.delete(a, 1, axis=1)
        np.delete(a[0, 0], 2)
        np.block([[a[0], a[1]], [a[1], a[0]]])
        np.block([a[0], a[1]])
        np.block([[a[0, :, :3], np.eye(3)], [np.zeros((3, 3)), a[1, :, 1:]]])
        np.array([a[0, 0, 0], a[0, 0, 1] ** 2, 1.0])
        np.array([[a[0, 0, 0], 0.0], [1.0, a[0, 0, 1]]])
        np.array([a[0], a[1] ** 2])
        np.asarray(a)
        np.array(a)
        np.copy(a)
        np.split(a, 2)[1]
        np.split(a, 3, axis=1)[1] + np.split(a, 3, axis=1)[2]
        np.split(a, [1], axis=-1)[1]
        np.split(a, [1, 3], axis=2)[1]
        np.array_split(a, 3, axis=2)[0]
        np.array_split(a, 2, axis=1)[1]
        np.hsplit(a, 3)[0]
        np.vsplit(a, 2)[1]
        np.dsplit(a, 2)[1]
        np.tril(a[0])
        np.tril(a[0], 1)
        np.tril(a[0], k=-1)
        np.triu(a[0])
        np.triu(a[0], k=1)
        np.triu(a)
        np.tril(a, -1)
        np.roll(a, 1)
        np.roll(a, -2)
        np.roll(a, 1, axis=0)
        np.roll(a, 2, axis=-1)
        np.roll(a, -1, axis=1)
        np.roll(a, (1, 2), axis=(0, 2))
        np.roll(a, 1, axis=(0, 2))
        np.roll(a, 5, axis=1)
        np.flip(a)
        np.flip(a, 0)
        np.flip(a, axis=(0, -1))
        np.fliplr(a)
        np.flipud(a)
        np.rot90(a[0])
        np.rot90(a[0], 2)
        np.rot90(a[0], k=3)
        np.rot90(a[0], -1)
        np.rot90(a, axes=(1, 2))
        np.diff(a)
        np.diff(a, axis=0)
        np.diff(a, n=2)
        np.diff(a, 2, axis=1)
        np.diff(a[0, 0], prepend=0.0)
        np.diff(a[0, 0], append=1.0)
        np.ediff1d(a)
        np.ediff1d(a[0, 0])
        np.gradient(a[0, 0])
        np.gradient(a[0, 0], 0.5)
        np.gradient(a, axis=1)
        np.gradient(a[0], axis=0)
        np.pad(a, 1)
        np.pad(a[0], (1, 2))
        np.pad(a[0], ((0, 1), (2, 0)))
        np.pad(a[0], 1, constant_values=3.0)
        np.pad(a[0], 1, mode="edge")
        np.pad(a[0], ((1, 2), (0, 1)), mode="edge")
        np.pad(a[0], 1, mode="reflect")
        np.pad(a[0], 1, mode="symmetric")
        np.pad(a[0], 2, mode="wrap")
        np.pad(a[0, 0], (2, 1), "edge")
        np.pad(a[0, 0], 1, "constant")
        np.repeat(a, 2)
        np.repeat(a, 3, axis=0)
        np.repeat(a, 2, axis=-1)
        np.repeat(a[0, 0], np.array([1, 0, 2, 3]))
        np.repeat(a[0, 0, 0], 3)
        a.repeat(2)
        a.repeat(2, axis=1)
        np.tile(a, 2)
        np.tile(a[0, 0], 3)
        np.tile(a[0, 0], (2, 2))
        np.tile(a[0], (2, 1))
        np.tile(a, (1, 2, 1))
        np.take(a, 1)
        np.take(a, 1, axis=0)
        np.take(a, np.array([0, 2]), axis=1)
        np.take(a, np.array([0, 3, 3]), axis=-1)
        np.take(a, np.array([0, 5, 5]))
        np.take(a, np.array([[0, 1], [2, 2]]), axis=2)
        a.take(np.array([1, 0]), axis=0)
        np.take_along_axis(a, np.array([[[0], [1], [2]], [[3], [0], [1]]]), axis=2)
        np.take_along_axis(a, np.argsort(a, axis=-1), axis=-1)
        np.take_along_axis(a, np.argmax(a, axis=1)[:, None], axis=1)
        np.broadcast_to(a, (2, 2, 3, 4))
        np.broadcast_to(a[0, 0], (3, 4))
        np.broadcast_to(a[:, :1], (2, 3, 4))
        np.broadcast_arrays(a, a[0])[1]
        np.sort(a)
        np.sort(a, axis=0)
        np.sort(a, axis=1)
        np.sort(a, axis=None)
        np.sort(a)[..., ::-1]
        np.meshgrid(a[0, 0], a[1, 0])[0] * np.meshgrid(a[0, 0], a[1, 0])[1]
        np.meshgrid(a[0, 0], a[1, :, 0], indexing="ij")[1]
        np.zeros_like(a) + a
        np.ones_like(a) * a
        np.full_like(a, 2.0) * a
        np.zeros(4) + a
        np.ones((3, 4)) * a
        np.full((3, 4), 2.0) * a
        np.full(4, a[0, 0, 0])
        np.eye(3) @ a
        np.eye(3, 4) * a
        np.eye(3, k=1) @ a
        np.eye(a.shape[1]) @ a
        np.identity(3) @ a
        np.arange(4) * a
        np.arange(a.shape[2]) * a
        np.linspace(0, 1, 4) * a
        np.linspace(0, 1, a.shape[2]) * a
        np.linspace(a[0, 0, 0], a[0, 0, 1], 5)
        np.tri(3, 4) * a
        np.diag(a[0, 0])
        np.diag(a[0, 0], 1)
        np.diag(a[0, 0], k=-2)
        np.diagflat(a[0, 0])
        np.diagflat(a[0], 1)
        np.diag(a[0])
        np.diag(a[0], 2)
        np.diag(a[0], -1)
        np.real(a).astype(float)
        """,
    ),
    # --- indices
    *_calls(
        "indices",
        (T,),
        """
        a[0]
        a[-1]
        a[0, 1]
        a[0, 1, 2]
        a[..., 0]
        a[0, ..., -1]
        a[:, 1:]
        a[:, :-1, ::2]
        a[:, ::-1]
        a[::-1, ::-1, ::-1]
        a[..., 3:0:-1]
        a[..., -1:0:-2]
        a[..., 2::-1]
        a[..., -2::-1]
        a[:, None]
        a[None, ..., None]
        a[:, np.newaxis, 0]
        a[1:, 5:]
        a[:, 2:1]
        a[np.array([0, 1, 0])]
        a[:, np.array([2, 0])]
        a[..., np.array([3, 3, 0])]
        a[:, np.array([True, False, True])]
        a[np.array([0, 1]), np.array([2, 0])]
        a[np.array([0, 1, 1]), :, np.array([2, 0, 3])]
        a[np.array([[0, 1], [1, 1]])]
        a[np.array([[0], [1]]), np.array([[0, 2]])]
        a[:, np.array([0, 1]), np.array([2, 0])]
        a[0, np.array([0, 1])]
        a[np.array([0, 1]), 0]
        a[1, :, np.array([0, 1])]
        a[np.arange(2), np.arange(2), np.arange(2)]
        a[np.ix_(np.array([0, 1]), np.array([2, 0]), np.array([1, 3]))]
        a[np.array([-1, 0])]
        a[np.array([[[True, False, True, True]] * 3] * 2)]
        a[np.array([[True, False, True]] * 2)]
        a[a > 0]
        a[0][a[0] > 0]
        a[0, 0][a[0, 0] > 0]
        a[:, a[0, :, 0] > 0]
        a[np.abs(a) < 1].sum()
        a[np.argmax(a[:, 0, 0])]
        a[0, 0][np.argsort(a[0, 0])]
        a[0, 0, np.argmin(a[0, 0])]
        np.compress(np.array([True, False, True]), a, axis=1)
        np.extract(a > 0, a)
        a[0][np.triu_indices(3)]
        a[0][np.tril_indices(3, -1)]
        a[0][np.diag_indices(3)]
        a[a.shape[0] // 2]
        a[:, : a.shape[1] // 2]
        a[:, a.shape[1] // 2 :]
        a[:, :, : len(a[0, 0]) // 2]
        a[len(a) - 1]
        a / a.size
        a * np.prod(a.shape)
        a * (a.shape[0] * a.shape[1])
        a / (a.shape[0] - 1)
        a * (a.shape[1] % 2)
        a / np.sqrt(a.shape[1])
        a * float(a.shape[1])
        a * np.log(a.shape[2])
        a * a.ndim
        a.sum() / len(a)
        a * max(a.shape)
        a * sum(a.shape)
        """,
    ),
]

# Calls that are refused, with a reason.
REFUSED = _calls(
    "refused",
    (M,),
    """
    np.nan_to_num(a)
    np.piecewise(a, [a < 0, a >= 0], [lambda t: t**2, lambda t: t**3])
    np.interp(1.0, a[0], a[1])
    np.cross(a[:, :2], a[:, 1:3])
    np.squeeze(a, axis=0)
    np.split(a, 2)
    np.round(a, 2).astype(int)
    np.tril(a[0])
    a & a
    a[0] if a.sum() is None else np.unwrap(a)
    np.diag(np.stack([a, a]))
    np.diag(a, 9)
    np.linalg.norm(a, ord=3)
    np.convolve(a, a[0])
    np.convolve(a[0], a[1], mode="other")
    np.correlate(a[0, :2], a[1], mode="same")
    np.quantile(a, 0.5, method="lower")
    np.linalg.vector_norm(a, axis=(0, 1))
    np.sum(a, dtype="float32")
    a.astype("float32")
    np.sum(a, dtype=int)
    np.exp(a, where=a > 0)
    np.max(a, where=a > 0)
    np.insert(a, [0, 1], 2.0)
    np.pad(a, 5, mode="reflect", reflect_type="odd")
    np.take(a, [0, 99])
    np.fill_diagonal(a, 1.0)
    """,
)
