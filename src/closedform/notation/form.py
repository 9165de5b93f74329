"""The notation tree: what stands on paper. Forms go in, a tidier form comes out.

A form is an expression whose operations are those of matrix notation. A vector is a column; the transpose of
a column is a row; both have one axis.

    symbol(name)            a named scalar, vector, matrix or tensor
    literal(c)              a number, or an array filled with it
    ones, identity          the vector of ones 1, the identity matrix I
    basis(k)                the k-th unit vector
    commutation(m, n)       K with K vec(V) = vec(V') for V of shape (n, m)
    selection(item)         the matrix S with S x = x[item]
    triangle(k)             the matrix with ones where column - row <= k
    sum(a, b; signs)        a sum with signs
    negative(a)
    product(s, t, A)        scalars times at most one array, the last
    fraction(A, s)          an array or a scalar, over a scalar
    power(s; p)             of a scalar
    norm(A)                 the root of the sum of squares
    matmul(A, B, v)         a chain of matrices, columns and rows
    transpose(A), inverse(A), trace(A)
    diag(v), diagonal(A)    vector to matrix (or to a tensor, by its shape), matrix to vector
    kron(A, B), vec(A)      rows of A one after the other
    hadamard(a, b)          elementwise product; so quotient(a, b) and elementwise_power(a; p)
    lower(A; k)             the entries with column - row <= k
    part(A; items)          an index or a slice for each axis
    ravel(A), reshape(v)    in C order
    blocks(A, b, C, D; n)   the array put together of blocks, in rows of n: scalars, vectors and matrices; a
                            vector, of scalars and vectors one above the other, if it has one axis
    differential(A)         dA, of the shape of A
    roll(A; by, axis)       entries shifted cyclically along an axis; roll(I; by, 0) x is roll(x; by)
    call(a, b; name)        a primitive of the registry
    index(body; letters)    the array whose entries are `body`, a scalar with free letters
    entry(A; letters), delta(; letters), different(; letters)
    summation(body; letters), running_product(body; letter, letters left out)
    where(formula, parts; names)
"""

from __future__ import annotations

import math
import weakref
from collections import Counter
from collections.abc import Callable, Hashable, Iterable, Sequence
from fractions import Fraction
from typing import Any

from closedform.expression.calculus import Number, exact
from closedform.expression.expr import Expr, Shape, toposort
from closedform.expression.facts import TRANSPOSING
from closedform.expression.size import Size
from closedform.notation.numbers import CONSTANTS, written

# Symmetry is looked for in forms of at most this many nodes.
MOST_EXAMINED = 120
# A number with more digits is moved into a sum, at most this deep in a product.
MOST_DIGITS, MOST_LEVELS = 8, 6
# A factor that only some terms of a sum share is taken out if it has so many nodes.
LEAST_COLLECTED = 3
# Forms of more nodes are not searched for a place where a long number becomes short.
LARGEST_SCALED = 300

# Forms whose parameters are labels.
LABELLED = frozenset({"entry", "delta", "different", "summation", "running_product", "index"})

Pair = tuple[Expr, Number]  # a form and its exponent


def symbol(name: str, shape: Iterable[Size] = (), symmetric: bool = False) -> Expr:
    """A named quantity."""
    return Expr("symbol", (), (name, symmetric), shape)


def literal(value: Number, shape: Iterable[Size] = ()) -> Expr:
    """A number, or an array filled with it."""
    return Expr("literal", (), (exact(value),), shape)


def ones(size: Size) -> Expr:
    """The vector of ones."""
    return Expr("ones", (), (), (size,))


def identity(size: Size) -> Expr:
    """The identity matrix."""
    return Expr("identity", (), (), (size, size))


def commutation(m: Size, n: Size) -> Expr:
    """The matrix that takes vec(V) to vec(V') for V of shape (n, m)."""
    return Expr("commutation", (), (m, n), (m * n, m * n))


def is_row(form: Expr) -> bool:
    """Whether a form with one axis is a row."""
    while form.op in {"product", "negative", "fraction", "sum"}:
        form = form.args[0] if form.op in {"fraction", "sum"} else form.args[-1]
    if form.op == "matmul":
        form = form.args[0]
    return form.op == "transpose" and form.ndim == 1


def is_dot(form: Expr) -> bool:
    """Whether the form is x'x."""
    pair = form.op == "matmul" and len(form.args) == 2 and not form.shape
    return pair and form.args[0] is transposed(form.args[1])


def is_symmetric(form: Expr) -> bool:
    """Whether a matrix is seen to be its own transpose."""
    if form.ndim != 2 or form.weight > MOST_EXAMINED:
        return False
    if form.op == "symbol":
        return bool(form.params[1])
    if form.op in {"product", "negative", "fraction"}:
        return is_symmetric(factored(form)[1])
    if form.op in {"identity", "diag"}:
        return True
    if form.op == "hadamard" and any(arg.op == "identity" for arg in form.args):
        return True
    if form.op == "matmul":
        return tuple(transposed(part) for part in reversed(form.args)) == form.args
    if form.op == "sum":
        signed = set(zip(form.args, form.params, strict=True))
        return {(transposed(term), sign) for term, sign in signed} == signed
    if form.op == "blocks":
        return transposed_blocks(form) is form
    if form.op == "index":
        if form not in _MIRRORED:
            first, second = form.params
            swapped = {first: second, second: first}
            _MIRRORED[form] = _unordered(form.args[0], {}) == _unordered(form.args[0], swapped)
        return _MIRRORED[form]
    keeps = form.op in {"inverse", "hadamard", "quotient", "elementwise_power"} or (
        form.op == "call" and form.params[0] in TRANSPOSING
    )
    return keeps and all(is_symmetric(arg) for arg in form.args)


