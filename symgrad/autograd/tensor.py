"""`Tensor`: an array with a place in the recorded graph.

The operations are functions of the modules beside this one; `methods` makes them methods.
"""

from __future__ import annotations

import warnings
import weakref
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from symgrad.autograd.dtypes import as_numpy, default_numpy, dtype, dtype_of
from symgrad.autograd.modes import MODES
from symgrad.autograd.protocols import PythonProtocols, refuse_tracing

if TYPE_CHECKING:
    from symgrad.autograd.nodes import AccumulateGrad, Node, RemovableHandle

__all__ = ["Size", "Tensor", "data_of", "refuse_tracing", "wrap"]

Array = np.ndarray


class Size(tuple[int, ...]):
    """The shape of a tensor."""

    __slots__ = ()

    def numel(self) -> int:
        """The number of elements."""
        return int(np.prod(self, dtype=np.int64))

    def __repr__(self) -> str:
        return f"symgrad.Size({list(self)})"


class Tensor(PythonProtocols):
    """Values with a gradient.

    `Tensor([1, 2])` and `Tensor(2, 3)` are of the default type, as in torch; `tensor(...)` infers
    the type.

    Attributes below are the engine's own: `_edge` leads into the graph, `_counter` counts changes
    (one list for all tensors of the same memory), `_base` and `_chain` say how a view was made.
    """

    _data: Array
    _counter: list[int]
    _edge: Any = None
    _requires: bool = False
    _alias: Any = None
    _grad: Tensor | None = None
    _hooks: dict[int, Any] | None = None
    _post_hooks: dict[int, Any] | None = None
    _retains: bool = False
    _inference: bool = False
    _base: Tensor | None = None
    _chain: tuple[Any, ...] = ()
    _seen: int = 0
    _generation: int = 0
    _accumulator: weakref.ref[AccumulateGrad] | None = None
    __array_priority__ = 1000

    def __new__(cls, *arguments: Any, **named: Any) -> Any:
        self = object.__new__(cls)
        self._counter = [0]
        return self

    def __init__(self, *arguments: Any, **named: Any) -> None:
        if len(arguments) == 1 and not isinstance(arguments[0], (int, np.integer)):
            given = arguments[0]
            if isinstance(given, Tensor):
                self._data = given._data
                self._counter = given._counter
                return
            if isinstance(given, Size):
                self._data = np.zeros(given, default_numpy())
                return
            self._data = np.array(given, default_numpy())
            return
        self._data = np.zeros([int(n) for n in arguments] or (0,), default_numpy())

    if TYPE_CHECKING:

        def __getattr__(self, name: str) -> Any: ...
        def __getitem__(self, key: Any) -> Tensor: ...
        def __setitem__(self, key: Any, value: Any) -> None: ...
        def __neg__(self) -> Tensor: ...
        def __add__(self, other: Any) -> Tensor: ...
        def __radd__(self, other: Any) -> Tensor: ...
        def __sub__(self, other: Any) -> Tensor: ...
        def __rsub__(self, other: Any) -> Tensor: ...
        def __mul__(self, other: Any) -> Tensor: ...
        def __rmul__(self, other: Any) -> Tensor: ...
        def __truediv__(self, other: Any) -> Tensor: ...
        def __rtruediv__(self, other: Any) -> Tensor: ...
        def __pow__(self, other: Any) -> Tensor: ...
        def __matmul__(self, other: Any) -> Tensor: ...
        def __rmatmul__(self, other: Any) -> Tensor: ...

    # --- what it is ------------------------------------------------------------------------------

    @property
    def data(self) -> Tensor:
        """The values without graph; edits of them are not noticed."""
        result = wrap(self._data)
        return result

    @data.setter
    def data(self, value: Tensor) -> None:
        if not isinstance(value, Tensor):
            raise TypeError(f"Variable data has to be a tensor, but got {type(value).__name__}")
        self._data = value._data

    @property
    def shape(self) -> Size:
        return Size(self._data.shape)

    @property
    def dtype(self) -> dtype:
        return dtype_of(self._data)

    @property
    def ndim(self) -> int:
        return self._data.ndim

    @property
    def is_leaf(self) -> bool:
        """Whether no recorded operation made it."""
        self._refresh()
        return self._edge is None

    @property
    def requires_grad(self) -> bool:
        self._refresh()
        return self._requires or self._edge is not None or self._alias is not None

    @requires_grad.setter
    def requires_grad(self, value: bool) -> None:
        self._refresh()
        if self._edge is not None:
            text = "you can only change requires_grad flags of leaf variables."
            if not value:
                text += (
                    " If you want to use a computed variable in a subgraph that doesn't require "
                    "differentiation use var_no_grad = var.detach()."
                )
            raise RuntimeError(text)
        if value and self._data.dtype.kind not in "fc":
            raise RuntimeError("only Tensors of floating point dtype can require gradients")
        self._requires = bool(value)

    def requires_grad_(self, requires_grad: bool = True) -> Tensor:
        """Sets `requires_grad` in place and returns the tensor."""
        if not (requires_grad and self.requires_grad):
            self.requires_grad = requires_grad
        return self

    @property
    def grad_fn(self) -> Node | None:
        """The node that made the tensor, None for a leaf."""
        self._refresh()
        return None if self._edge is None else self._edge[0]

    @property
    def _version(self) -> int:
        """How often the memory has been changed in place."""
        return self._counter[0]

    @property
    def output_nr(self) -> int:
        """Which output of its node the tensor is."""
        return 0 if self._edge is None else int(self._edge[1])

    @property
    def _is_view_of_leaf(self) -> bool:
        base = self._base
        return base is not None and base._requires and base._edge is None

    def _refresh(self) -> None:
        """A view of a tensor that was changed in place gets its node from the changed base."""
        base = self._base
        if base is None or self._seen == base._generation:
            return
        self._seen = base._generation
        from symgrad.autograd.views import replay

        before = MODES.enabled
        MODES.enabled = True
        try:
            self._edge = replay(base, self._chain)._edge
        finally:
            MODES.enabled = before

    # --- gradient --------------------------------------------------------------------------------

    @property
    def grad(self) -> Tensor | None:
        """The accumulated gradient of a leaf, None before the first backward."""
        if self._grad is None and not self._retains and self._edge is not None:
            warnings.warn(
                "The .grad attribute of a Tensor that is not a leaf Tensor is being accessed. Its "
                ".grad attribute won't be populated during autograd.backward(). If you indeed want "
                "the .grad field to be populated for a non-leaf Tensor, use .retain_grad() on the "
                "non-leaf Tensor.",
                UserWarning,
                stacklevel=2,
            )
        return self._grad

    @grad.setter
    def grad(self, value: Tensor | None) -> None:
        if value is None:
            self._grad = None
            return
        if not isinstance(value, Tensor):
            raise TypeError(
                "assigned grad expected to be a Tensor or None but got grad of type "
                f"{type(value).__name__}"
            )
        if value is self:
            raise RuntimeError("can't assign Variable as its own grad")
        if value._data.shape != self._data.shape:
            raise RuntimeError(
                f"assigned grad has data of a different size: {list(value._data.shape)} for a "
                f"tensor of {list(self._data.shape)}"
            )
        if value._data.dtype != self._data.dtype:
            raise RuntimeError(
                f"assigned grad has data of a different type: {value.dtype} for a tensor of "
                f"{self.dtype}"
            )
        self._grad = value

    @grad.deleter
    def grad(self) -> None:
        self._grad = None

    def backward(
        self,
        gradient: Tensor | None = None,
        retain_graph: bool | None = None,
        create_graph: bool = False,
        inputs: Sequence[Tensor] | Tensor | None = None,
    ) -> None:
        """Adds ∂(Σ gradient·self)/∂leaf to the `.grad` of every leaf; see `autograd.backward`."""
        from symgrad.autograd.backward import backward

        given = None if gradient is None else (gradient,)
        backward(self, given, retain_graph, create_graph, inputs=inputs)

    def retain_grad(self) -> None:
        """Keep `.grad` also for this result."""
        self._refresh()
        if not self.requires_grad:
            raise RuntimeError("can't retain_grad on Tensor that has requires_grad=False")
        if self._edge is None or self._retains:
            return
        self._retains = True
        node, index = self._edge
        if node.retained is None:
            node.retained = {}
        node.retained[index] = weakref.ref(self)

    @property
    def retains_grad(self) -> bool:
        """Whether `retain_grad` was called on this result."""
        return self._retains

    def register_hook(self, hook: Callable[[Tensor], Tensor | None]) -> RemovableHandle:
        """Call hook(gradient) whenever a backward reaches this tensor; a returned tensor replaces.

        Raises:
            RuntimeError: the tensor does not require grad.
        """
        from symgrad.autograd.nodes import RemovableHandle

        if not self.requires_grad:
            raise RuntimeError("cannot register a hook on a tensor that doesn't require gradient")
        if self._edge is None:
            if self._hooks is None:
                self._hooks = {}
            hooks = self._hooks
        else:
            node, index = self._edge
            if node.hooks is None:
                node.hooks = {}
            hooks = node.hooks.setdefault(index, {})
        handle = RemovableHandle(hooks)
        hooks[handle.id] = hook
        return handle

    def register_post_accumulate_grad_hook(self, hook: Callable[[Tensor], None]) -> RemovableHandle:
        """Call hook(tensor) after a backward has added to this leaf's `.grad`."""
        from symgrad.autograd.nodes import RemovableHandle

        if not self.requires_grad:
            raise RuntimeError("cannot register a hook on a tensor that doesn't require gradient")
        if self._edge is not None:
            raise RuntimeError(
                "post accumulate grad hooks cannot be registered on non-leaf tensors"
            )
        if self._post_hooks is None:
            self._post_hooks = {}
        handle = RemovableHandle(self._post_hooks)
        self._post_hooks[handle.id] = hook
        return handle

    def detach(self) -> Tensor:
        """The same memory as a leaf without grad; changes of it are counted."""
        result = wrap(self._data)
        result._counter = self._counter
        return result

    def detach_(self) -> Tensor:
        """Cuts this tensor off from its history and returns it."""
        if self._base is not None:
            raise RuntimeError(
                "Can't detach views in-place. Use detach() instead. If you are using "
                "DistributedDataParallel (DDP) for training, and gradients of views are needed, "
                "use the base tensor."
            )
        self._edge = None
        self._requires = False
        self._retains = False
        return self


def wrap(data: Array) -> Tensor:
    """A tensor of an array, without history."""
    result: Tensor = _new(Tensor)
    result._data = data
    result._counter = [0]
    if MODES.inference:
        result._inference = True
    return result


_new: Callable[[type[Tensor]], Tensor] = object.__new__


def data_of(value: Any, kind: Any = None) -> Any:
    """The array behind a tensor; anything else as NumPy takes it."""
    array = value._data if isinstance(value, Tensor) else np.asarray(value)
    return array if kind is None else array.astype(as_numpy(kind), copy=False)
