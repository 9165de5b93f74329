"""Formulas that are not yet as they should be, by name and order, and why. These lists are to be emptied."""

DISTANCES = "the distances of all pairs of rows have no matrix notation"
KRONECKER = "the reshapings of np.kron are not seen through"
PRODUCT = "a product of all entries but one is not written as a quotient, which has no value at zero"

# Refused.
REFUSED: dict[tuple[str, int], str] = {}

# Formulas of textbooks that are not read: this library's ⊗ of matrices is a tensor of order 4.
UNREAD: frozenset[tuple[str, int]] = frozenset(
    {("kronecker_left", 1), ("kronecker_of_vectors", 1), ("kronecker_square", 1)}
)

# Written with indices where the textbook has none.
WITH_INDICES: dict[tuple[str, int], str] = {
    ("alpine", 2): PRODUCT,
    ("griewank", 2): PRODUCT,
    ("kronecker_left", 1): KRONECKER,
    ("kronecker_of_vectors", 1): KRONECKER,
    ("kronecker_square", 1): KRONECKER,
    ("maximum_mean_discrepancy", 2): DISTANCES,
    ("mixture_means", 2): DISTANCES,
    ("soft_k_means", 2): DISTANCES,
    ("soft_spheres", 2): DISTANCES,
    ("stress", 2): DISTANCES,
    ("student_neighbours", 2): DISTANCES,
}

# Longer than twice the textbook's formula.
LONG: dict[tuple[str, int], str] = {}