# Whether the entries in index notation stay the same with their labels exchanged.
_MIRRORED: weakref.WeakKeyDictionary[Expr, bool] = weakref.WeakKeyDictionary()


def _unordered(form: Expr, names: dict[Any, Any]) -> Hashable:
    """A scalar with labels renamed, whatever the order of terms and factors, and the signs in even powers."""
    labels = tuple(names.get(label, label) for label in form.params if form.op in LABELLED)
    if form.op in {"delta", "different"} or (form.op == "entry" and is_symmetric(form.args[0])):
        return form.op, form.args, frozenset(labels)
    if form.op == "entry":
        return form.op, form.args, labels
    if form.op == "power" and form.args[0].op == "sum" and form.params[0] % 2 == 0:
        signs = (form.args[0], negative(form.args[0]))
        return form.op, form.params, frozenset(_unordered(base, names) for base in signs)
    parts = [_unordered(arg, names) for arg in form.args]
    if form.op == "sum":
        return form.op, frozenset(Counter(zip(parts, form.params, strict=True)).items())
    if form.op == "product":
        return form.op, frozenset(Counter(parts).items())
    return form.op, tuple(parts), labels or form.params


def transposed(form: Expr) -> Expr:
    """The transpose, with (AB)' = B'A' carried out."""
    if form.op == "transpose":
        return form.args[0]
    if form.op == "literal" and form.ndim == 2:
        return literal(form.params[0], form.shape[::-1])
    if not form.shape or is_symmetric(form):
        return form
    if form.op == "blocks" and form.ndim == 2:
        turned = transposed_blocks(form)
        if marks(turned) <= marks(form):
            return turned
    if form.op == "roll" and form.args[0].op == "identity":
        by, axis = form.params
        return Expr("roll", form.args, (-by, axis), form.shape)
    if form.op == "matmul":
        return matmul(*(transposed(part) for part in reversed(form.args)))
    if form.op in {"product", "negative", "fraction"}:
        scalars, array = factored(form)
        return product(*scalars, transposed(array))
    if form.op in {"hadamard", "quotient"} and form.ndim == 2:
        turned = Expr(form.op, tuple(map(transposed, form.args)), form.params, form.shape[::-1])
        if marks(turned) <= marks(form):
            ordered = sorted(turned.args, key=scalar_order) if form.op == "hadamard" else turned.args
            return Expr(form.op, tuple(ordered), form.params, turned.shape)
    return Expr("transpose", (form,), (), form.shape[::-1])


def transposed_whole(form: Expr) -> Expr:
    """The transpose of an elementwise product, its factors as they are: (A ⊙ B)'."""
    scalars, array = factored(form)
    return product(*scalars, Expr("transpose", (array,), (), array.shape[::-1]))


def marks(form: Expr) -> int:
    """How many transposes are written in the factors of an elementwise product, or in blocks."""
    array = factored(form)[1]
    return sum(map(_marks, array.args if array.op in {"hadamard", "quotient", "blocks"} else (array,)))


def _marks(form: Expr) -> int:
    """How many transposes are written in a factor."""
    return (form.op == "transpose") + (_transposes(form) if form.op == "matmul" else 0)


def row(form: Expr) -> Expr:
    """The transpose of a column; that of a sum is the sum of rows."""
    scalars, array = factored(form)
    if array.op == "sum" and all(arg.op != "literal" for arg in array.args):
        array = Expr("sum", tuple(row(arg) for arg in array.args), array.params, array.shape)
    else:
        array = transposed(array)
    return product(*scalars, array)


def negative(form: Expr) -> Expr:
    """-form."""
    if form.op == "negative":
        return form.args[0]
    if form.op == "literal":
        return literal(-form.params[0], form.shape)
    if form.op == "sum":
        return total(
            [signed(arg, -sign) for arg, sign in zip(form.args, form.params, strict=True)], form.shape
        )
    if form.op == "index":
        return Expr("index", (negative(form.args[0]),), form.params, form.shape)
    return Expr("negative", (form,), (), form.shape)


def opposite(form: Expr) -> Expr:
    """-form for a difference: s (b - a) for s (a - b)."""
    if form.op == "index":
        return Expr("index", (opposite(form.args[0]),), form.params, form.shape)
    if form.op != "product":
        return negative(form)
    n = next((n for n, arg in enumerate(form.args) if arg.op == "sum" and -1 in arg.params), None)
    return (
        negative(form) if n is None else product(*form.args[:n], negative(form.args[n]), *form.args[n + 1 :])
    )


def signed(form: Expr, sign: int) -> Expr:
    """The form or its negative."""
    return form if sign > 0 else negative(form)


def summands(form: Expr) -> list[Expr]:
    """The terms of a sum, or the one that a form is."""
    if form.op != "sum":
        return [form]
    return [signed(arg, sign) for arg, sign in zip(form.args, form.params, strict=True)]


def split_sign(form: Expr) -> tuple[int, Expr]:
    """Sign and magnitude."""
    if form.op == "negative" or (form.op == "literal" and form.params[0] < 0):
        return -1, negative(form)
    return 1, form


