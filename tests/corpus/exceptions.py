"""Formulas that are not yet as they should be, by name and order, and why. These lists are to be emptied."""

DETERMINANT = "a determinant's derivative is kept as a cofactor matrix, which has a value where X is singular"
KRONECKER = "the reshapings of np.kron are not seen through"
EXPONENTIAL = "the second derivative of the matrix exponential is an operator"

# Written with indices where the textbook has none.
WITH_INDICES: dict[tuple[str, int], str] = {
    ("trace_exponential", 2): EXPONENTIAL,
    ("trace_kronecker", 1): KRONECKER,
    ("trace_kronecker_square", 1): KRONECKER,
    ("trace_kronecker_square", 2): KRONECKER,
}

# Longer than twice the textbook's formula.
LONG: dict[tuple[str, int], str] = {
    ("determinant_of_power", 1): DETERMINANT,
    ("determinant_of_square_form", 1): DETERMINANT,
    ("log_abs_det", 1): DETERMINANT,
    ("log_abs_det", 2): DETERMINANT,
    ("log_det_spd", 1): DETERMINANT,
    ("log_det_spd", 2): DETERMINANT,
    ("trace_square", 2): "(I ⊗ I)K is not written K",
}
