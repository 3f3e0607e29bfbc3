"""Matrix operations as calls of NumPy, on the host, between kernels."""

from __future__ import annotations

from symgrad.program.definitions import SOLVES
from symgrad.schedule.frozen import FrozenMatrixOperation

__all__ = ["matrix_line"]

_FUNCTIONS = {
    "inverse": "np.linalg.inv",
    "solve": "np.linalg.solve",
    "cholesky": "np.linalg.cholesky",
}
_FALLIBLE = ("inverse", "cholesky", *SOLVES)  # these raise where a matrix has no such result


def matrix_line(
    statement: FrozenMatrixOperation, program: str, ranks: dict[str, int], helpers: dict[str, None]
) -> str:
    """`C = np.linalg.inv(A)` and its like, with an error that names the line of the model.

    Args:
        statement: what is printed.
        program: the function that is generated, for messages.
        ranks: number of axes of each array.
        helpers: receives the names of the helper functions that the line calls.
    """
    s = statement
    matrix, *right = s.operands
    rank = ranks[matrix]
    if s.transposed:
        matrix = f"{matrix}.T" if rank == 2 else f"np.swapaxes({matrix}, -1, -2)"
    upper = s.transposed == (s.routine == "solve_lower")
    text = _function(s, upper, helpers)
    if s.routine not in _FALLIBLE:
        call = text.format(matrix)
        return f"{s.name} = {call if s.shape or rank > 2 else f'np.reshape({call}, (1,))'}"
    line = f", line {s.line} of the model" if s.line else ""
    where = f"\"{program}: {s.routine} of '{s.operands[0]}'{line}\""
    arguments = ", ".join((where, text, matrix, *right))
    plain = not right or (len(s.shape) == 1 if s.vector else len(s.shape) == 2)
    if plain:
        helpers.setdefault("linear_algebra/attempt")
        return f"{s.name} = _attempt({arguments})"
    helpers.setdefault("linear_algebra/solve_batch")
    return f"{s.name} = _solve_batch({arguments}, {s.vector})"


def _function(statement: FrozenMatrixOperation, upper: bool, helpers: dict[str, None]) -> str:
    """The routine's name, or for one that cannot fail, its call."""
    match statement.routine:
        case "solve_lower" | "solve_upper":
            name = "solve_upper" if upper else "solve_lower"
            helpers.setdefault(f"linear_algebra/{name}")
            return f"_{name}"
        case "log_abs_determinant":
            return "np.linalg.slogdet({})[1]"
        case "determinant_sign":
            return "np.linalg.slogdet({})[0]"
        case "log_determinant" | "cofactors":
            helpers.setdefault(f"linear_algebra/{statement.routine}")
            return f"_{statement.routine}({{}})"
        case "determinant":
            return "np.linalg.det({})"
        case routine:
            return _FUNCTIONS[routine]