def factored(form: Expr) -> tuple[list[Expr], Expr]:
    """An array form without its scalar factors, and those."""
    scalars: list[Expr] = []
    while form.op in {"product", "negative", "fraction"}:
        if form.op == "fraction":
            scalars.append(Expr("fraction", (literal(1), form.args[1]), (), ()))
            form = form.args[0]
        else:
            scalars += form.args[:-1] if form.op == "product" else [literal(-1)]
            form = form.args[-1]
    return scalars, form


def matmul(*parts: Expr) -> Expr:
    """The matrix product; scalars move to the front, identities go."""
    scalars: list[Expr] = []
    chain: list[Expr] = []
    for part in parts:
        lifted, array = factored(_plus_before(part))
        scalars += lifted
        chain += array.args if array.op == "matmul" else [array]
    kept = [part for part in chain if part.op != "identity"] or chain[:1]
    whole = _chain(kept)
    if len(kept) > 1 and any(map(_is_zero, kept)):
        return literal(0, whole.shape)
    return product(*scalars, whole)


def _plus_before(form: Expr) -> Expr:
    """-(a + b) for -a - b, where the minus can leave: as a factor of a product."""
    if form.op != "sum" or max(form.params) > 0:
        return form
    return Expr("negative", (negative(form),), (), form.shape)


def _chain(parts: list[Expr]) -> Expr:
    if len(parts) == 1:
        return parts[0]
    first, last = parts[0], parts[-1]
    left = () if is_row(first) else first.shape[:1]
    right = () if last.ndim == 1 and not is_row(last) else last.shape[-1:]
    return Expr("matmul", tuple(parts), (), left + right)


def dot(left: Expr, right: Expr) -> Expr:
    """left' right, written with the fewer transposes, a differential last."""
    candidates = [matmul(transposed(left), right), matmul(transposed(right), left)]
    if any(map(_is_zero, candidates)):
        return literal(0)
    return min(candidates, key=lambda form: (_turned(form), _transposes(form), form.args[0].weight))


def has_differential(form: Expr) -> bool:
    """Whether a differential stands in the form."""
    if form not in _WITH_DIFFERENTIAL:
        new = [form] if all(arg in _WITH_DIFFERENTIAL for arg in form.args) else toposort(form)
        for node in new:
            found = node.op == "differential" or any(_WITH_DIFFERENTIAL[arg] for arg in node.args)
            _WITH_DIFFERENTIAL[node] = found
    return _WITH_DIFFERENTIAL[form]


_WITH_DIFFERENTIAL: weakref.WeakKeyDictionary[Expr, bool] = weakref.WeakKeyDictionary()


def _turned(form: Expr) -> int:
    """2 where a differential stands in a chain but not at its end, 1 where it is transposed there."""
    if not has_differential(form):
        return 0
    last = form.args[-1] if form.op == "matmul" else form
    return 1 + (not has_differential(last)) if last.op == "transpose" or not has_differential(last) else 0


def _transposes(form: Expr) -> int:
    return sum(arg.op == "transpose" for arg in form.args)


def outer(left: Expr, right: Expr) -> Expr:
    """left right'."""
    return matmul(left, transposed(right))


def diag(vector: Expr, order: int = 2) -> Expr:
    """The diagonal matrix of a vector, or the tensor of an order that has the vector on its diagonal; of the
    diagonal of A it is A with zeros elsewhere, A ⊙ I."""
    scalars, array = factored(vector)
    size = array.shape[0]
    if array.op == "diagonal" and order == 2:
        return product(*scalars, Expr("hadamard", (*array.args, identity(size)), (), (size, size)))
    is_identity = array.op == "ones" and order == 2
    matrix = identity(size) if is_identity else Expr("diag", (array,), (), (size,) * order)
    return product(*scalars, matrix)


def trace(matrix: Expr) -> Expr:
    """The trace; of a product, the cyclic order with the fewest transposes."""
    scalars, array = factored(matrix)
    candidates = [array]
    if array.op == "matmul":
        for chain in (array.args, transposed(array).args):
            candidates += [_chain([*chain[k:], *chain[:k]]) for k in range(len(chain))]
    best = min(candidates, key=lambda form: (_turned(form), _transposes(form), _chain_order(form)))
    return product(*scalars, Expr("trace", (best,), (), ()))


def _chain_order(form: Expr) -> tuple[str, ...]:
    return tuple(str(arg.params[0]) if arg.op == "symbol" else "~" for arg in form.args)


def elementwise(pairs: Iterable[Pair]) -> Expr:
    """The elementwise product of powers of arrays of one shape."""
    taken = _elementwise_factors(pairs)
    turned = [form.op == "transpose" for form, _ in taken if form.ndim == 2]
    if turned and all(turned):
        return transposed(elementwise((transposed(form), exponent) for form, exponent in taken))
    masks = {form.params[0] for form, _ in taken if form.op == "triangle"}
    if masks and len(taken) > 1:
        rest = elementwise((form, exponent) for form, exponent in taken if form.op != "triangle")
        scalars, array = factored(rest)
        return product(*scalars, Expr("lower", (array,), (min(masks),), array.shape))
    return _quotient(taken)


