"""symgrad from Python: compile a function, or wrap it so that it is compiled on the first call."""

from __future__ import annotations

import hashlib
import inspect
import threading
from collections.abc import Callable, Collection, Mapping
from dataclasses import replace
from functools import update_wrapper
from typing import Any

import numpy as np

from symgrad.capture import CapturedModel, MarkedProgram, capture
from symgrad.codegen import Target
from symgrad.derivatives import PRODUCTS
from symgrad.driver import Timings, cuda_options, derive
from symgrad.driver import emit as emit_text
from symgrad.modules import Module, load
from symgrad.nesting import is_nested, nested_call
from symgrad.program import DType
from symgrad.schedule.cuda_plan import CudaOptions

__all__ = [
    "Module",
    "compile",
    "grad",
    "hessian",
    "hessian_diagonal",
    "hvp",
    "jacobian",
    "jacobian_sparse",
    "jvp",
    "value_and_grad",
    "value_grad_hessian",
    "vjp",
]

Function = Callable[..., Any]


def compile(
    function: Function | MarkedProgram,
    *,
    wrt: str | tuple[str, ...] | None = None,
    shapes: Mapping[str, str] | None = None,
    target: Target = "cpu",
    dtype: DType | None = None,
    without: Collection[str] = (),
    emit: Collection[str] = (),
    order: int | None = None,
    atomics: bool = False,
    cublas: bool = False,
) -> Module:
    """The generated module of a function: what `symgrad compile` writes, imported here.

    Args:
        function: a Python function over NumPy names, marked with `@program` or not.
        wrt: arguments to differentiate by; every floating one if left out. A single name makes
            gradients bare arrays, a tuple of names makes them a NamedTuple.
        shapes: `{"X": "f64[n, d]"}` for arguments without annotations.
        target: `"cpu"` for Numba kernels, `"numpy"` for array statements, `"cuda"` for a GPU.
        dtype: overrides the type of every floating argument.
        without: names of simplification passes to leave out.
        emit: further functions: `"jvp"`, `"hvp"`, `"hessian"`, `"hessian_diagonal"`,
            `"value_grad_hessian"`, `"jacobian"`, `"jacobian_sparse"`.
        order: 2 emits what second order methods need; by default that of the mark.
        atomics: for the target cuda: sums over the values of an index array are added by atomics,
            without sorting it; their last bits may then differ from call to call.
        cublas: for the target cuda: large products of matrices are left to cuBLAS, and linear
            algebra of large ones to cuSOLVER, through CuPy.

    Raises:
        ModelError: annotations are missing or wrong, `wrt` does not fit, or an option is for
            another target.
        CaptureError: an operation cannot be captured.

    >>> import numpy as np, symgrad
    >>> def energy(x): return np.sum(x**2)
    >>> module = symgrad.compile(energy, shapes={"x": "f64[n]"}, target="numpy")
    >>> module.energy_grad(np.array([1.0, 2.0])).x
    array([2., 4.])
    """
    plain, marked_wrt = _unwrap(function)
    model = capture(plain, wrt=marked_wrt if wrt is None else wrt, shapes=shapes, dtype=dtype)
    marked = function if isinstance(function, MarkedProgram) else MarkedProgram(plain)
    chosen = marked.order if order is None else order
    cuda = cuda_options(target, atomics, cublas)
    return _build(model, plain, target, without, (*marked.emit, *emit), chosen, cuda)


def _unwrap(
    function: Function | MarkedProgram,
) -> tuple[Function, str | tuple[str, ...] | None]:
    if isinstance(function, MarkedProgram):
        return function.function, function.wrt
    return function, None


def _build(
    model: CapturedModel,
    function: Function,
    target: Target,
    without: Collection[str],
    products: tuple[str, ...] = (),
    order: int = 1,
    cuda: CudaOptions | None = None,
) -> Module:
    timings = Timings()
    derived = derive(model, without, timings, products=products, order=order)
    try:
        text = inspect.getsource(function)
    except (OSError, TypeError):
        text = repr(model.program)
    digest = hashlib.sha256(text.encode()).hexdigest()
    source = emit_text(
        (derived,),
        source=model.source,
        digest=digest,
        target=target,
        options=_describe(target, without, cuda),
        timings=timings,
        cuda=cuda,
    )
    return load(derived, source)


def _describe(target: Target, without: Collection[str], cuda: CudaOptions | None) -> str:
    parts = [f"target {target}"]
    parts.extend(n for n in ("atomics", "cublas") if cuda is not None and getattr(cuda, n))
    parts.extend([f"without {', '.join(sorted(without))}"] if without else [])
    return ", ".join(parts)


