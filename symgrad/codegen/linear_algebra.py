"""Matrix operations as calls of NumPy, on the host, between kernels."""

from __future__ import annotations

from symgrad.program.definitions import SOLVES
from symgrad.schedule.frozen import FrozenMatrixOperation

__all__ = ["matrix_call", "matrix_line", "operation_text", "reads_upper"]

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
    call = matrix_call(statement, program, ranks, helpers, statement.operands)
    return f"{statement.name} = {call}"


def matrix_call(
    statement: FrozenMatrixOperation,
    program: str,
    ranks: dict[str, int],
    helpers: dict[str, None],
    operands: tuple[str, ...],
) -> str:
    """The call of NumPy for the texts of its operands; other arguments as for `matrix_line`."""
    s = statement
    matrix, *right = operands
    rank = ranks[s.operands[0]]
    if s.transposed:
        matrix = f"{matrix}.T" if rank == 2 else f"np.swapaxes({matrix}, -1, -2)"
    text = _function(s, helpers)
    if s.routine not in _FALLIBLE:
        call = text.format(matrix)
        return call if s.shape or rank > 2 else f"np.reshape({call}, (1,))"
    arguments = ", ".join((operation_text(s, program), text, matrix, *right))
    plain = not right or (len(s.shape) == 1 if s.vector else len(s.shape) == 2)
    if plain:
        helpers.setdefault("linear_algebra/attempt")
        return f"_attempt({arguments})"
    helpers.setdefault("linear_algebra/solve_batch")
    return f"_solve_batch({arguments}, {s.vector})"


def operation_text(statement: FrozenMatrixOperation, program: str) -> str:
    """What is computed and where, quoted, for messages of errors."""
    line = f", line {statement.line} of the model" if statement.line else ""
    return f"\"{program}: {statement.routine} of '{statement.operands[0]}'{line}\""


def reads_upper(statement: FrozenMatrixOperation) -> bool:
    """Whether a triangular solve reads the upper triangle of its, perhaps transposed, matrix."""
    return statement.transposed == (statement.routine == "solve_lower")


def _function(statement: FrozenMatrixOperation, helpers: dict[str, None]) -> str:
    """The routine's name, or for one that cannot fail, its call."""
    match statement.routine:
        case "solve_lower" | "solve_upper":
            name = "solve_upper" if reads_upper(statement) else "solve_lower"
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