def _quotient(pairs: Iterable[Pair]) -> Expr:
    powers: dict[Expr, Number] = {}
    scalars: list[Expr] = []
    shape: Shape = ()
    for form, exponent in pairs:
        shape = form.shape or shape
        if not form.shape:
            scalars.append(power(form, exponent))
        elif form.op not in {"ones", "literal"}:
            powers[form] = exact(powers.get(form, 0) + exponent)
    above = {form: p for form, p in powers.items() if p > 0}
    below = {form: exact(-p) for form, p in powers.items() if p < 0}
    numerator, denominator = _times(above), _times(below)
    if denominator is None:
        return product(*scalars, numerator or filled(1, shape))
    if numerator is None and denominator.ndim == 2:
        base, exponent = next(iter(below.items())) if len(below) == 1 else (denominator, 1)
        return product(*scalars, Expr("elementwise_power", (base,), (-exponent,), shape))
    numerator = numerator or filled(1, shape)
    return product(*scalars, Expr("quotient", (numerator, denominator), (), shape))


def _elementwise_factors(pairs: Iterable[Pair]) -> list[Pair]:
    """Nested elementwise products taken apart; the scalar factors of an array split off."""
    found: list[Pair] = []
    stack = list(pairs)[::-1]
    while stack:
        form, exponent = stack.pop()
        integer = isinstance(exponent, int)
        if form.op in {"product", "negative", "fraction"} and form.shape and integer:
            scalars, array = factored(form)
            stack += [(array, exponent), *((scalar, exponent) for scalar in scalars)]
        elif form.op == "hadamard" and integer:
            stack += [(arg, exponent) for arg in reversed(form.args)]
        elif form.op == "quotient" and integer:
            stack += [(form.args[1], -exponent), (form.args[0], exponent)]
        elif form.op == "elementwise_power" and integer and isinstance(form.params[0], int):
            stack.append((form.args[0], exact(form.params[0] * exponent)))
        elif form.op == "literal" and form.shape:
            found += [(literal(form.params[0]), exponent), (form, 1)]
        else:
            found.append((form, exponent))
    return found


def filled(value: Number, shape: Shape) -> Expr:
    """An array with one value everywhere, as a multiple of ones: c 1, c 1 1'."""
    if len(shape) == 1:
        return product(literal(value), ones(shape[0]))
    if len(shape) == 2:
        return product(literal(value), outer(ones(shape[0]), ones(shape[1])))
    return literal(value, shape)


def _times(powers: dict[Expr, Number]) -> Expr | None:
    factors = [
        form if p == 1 else Expr("elementwise_power", (form,), (p,), form.shape) for form, p in powers.items()
    ]
    if len(factors) <= 1:
        return factors[0] if factors else None
    factors.sort(key=scalar_order)
    return Expr("hadamard", tuple(factors), (), factors[0].shape)


def power(base: Expr, exponent: Number) -> Expr:
    """base ** exponent of a scalar; half-integer powers of x'x are powers of the norm."""
    if exponent == 1:
        return base
    if base.op == "literal" and isinstance(exponent, int) and base.params[0] != 0:
        return literal(Fraction(base.params[0]) ** exponent)
    if exponent < 0:
        return product(Expr("fraction", (literal(1), power(base, -exponent)), (), ()))
    if base.op == "running_product" and isinstance(exponent, int):
        return Expr("running_product", (power(base.args[0], exponent),), base.params, ())
    if is_dot(base) and isinstance(exact(2 * exponent), int) and not isinstance(exponent, int):
        base, exponent = norm(base.args[1]), exact(2 * exponent)
    elif base.op == "power" and (isinstance(exponent, int) or base.args[0].op == "norm"):
        base, exponent = base.args[0], exact(base.params[0] * exponent)
    return base if exponent == 1 else Expr("power", (base,), (exponent,), ())


def norm(form: Expr) -> Expr:
    """The root of the sum of squares."""
    return Expr("norm", (form,), (), ())


def sum_of_squares(form: Expr) -> Expr:
    """x'x for a named vector, the squared norm of anything else."""
    scalars, array = factored(form)
    named = array.op in {"symbol", "part"} and array.ndim == 1
    square = dot(array, array) if named else power(norm(array), 2)
    return product(*(power(scalar, 2) for scalar in scalars), square)


def product(*factors: Expr) -> Expr:
    """Scalars times at most one array, in reading order, with one fraction for all denominators."""
    coefficient: Number = 1
    above: list[Expr] = []
    below: list[Expr] = []
    array: Expr | None = None
    stack = [(factor, True) for factor in reversed(factors)]
    while stack:
        form, upper = stack.pop()
        if form.op == "product":
            stack += [(arg, upper) for arg in reversed(form.args)]
        elif form.op == "negative":
            coefficient = -coefficient
            stack.append((form.args[0], upper))
        elif form.op == "fraction":
            stack += [(form.args[1], not upper), (form.args[0], upper)]
        elif form.op == "literal" and not form.shape and (upper or form.params[0]):
            value = form.params[0]
            coefficient = exact(coefficient * value if upper else Fraction(coefficient) / value)
        elif form.shape:
            array = form
        else:
            (above if upper else below).append(form)
    return _assembled(coefficient, above, below, array)