class _Compiled:
    """A function that is compiled for the kinds of arguments it is first called with."""

    def __init__(
        self,
        function: Function | MarkedProgram,
        suffix: str,
        wrt: str | tuple[str, ...] | None,
        target: Target,
    ) -> None:
        self.function, marked_wrt = _unwrap(function)
        self.wrt = marked_wrt if wrt is None else wrt
        # Of a derivative: it may well be constant, so that the next one is 0.
        self.again = isinstance(self.function, _Compiled)
        self.products = (suffix,) if suffix in PRODUCTS else ()
        self.suffix = suffix
        self.target: Target = target
        self.modules: dict[object, Module] = {}
        self.lock = threading.Lock()
        self.signature = inspect.signature(self.function)
        empty = inspect.Parameter.empty
        needed = [p.name for p in self.signature.parameters.values() if p.default is empty]
        if self.wrt is None and len(needed) == 1:
            (self.wrt,) = needed  # the only argument: no tuple of one
        update_wrapper(self, self.function, updated=())  # not the state of another wrapper

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        own, extra, options = self._split(args, kwargs)
        if is_nested((*own.values(), *extra)):
            return nested_call(self.function, self.wrt, self.suffix, own, extra, self.again)
        module = self._find(own)
        arrays = [own[name] for name in module.arguments if name in own]
        return getattr(module, f"{module.name}_{self.suffix}")(*arrays, *extra, **options)

    def _repr_latex_(self) -> str | None:
        """The formulas of the module that was compiled last, for notebooks."""
        return next(reversed(self.modules.values()))._repr_latex_() if self.modules else None

    def _repr_html_(self) -> str | None:
        """The formulas of the module that was compiled last, for notebooks."""
        return next(reversed(self.modules.values()))._repr_html_() if self.modules else None

    def module(self, *args: Any, **kwargs: Any) -> Module:
        """The module that a call with these arguments would run."""
        return self._find(self._split(args, kwargs)[0])

    def _split(
        self, args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> tuple[Mapping[str, Any], tuple[Any, ...], dict[str, Any]]:
        """The function's own arguments by name, what follows them, and keyword options."""
        parameters = self.signature.parameters
        named = {name: value for name, value in kwargs.items() if name in parameters}
        options = {name: value for name, value in kwargs.items() if name not in parameters}
        count = len(parameters) - len(named)
        bound = self.signature.bind(*args[:count], **named)
        return bound.arguments, args[count:], options

    def _find(self, own: Mapping[str, Any]) -> Module:
        key = tuple((name, self._kind(name, value)) for name, value in own.items())
        module = self.modules.get(key)
        if module is None:
            with self.lock:
                module = self.modules.get(key) or self._compile(own)
                self.modules[key] = module
        return module

    def _kind(self, name: str, value: Any) -> object:
        """What of an argument decides the program: its type, and which axes have length 1.

        A number given for a parameter with a default is a constant of the program.
        """
        array = np.asarray(value)
        has_default = self.signature.parameters[name].default is not inspect.Parameter.empty
        if has_default and not isinstance(value, np.ndarray):
            return repr(value)
        return (array.dtype.str, tuple(length == 1 for length in array.shape))

    def _compile(self, arguments: Mapping[str, Any]) -> Module:
        model = capture(self.function, wrt=self.wrt, examples=arguments)
        if self.again:
            model = replace(model, named_wrt=False)
        return _build(model, self.function, self.target, (), self.products)


def _wrapper(
    suffix: str,
    function: Function | MarkedProgram | None,
    wrt: str | tuple[str, ...] | None,
    target: Target,
) -> Any:
    if function is None:
        return lambda f: _Compiled(f, suffix, wrt, target)
    return _Compiled(function, suffix, wrt, target)


def value_and_grad(
    function: Function | MarkedProgram | None = None,
    *,
    wrt: str | tuple[str, ...] | None = None,
    target: Target = "cpu",
) -> Any:
    """`(f(x), ∂f/∂x)` of a scalar function, as a function; also a decorator.

    Compiled on the first call. Shapes come from annotations, or from the first arguments: each
    length becomes a size of its own, so that one compilation serves every size.

    >>> import numpy as np, symgrad
    >>> f = symgrad.value_and_grad(lambda x: np.sum(np.sin(x)), wrt="x", target="numpy")
    >>> f(np.zeros(2))
    (np.float64(0.0), array([1., 1.]))
    """
    return _wrapper("value_and_grad", function, wrt, target)


def grad(
    function: Function | MarkedProgram | None = None,
    *,
    wrt: str | tuple[str, ...] | None = None,
    target: Target = "cpu",
) -> Any:
    """`∂f/∂x` of a scalar function, as a function; see `value_and_grad`."""
    return _wrapper("grad", function, wrt, target)


def vjp(
    function: Function | MarkedProgram | None = None,
    *,
    wrt: str | tuple[str, ...] | None = None,
    target: Target = "cpu",
) -> Any:
    """`(f(x), Ȳ·∂f/∂x)` for a cotangent Ȳ passed after the arguments; see `value_and_grad`."""
    return _wrapper("vjp", function, wrt, target)


def jvp(
    function: Function | MarkedProgram | None = None,
    *,
    wrt: str | tuple[str, ...] | None = None,
    target: Target = "cpu",
) -> Any:
    """`(f(x), ∂f/∂x·ẋ)` for a tangent ẋ passed after the arguments; see `value_and_grad`.

    >>> import numpy as np, symgrad
    >>> f = symgrad.jvp(lambda x: np.sin(x), target="numpy")
    >>> f(np.zeros(2), np.array([1.0, 3.0]))
    (array([0., 0.]), array([1., 3.]))
    """
    return _wrapper("jvp", function, wrt, target)


def hvp(
    function: Function | MarkedProgram | None = None,
    *,
    wrt: str | tuple[str, ...] | None = None,
    target: Target = "cpu",
) -> Any:
    """`∂²f/∂x²·v` of a scalar function for a vector v passed after the arguments.

    The cost is that of a few gradients: the Hessian is never formed.

    >>> import numpy as np, symgrad
    >>> f = symgrad.hvp(lambda x: np.sum(x**3), target="numpy")
    >>> f(np.array([1.0, 2.0]), np.array([1.0, 1.0]))
    array([ 6., 12.])
    """
    return _wrapper("hvp", function, wrt, target)


def hessian(
    function: Function | MarkedProgram | None = None,
    *,
    wrt: str | tuple[str, ...] | None = None,
    target: Target = "cpu",
) -> Any:
    """`∂²f/∂x²` of a scalar function, stored by its structure: see `symgrad.structures`.

    With several arguments in `wrt` the result holds a block for each pair of them: `H["U", "V"]`.

    >>> import numpy as np, symgrad
    >>> H = symgrad.hessian(lambda x: np.sum(x**3), target="numpy")(np.array([1.0, 2.0]))
    >>> H
    <Diagonal (2,) x (2,)>
    >>> H.solve(np.array([6.0, 6.0]))
    array([1. , 0.5])
    """
    return _wrapper("hessian", function, wrt, target)


def hessian_diagonal(
    function: Function | MarkedProgram | None = None,
    *,
    wrt: str | tuple[str, ...] | None = None,
    target: Target = "cpu",
) -> Any:
    """`∂²f/∂x_i²` of a scalar function for each element alone, an array like the gradient.

    >>> import numpy as np, symgrad
    >>> f = symgrad.hessian_diagonal(lambda x: np.sum(x) ** 2, target="numpy")
    >>> f(np.ones(3))
    array([2., 2., 2.])
    """
    return _wrapper("hessian_diagonal", function, wrt, target)


def value_grad_hessian(
    function: Function | MarkedProgram | None = None,
    *,
    wrt: str | tuple[str, ...] | None = None,
    target: Target = "cpu",
) -> Any:
    """`(f(x), ∂f/∂x, ∂²f/∂x²)` of a scalar function, from shared subexpressions.

    >>> import numpy as np, symgrad
    >>> f = symgrad.value_grad_hessian(lambda x: np.sum(x**2), target="numpy")
    >>> f(np.array([1.0, 2.0]))
    (np.float64(5.0), array([2., 4.]), <Diagonal (2,) x (2,)>)
    """
    return _wrapper("value_grad_hessian", function, wrt, target)


def jacobian(
    function: Function | MarkedProgram | None = None,
    *,
    wrt: str | tuple[str, ...] | None = None,
    target: Target = "cpu",
) -> Any:
    """`∂f/∂x` of each output by each argument, stored by its structure.

    Forward or reverse accumulation, whichever needs fewer operations.

    >>> import numpy as np, symgrad
    >>> J = symgrad.jacobian(lambda x: np.diff(x), target="numpy")(np.ones(3))
    >>> J.to_dense()
    array([[-1.,  1.,  0.],
           [ 0., -1.,  1.]])
    """
    return _wrapper("jacobian", function, wrt, target)


def jacobian_sparse(
    function: Function | MarkedProgram | None = None,
    *,
    wrt: str | tuple[str, ...] | None = None,
    target: Target = "cpu",
) -> Any:
    """`∂f/∂(x, x', …)` as compressed rows over the flattened arguments, one after the other.

    >>> import numpy as np, symgrad
    >>> f = symgrad.jacobian_sparse(lambda x: x * x, target="numpy")
    >>> f(np.array([1.0, 2.0])).to_scipy().toarray()
    array([[2., 0.],
           [0., 4.]])
    """
    return _wrapper("jacobian_sparse", function, wrt, target)
