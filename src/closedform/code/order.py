"""The order of a contraction: which pairs of factors to multiply first, by the cost of the products."""

from __future__ import annotations

import math
from collections.abc import Iterator
from functools import lru_cache

# A product of two matrices runs this many times faster per operation than entry by entry.
MATRIX_GAIN = 16.0
# A contraction along an axis that stays, in a stack, is no matrix product.
STACK_LOSS = 2.0
# With more connected groups of factors than this, pairs are chosen greedily.
MOST_GROUPS = 250

Pair = tuple[int, int]


@lru_cache(maxsize=4096)
def contraction_order(
    masks: tuple[int, ...],
    kinds: tuple[int, ...],
    out: int,
    sizes: tuple[float, ...],
    triangles: frozenset[int] = frozenset(),
) -> tuple[Pair, ...]:
    """The pairs to multiply in turn; a product is appended to the list of factors.

    masks      for each factor the set of its labels, as bits
    kinds      equal for factors that are the same array: their equal products are computed once
    out        the labels of the result
    sizes      the size of each label
    triangles  the factors whose products are running sums, one pass over the other factor

    >>> contraction_order((0b011, 0b110, 0b100), (0, 1, 2), 0b001, (100.0, 100.0, 100.0))
    ((2, 1), (0, 3))
    """
    return tuple(_Search(masks, kinds, out, sizes, triangles).pairs())


class _Search:
    """Dynamic programming over the connected groups of factors, greedy where these are too many."""

    def __init__(
        self,
        masks: tuple[int, ...],
        kinds: tuple[int, ...],
        out: int,
        sizes: tuple[float, ...],
        triangles: frozenset[int],
    ) -> None:
        self.masks = masks
        self.kinds = kinds
        self.out = out
        self.sizes = sizes
        self.triangles = {1 << i for i in triangles}
        self.volumes: dict[int, float] = {}

    def pairs(self) -> Iterator[Pair]:
        """The pairs of the cheapest tree found, operands before their product."""
        trees = self._cheapest() if len(self.masks) > 2 else None
        yield from _greedy(self) if trees is None else _flatten(trees, len(self.masks))

    def volume(self, labels: int) -> float:
        """Number of entries of an array with these labels."""
        if labels not in self.volumes:
            sizes = [size for i, size in enumerate(self.sizes) if labels >> i & 1]
            self.volumes[labels] = math.prod(sizes)
        return self.volumes[labels]

    def kept(self, group: int, labels: int) -> int:
        """The labels that the product of a group of factors keeps."""
        needed = self.out
        for i, mask in enumerate(self.masks):
            if not group >> i & 1:
                needed |= mask
        return labels & needed

    def cost(self, first: int, left: int, second: int, right: int, kept: int) -> float:
        """Operations of one product of two groups with their labels, weighed by how fast they run."""
        union = left | right
        if (left & right & ~kept).bit_count() == 1 and (left & right) | kept == union:
            for group, other in ((first, right), (second, left)):
                if group in self.triangles:
                    return 2 * self.volume(other)
        work = self.volume(union)
        if union & ~kept:
            stack = left & right & kept
            matrices = left & ~right & kept and right & ~left & kept
            work *= STACK_LOSS if stack else 1 / MATRIX_GAIN if matrices else 0.5
        return work + self.volume(kept)

    def _cheapest(self) -> list[object] | None:
        """The cheapest tree of each connected part, over groups of growing size."""
        best: dict[int, tuple[float, int, object]] = {
            1 << i: (0.0, self.kept(1 << i, mask), i) for i, mask in enumerate(self.masks)
        }
        layers: list[list[int]] = [[], list(best)]
        for count in range(2, len(self.masks) + 1):
            layer: dict[int, None] = {}
            for small in range(1, count // 2 + 1):
                for first in layers[small]:
                    for second in layers[count - small]:
                        if first & second or not best[first][1] & best[second][1]:
                            continue
                        self._improve(best, first, second)
                        layer[first | second] = None
            if len(best) > MOST_GROUPS:
                return None
            layers.append(list(layer))
        whole = [g for g in best if not any(g != h and g & h == g for h in best)]
        return [best[group][2] for group in sorted(whole, key=lambda g: self.volume(best[g][1]))]

    def _improve(self, best: dict[int, tuple[float, int, object]], first: int, second: int) -> None:
        cost_1, labels_1, tree_1 = best[first]
        cost_2, labels_2, tree_2 = best[second]
        group = first | second
        kept = self.kept(group, labels_1 | labels_2)
        twice = first.bit_count() > 1 and self._members(first) == self._members(second)
        cost = cost_1 + (0 if twice else cost_2) + self.cost(first, labels_1, second, labels_2, kept)
        if group not in best or cost <= best[group][0]:
            best[group] = (cost, kept, (tree_1, tree_2))

    def _members(self, group: int) -> list[int]:
        return sorted(kind for i, kind in enumerate(self.kinds) if group >> i & 1)


def _flatten(trees: list[object], count: int) -> Iterator[Pair]:
    """The pairs of the trees, and then of the trees' products with each other."""
    numbers: list[int] = []
    for tree in trees:
        stack: list[tuple[object, bool]] = [(tree, False)]
        ready: list[int] = []
        while stack:
            node, visited = stack.pop()
            if not isinstance(node, tuple):
                ready.append(int(node))  # type: ignore[call-overload]
            elif visited:
                right, left = ready.pop(), ready.pop()
                yield left, right
                ready.append(count)
                count += 1
            else:
                stack += [(node, True), (node[1], False), (node[0], False)]
        numbers += ready
    while len(numbers) > 1:
        yield numbers[0], numbers[1]
        numbers = [count, *numbers[2:]]
        count += 1


def _greedy(search: _Search) -> Iterator[Pair]:
    """The cheapest pair at every turn."""
    alive = {i: (1 << i, search.kept(1 << i, mask)) for i, mask in enumerate(search.masks)}
    count = len(alive)
    while len(alive) > 1:
        candidates = []
        for i, (group_1, labels_1) in alive.items():
            for j, (group_2, labels_2) in alive.items():
                if i < j:
                    kept = search.kept(group_1 | group_2, labels_1 | labels_2)
                    grown = search.volume(kept) - search.volume(labels_1) - search.volume(labels_2)
                    apart = not labels_1 & labels_2
                    candidates.append(
                        (apart, grown, search.cost(group_1, labels_1, group_2, labels_2, kept), i, j, kept)
                    )
        *_, i, j, kept = min(candidates)
        yield i, j
        alive[count] = (alive.pop(i)[0] | alive.pop(j)[0], kept)
        count += 1