def _assembled(coefficient: Number, above: list[Expr], below: list[Expr], array: Expr | None) -> Expr:
    if coefficient == 0:
        return literal(0, array.shape if array is not None else ())
    if _moves(coefficient):  # 0.3 x + 0.01 a
        for n, factor in enumerate([*above, *([array] if array is not None else [])]):
            scaled = _scaled(coefficient, factor, MOST_LEVELS)
            if scaled is not None and n < len(above):
                return _assembled(1, [*above[:n], scaled, *above[n + 1 :]], below, array)
            if scaled is not None:
                return _assembled(1, above, below, scaled)
    if array is not None and array.op == "literal":
        coefficient = exact(coefficient * array.params[0])
        if not (above or below):
            return literal(coefficient, array.shape)
        array = filled(1, array.shape) if array.ndim in (1, 2) else None
    if array is not None and array.op == "index":
        body = _assembled(coefficient, above, below, array.args[0])
        return Expr("index", (product(body),), array.params, array.shape)
    if coefficient < 0 and array is not None:
        turned = _with_opposite_blocks(array)
        if turned is not None:
            return _assembled(-coefficient, above, below, turned)
    if coefficient < 0:
        return negative(_assembled(-coefficient, above, below, array))
    above, below = _powers(above), _powers(below)
    if len(above) > 1:  # a single one is asked for no order
        above.sort(key=scalar_order)
    tail = [array] if array is not None else []
    if not below:
        leading = [literal(coefficient)] if coefficient != 1 or not (above or tail) else []
        return _juxtaposed([*leading, *above, *tail])
    fraction = Fraction(coefficient)
    if len(below) > 1:
        below.sort(key=scalar_order)
    shown = written(fraction)
    if shown.constant or shown.under:  # √2 above, √π below
        fraction = shown.above * Fraction(CONSTANTS.get(shown.constant, 1))
        whole = shown.below * Fraction(CONSTANTS.get(shown.under, 1))
    elif shown.mantissa:  # no fraction: 0.04
        whole = Fraction(1)
    else:
        fraction, whole = Fraction(fraction.numerator), Fraction(fraction.denominator)
    denominator = _with_number(whole, below)
    if tail and not above and fraction == 1 and _is_short(tail[0], denominator):
        return Expr("fraction", (tail[0], denominator), (), tail[0].shape)
    quotient = Expr("fraction", (_with_number(fraction, above), denominator), (), ())
    return _juxtaposed([quotient, *tail])


def _powers(factors: list[Expr]) -> list[Expr]:
    """Equal factors as one power."""
    exponents: dict[Expr, Number] = {}
    for factor in factors:
        base, exponent = (factor.args[0], factor.params[0]) if factor.op == "power" else (factor, 1)
        exponents[base] = exact(exponents.get(base, 0) + exponent)
    if len(exponents) == len(factors):
        return factors
    return [base if p == 1 else Expr("power", (base,), (p,), ()) for base, p in exponents.items()]


def _is_short(array: Expr, denominator: Expr) -> bool:
    """Whether an array may stand above the line: a name, or x x' over x'x, but (1/n) 1 1'."""
    if array.op in {"symbol", "part"}:
        return True
    names = {(part.args[0] if part.op == "transpose" else part).op for part in array.args}
    return (
        array.op == "matmul" and len(array.args) == 2 and names == {"symbol"} and denominator.op != "symbol"
    )


def _moves(coefficient: Number) -> bool:
    """Whether a number is rather written before the terms of a sum than before the sum."""
    return is_long(coefficient) or bool(written(abs(Fraction(coefficient))).mantissa)


def is_long(value: Number) -> bool:
    """Whether a number takes many digits, as the common divisor of a sum with floats does."""
    size = abs(Fraction(value))
    return len(written(size).mantissa) > MOST_DIGITS or (size.denominator == 1 and size > 10**MOST_DIGITS)


def _scaled(coefficient: Number, form: Expr, levels: int) -> Expr | None:
    """The form times a long number, which goes into a sum in it if that leaves only short numbers."""
    if levels == 0 or form.weight > LARGEST_SCALED:
        return None
    if form.op == "sum":
        if all(_number_before(term) == 1 for term in form.args):
            return None  # it would stand before each of them
        signs = zip(form.args, form.params, strict=True)
        scaled = [_scaled_term(coefficient, signed(term, sign), levels - 1) for term, sign in signs]
        terms = [term for term in scaled if term is not None]
        return total(terms, form.shape) if len(terms) == len(scaled) else None
    if form.op not in {"matmul", "diag", "hadamard", "quotient"}:
        return None
    for n, arg in enumerate(form.args[:1] if form.op == "quotient" else form.args):
        part = _scaled(coefficient, arg, levels - 1)
        if part is not None:
            return Expr(form.op, (*form.args[:n], part, *form.args[n + 1 :]), form.params, form.shape)
    return None


def _number_before(term: Expr) -> Number:
    """The number that a term is a multiple of."""
    scalars, array = factored(term)
    numbers = [scalar.params[0] for scalar in (*scalars, array) if scalar.op == "literal"]
    return exact(abs(math.prod(numbers, start=Fraction(1))))


def _scaled_term(coefficient: Number, term: Expr, levels: int) -> Expr | None:
    scalars, array = factored(term)
    numbers = [scalar for scalar in scalars if scalar.op == "literal"]
    rest = [scalar for scalar in scalars if scalar.op != "literal"]
    value = exact(math.prod((number.params[0] for number in numbers), start=coefficient))
    if array.op == "literal":
        value, array = exact(value * array.params[0]), literal(1, array.shape)
    if not is_long(value):
        return product(literal(value), *rest, array)
    scaled = _scaled(value, array, levels)
    return None if scaled is None else product(*rest, scaled)


def _with_number(number: Fraction, factors: list[Expr]) -> Expr:
    return _juxtaposed([*([literal(number)] if number != 1 or not factors else []), *factors])


def _juxtaposed(factors: Sequence[Expr]) -> Expr:
    if len(factors) == 1:
        return factors[0]
    return Expr("product", tuple(factors), (), factors[-1].shape)


# Order of the factors of a product: names, inner products, functions, sums, exponentials.
_PLACES = {
    **dict.fromkeys(("delta", "different"), -1),
    **dict.fromkeys(("symbol", "part"), 0),
    **dict.fromkeys(("matmul", "norm", "trace", "entry"), 1),
    "sum": 3,
    **dict.fromkeys(("summation", "running_product"), 5),
}


def scalar_order(form: Expr) -> tuple[object, ...]:
    """Where a factor stands among commuting factors."""
    base = form.args[0] if form.op in {"power", "elementwise_power"} else form
    place = _PLACES.get(base.op, 2) if not has_differential(base) else 6
    if base.op == "call" and base.params[0] == "exp":
        place = 4
    return (place, reading_weight(base), reading_key(form))


def reading_weight(form: Expr) -> int:
    """Nodes of a form; transposes do not count."""
    if form.weight > MOST_EXAMINED:
        return form.weight
    stack, weight = [form], 0
    while stack:
        node = stack.pop()
        weight += node.op != "transpose"
        stack += node.args
    return weight


# What counts as more than one sign when lengths are compared: what takes thought to read, too.
_LONG = {"basis": 4, "selection": 4, "roll": 10, "part": 2, "call": 2}


def length(form: Expr) -> int:
    """About how many signs a form takes, written out."""
    lengths: dict[Expr, int] = {}
    for node in toposort(form):
        lengths[node] = _LONG.get(node.op, 1) + sum(lengths[arg] for arg in node.args)
    return lengths[form]


def reading_key(form: Expr) -> tuple[object, ...]:
    """A deterministic order of equally complex forms: by the first names in them."""
    names: list[str] = []
    stack = [form]
    while stack and len(names) < 4:
        node = stack.pop()
        if node.op in {"symbol", "call"}:
            names.append(str(node.params[0]))
        elif node.op in {"transpose", "identity"}:
            names.append("~")  # A stands before A' and I
        stack.extend(reversed(node.args))
    labels = str(form.params) if form.op == "part" else form.params if form.op in {"entry", "delta"} else ()
    return (names, str(labels), form.key)


def total(terms: Iterable[Expr], shape: Shape) -> Expr:
    """The sum, in reading order: positive terms first, complex before simple, numbers last (but 1 - a);
    a long polynomial in one base by rising powers, as a series."""
    terms = _by_kronecker_factor(_by_kronecker_factor(list(terms), 1), 0)
    if len(terms) > 1 and all(term.ndim == 2 and factored(term)[1].op == "transpose" for term in terms):
        return transposed(total([transposed(term) for term in terms], shape[::-1]))
    gathered = _gathered(_gathered(terms, -1), 0)
    if _closed_under_transposition(terms) and not _closed_under_transposition(gathered):
        gathered = terms
    parts = [split_sign(term) for term in _collected(_alike(gathered)) if not _is_zero(term)]
    if not parts:
        return literal(0, shape)
    if len(parts) == 1:
        return signed(parts[0][1], parts[0][0])
    numbers = {_number_before(form) if form.op != "literal" else 1 for _, form in parts}
    # 2 (A x + y); a number that would be moved into the sum again stays where it is
    if len(numbers) == 1 and numbers != {1} and not any(_moves(number) for number in numbers):
        number = literal(numbers.pop())
        together = max(sign for sign, _ in parts)  # all with a minus have it before them
        rest = [signed(product(power(number, -1), form), sign * together) for sign, form in parts]
        return signed(product(number, total(rest, shape)), together)
    leads = any(sign > 0 and form.op != "literal" for sign, form in parts)

    def order(part: tuple[int, Expr]) -> tuple[object, ...]:
        sign, form = part
        last = form.op == "literal" and (leads or sign < 0)
        return (last, sign < 0, form.op == "index", -_degree(form), -reading_weight(form), reading_key(form))

    parts.sort(key=_series_order(parts) or order)
    return Expr("sum", tuple(form for _, form in parts), tuple(sign for sign, _ in parts), shape)


def _closed_under_transposition(terms: list[Expr]) -> bool:
    """Whether the terms of a sum of matrices are symmetric, or stand there transposed too."""
    found = set(terms)
    return all(term.ndim == 2 and transposed(term) in found for term in terms)


def _alike(terms: list[Expr]) -> list[Expr]:
    """Terms that are written alike are one, with their number before it; so are numbers."""
    counts: dict[Expr, Number] = {}
    for term in terms:
        sign, magnitude = split_sign(term)
        if magnitude.op == "literal":
            sign, magnitude = sign * magnitude.params[0], literal(1, magnitude.shape)
        counts[magnitude] = exact(counts.get(magnitude, 0) + sign)
    if len(counts) == len(terms):
        return terms
    return [product(literal(count), term) for term, count in counts.items() if count]


def _collected(terms: list[Expr]) -> list[Expr]:
    """s A + s B + C = s (A + B) + C, for a factor s of several terms that is more than a name."""
    factors = {term: _listed_factors(term) for term in terms if term.weight <= MOST_EXAMINED}
    counts = Counter(f for found in factors.values() for f in set(found) if f.weight >= LEAST_COLLECTED)
    shared = max((f for f, n in counts.items() if n > 1), key=lambda f: (f.weight, f.key), default=None)
    if shared is None:
        return terms
    group = [term for term, found in factors.items() if shared in found]
    common = [f for f in dict.fromkeys(factors[group[0]]) if all(f in factors[term] for term in group)]
    lefts = []
    for term in group:
        left = list(factors[term])
        for f in common:
            left.remove(f)
        lefts.append(left)
    arrays = [any(f.shape for f in left) for left in lefts]
    if any(arrays) and not all(arrays) and group[0].ndim > 1:
        return terms
    shape = group[0].shape if any(arrays) else ()
    rests = [_multiplied(left, shape) for left in lefts]
    inner = total(rests, shape)
    whole = _multiplied([*common, inner], group[0].shape)
    if whole.weight >= sum(term.weight for term in group):
        return terms
    return _collected([*(term for term in terms if term not in group), whole])


def _listed_factors(term: Expr) -> list[Expr]:
    """The factors of a product, those of an elementwise one too; none of what is no product."""
    scalars, array = factored(term)
    arrays = array.args if array.op == "hadamard" else (array,)
    return [] if any(arg.op in {"index", "literal"} for arg in arrays) else [*scalars, *arrays]


def _multiplied(factors: Sequence[Expr], shape: Shape) -> Expr:
    """The product of scalars and of the entries of arrays; 1 in every entry if there are none."""
    arrays = [(f, 1) for f in factors if f.shape]
    scalars = [f for f in factors if not f.shape]
    if not shape:
        return product(*scalars) if scalars else literal(1)
    return product(*scalars, elementwise(arrays) if arrays else literal(1, shape))


def _series_order(parts: list[tuple[int, Expr]]) -> Callable[[tuple[int, Expr]], Any] | None:
    """The order of a polynomial of more than three terms in one base, or None."""
    powers = {form: _monomial(form) for _, form in parts}
    bases = {base for base, _ in powers.values() if base is not None}
    return (lambda part: powers[part[1]][1]) if len(parts) > 3 and len(bases) == 1 else None


def _monomial(form: Expr) -> tuple[Expr | None, Number]:
    """(base, power) of a number times a power; the base of a number is None."""
    factors = form.args if form.op == "product" else (form,)
    rest = [f for f in factors if f.op != "literal"]
    if len(rest) != 1:
        return (form, 1) if rest else (None, 0)
    is_power = rest[0].op in {"power", "elementwise_power"}
    return (rest[0].args[0], rest[0].params[0]) if is_power else (rest[0], 1)


def _gathered(terms: list[Expr], end: int) -> list[Expr]:
    """A v + B v = (A + B) v for `end` -1, and A v + A w = A (v + w), x'A + x'B = x'(A + B) for `end` 0."""
    groups: dict[object, list[Expr]] = {}
    for n, term in enumerate(terms):
        scalars, array = factored(term)
        shares = array.op == "matmul" and array.ndim > 0 and not (end and is_row(array))
        magnitudes = tuple(s for s in scalars if s.op != "literal") if array.ndim == 1 else ()
        key = (magnitudes, array.args[end]) if shares else n
        groups.setdefault(key, []).append(term)
    return [group[0] if len(group) == 1 else _joined(group, end) for group in groups.values()]


def _joined(terms: list[Expr], end: int) -> Expr:
    common, lefts, arrays = _common_scalars(terms)
    rests = [
        product(*left, _chain(list(array.args[:-1] if end else array.args[1:])))
        for left, array in zip(lefts, arrays, strict=True)
    ]
    inner = total([part for rest in rests for part in summands(rest)], rests[0].shape)
    shared = arrays[0].args[end]
    return product(*common, matmul(inner, shared) if end else matmul(shared, inner))


def _common_scalars(terms: list[Expr]) -> tuple[list[Expr], list[list[Expr]], list[Expr]]:
    """The scalar factors that all terms share, what each has besides, and their arrays."""
    parts = [(_split_fractions(scalars), array) for scalars, array in map(factored, terms)]
    first, *others = lefts = [[s for s in scalars if s.op != "literal"] for scalars, _ in parts]
    common = [s for s in dict.fromkeys(first) if all(s in other for other in others)]
    numbers = [Fraction(math.prod(s.params[0] for s in scalars if s.op == "literal")) for scalars, _ in parts]
    content = Fraction(math.gcd(*(n.numerator for n in numbers)), math.lcm(*(n.denominator for n in numbers)))
    for scalar in common:
        for left in lefts:
            left.remove(scalar)
    rests = [[literal(number / content), *left] for number, left in zip(numbers, lefts, strict=True)]
    return [literal(content), *common], rests, [array for _, array in parts]


def _by_kronecker_factor(terms: list[Expr], position: int) -> list[Expr]:
    """A ⊗ B + C ⊗ B = (A + C) ⊗ B for position 1, A ⊗ B + A ⊗ C = A ⊗ (B + C) for position 0."""
    groups: dict[object, list[Expr]] = {}
    for n, term in enumerate(terms):
        array = factored(term)[1]
        groups.setdefault(array.args[position] if array.op == "kron" else n, []).append(term)
    return [group[0] if len(group) == 1 else _kron_joined(group, position) for group in groups.values()]


def _kron_joined(terms: list[Expr], position: int) -> Expr:
    common, lefts, arrays = _common_scalars(terms)
    others = [product(*left, array.args[1 - position]) for left, array in zip(lefts, arrays, strict=True)]
    parts = [part for other in others for part in summands(other)]
    pair = (arrays[0].args[position], total(parts, others[0].shape))
    return product(*common, kron(*(pair if position == 0 else pair[::-1])))


def _split_fractions(scalars: list[Expr]) -> list[Expr]:
    """Scalars with a / b as a and 1 / b."""
    found: list[Expr] = []
    for scalar in scalars:
        if scalar.op == "fraction" and scalar.args[0] != literal(1):
            above, below = scalar.args
            found += above.args if above.op == "product" else (above,)
            found.append(Expr("fraction", (literal(1), below), (), ()))
        else:
            found.append(scalar)
    return found


def _degree(form: Expr) -> Number:
    """The highest power in a product of scalars: x^3 stands before x^2."""
    factors = form.args if form.op == "product" else (form,)
    return max((f.params[0] for f in factors if f.op in {"power", "elementwise_power"}), default=1)


def blocks(rows: Sequence[Sequence[Expr]], shape: Shape) -> Expr:
    """The array put together of blocks in rows; what all of them are multiplied with stands before it, but
    not a number or a name before plain entries: (2x, 2y), not 2(x, y)."""
    rows = _opened_blocks(rows, len(shape))
    parts = [part for parts in rows for part in parts]
    least = 0 if any(part.shape for part in parts) else LEAST_COLLECTED
    factors = [_before(part) for part in parts if not _is_zero(part)]
    common = [
        factor
        for factor in dict.fromkeys(factors[0] if factors else ())
        if factor.weight >= least and all(factor in other for other in factors)
    ]
    rests = [part if _is_zero(part) else _without(part, common) for part in parts]
    if all(part == literal(1) for part in rests) and len(shape) == 1:
        return product(*common, ones(shape[0]))
    if len(shape) == 2 and _is_identity(rests, len(rows)):
        return product(*common, identity(shape[0]))
    return product(*common, Expr("blocks", tuple(rests), (len(rows[0]),), shape))


def _with_opposite_blocks(array: Expr) -> Expr | None:
    """The negative of an array put together of blocks, or of a product with one, if it has no more signs."""
    if array.op == "matmul":
        found = [(n, _with_opposite_blocks(part)) for n, part in enumerate(array.args)]
        n, turned = next(((n, part) for n, part in found if part is not None), (0, None))
        return turned and Expr("matmul", (*array.args[:n], turned, *array.args[n + 1 :]), (), array.shape)
    if array.op != "blocks":
        return None
    opposites = tuple(negative(part) for part in array.args)
    better = _signs(opposites) <= _signs(array.args)
    return Expr("blocks", opposites, array.params, array.shape) if better else None


def _signs(parts: Iterable[Expr]) -> int:
    """How many of the parts are negative."""
    return sum(split_sign(part)[0] < 0 for part in parts)


def transposed_blocks(form: Expr) -> Expr:
    """The transpose of a matrix put together of blocks."""
    (columns,) = form.params
    turned = [transposed(part) for n in range(columns) for part in form.args[n::columns]]
    return Expr("blocks", tuple(turned), (len(form.args) // columns,), form.shape[::-1])


def _opened_blocks(rows: Sequence[Sequence[Expr]], order: int) -> Sequence[Sequence[Expr]]:
    """The rows with the blocks of blocks that stand in one row or in one column with them."""
    if order == 1 or len(rows[0]) == 1:
        column = [part for (part,) in rows]
        if order == 2 and all(part.op == "transpose" and _is_list(part.args[0]) for part in column):
            return [part.args[0].args for part in column]
        return [[part] for part in _spliced(column, lambda part: part.ndim == order and part.params == (1,))]
    if len(rows) == 1:
        if all(map(_is_list, rows[0])):
            return list(zip(*(part.args for part in rows[0]), strict=True))
        return [_spliced(rows[0], lambda part: part.ndim == 2 and part.params == (len(part.args),))]
    return rows


def _spliced(parts: Iterable[Expr], fits: Callable[[Expr], bool]) -> list[Expr]:
    """The parts, with the blocks of those that fit in their places."""
    return [arg for part in parts for arg in (part.args if part.op == "blocks" and fits(part) else (part,))]


def _is_list(form: Expr) -> bool:
    """Whether a vector is written by its entries."""
    return form.op == "blocks" and form.ndim == 1 and not any(arg.shape for arg in form.args)


def _is_identity(parts: Sequence[Expr], count: int) -> bool:
    """Whether plain entries are those of the identity matrix."""
    wanted = [literal(int(n % (count + 1) == 0)) for n in range(count * count)]
    return list(parts) == wanted


def _is_zero(form: Expr) -> bool:
    return form.op == "literal" and form.params[0] == 0


def _before(part: Expr) -> list[Expr]:
    """The scalar factors of a block."""
    scalars, last = factored(part)
    return _split_fractions(scalars if part.shape else [*scalars, last])


def _without(part: Expr, common: Iterable[Expr]) -> Expr:
    """A block without some of its scalar factors."""
    if not common:
        return part
    factors = _before(part)
    for factor in common:
        factors.remove(factor)
    return product(*factors, *([factored(part)[1]] if part.shape else []))


def vec(matrix: Expr) -> Expr:
    """The rows of a matrix, one after the other, as a vector."""
    scalars, array = factored(matrix)
    m, n = array.shape
    return product(*scalars, Expr("vec", (array,), (), (m * n,)))


def kron(left: Expr, right: Expr) -> Expr:
    """The Kronecker product."""
    first, a = factored(_plus_before(left))
    second, b = factored(_plus_before(right))
    shape = (a.shape[0] * b.shape[0], a.shape[1] * b.shape[1])
    return product(*first, *second, Expr("kron", (a, b), (), shape))
