"""`Parameter` and `Module`: tensors that are found by name, and trees of them."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, TypeVar

import numpy as np

from symgrad.autograd.tensor import Tensor

__all__ = ["Module", "ModuleList", "Parameter", "ParameterList", "Sequential"]

M = TypeVar("M", bound="Module")


class Parameter(Tensor):
    """A leaf that requires grad, also when it is made under `no_grad`; modules register it."""

    def __init__(self, data: Tensor | None = None, requires_grad: bool = True) -> None:
        if data is None:
            super().__init__()
        else:
            if not isinstance(data, Tensor):
                raise TypeError(
                    f"Parameter takes a tensor, not {type(data).__name__}: tensor(...) makes one"
                )
            self._data = data._data
            self._counter = data._counter
        if requires_grad and self._data.dtype.kind not in "fc":
            raise RuntimeError(
                "Only Tensors of floating point and complex dtype can require gradients"
            )
        self._requires = requires_grad

    def __deepcopy__(self, memo: dict[int, Any]) -> Parameter:
        return super().__deepcopy__(memo)


class Module:
    """A layer or a model: assign parameters and modules as attributes, define `forward`."""

    training: bool

    def __init__(self) -> None:
        state = self.__dict__
        state["_parameters"] = {}
        state["_buffers"] = {}
        state["_modules"] = {}
        state["_forward_hooks"] = {}
        state["training"] = True

    def forward(self, *inputs: Any, **named: Any) -> Any:
        """What the module computes; to be defined by the class."""
        raise NotImplementedError(
            f'Module [{type(self).__name__}] is missing the required "forward" function'
        )

    def __call__(self, *inputs: Any, **named: Any) -> Any:
        result = self.forward(*inputs, **named)
        for hook in self._forward_hooks.values():
            changed = hook(self, inputs, result)
            result = result if changed is None else changed
        return result

    # --- attributes ------------------------------------------------------------------------------

    def __setattr__(self, name: str, value: Any) -> None:
        groups = self.__dict__.get("_parameters")
        if groups is None:
            raise AttributeError("cannot assign before Module.__init__() has been called")
        if isinstance(value, Parameter):
            self._forget(name)
            self._parameters[name] = value
        elif isinstance(value, Module):
            self._forget(name)
            self._modules[name] = value
        elif name in self._parameters and value is not None:
            raise TypeError(
                f"cannot assign '{type(value).__name__}' as parameter '{name}' (torch.nn.Parameter "
                "or None expected)"
            )
        elif name in self._parameters:
            self._parameters[name] = None
        elif name in self._buffers:
            self._buffers[name] = value
        else:
            self._modules.pop(name, None)
            object.__setattr__(self, name, value)

    def _forget(self, name: str) -> None:
        self.__dict__.pop(name, None)
        for group in (self._parameters, self._modules, self._buffers):
            group.pop(name, None)

    def __getattr__(self, name: str) -> Any:
        for group in ("_parameters", "_modules", "_buffers"):
            found = self.__dict__.get(group, {})
            if name in found:
                return found[name]
        raise AttributeError(f"'{type(self).__name__}' object has no attribute '{name}'")

    def __delattr__(self, name: str) -> None:
        self._forget(name)

    def register_parameter(self, name: str, param: Parameter | None) -> None:
        """Registers a parameter, or that there is none."""
        self._parameters[name] = param

    def register_buffer(self, name: str, tensor: Tensor | None, persistent: bool = True) -> None:
        """A tensor that belongs to the state but is not learned."""
        self._buffers[name] = tensor

    def add_module(self, name: str, module: Module | None) -> None:
        """Registers a module under a name."""
        self._modules[name] = module

    def register_forward_hook(self, hook: Callable[..., Any]) -> Any:
        """Call hook(module, inputs, output) after `forward`; a result replaces the output."""
        from symgrad.autograd.nodes import RemovableHandle

        handle = RemovableHandle(self._forward_hooks)
        self._forward_hooks[handle.id] = hook
        return handle

    # --- the tree --------------------------------------------------------------------------------

    def named_modules(self, prefix: str = "") -> Iterator[tuple[str, Module]]:
        """The module itself and all below, each once."""
        seen: set[int] = set()
        stack: list[tuple[str, Module]] = [(prefix, self)]
        while stack:
            name, module = stack.pop()
            if id(module) in seen:
                continue
            seen.add(id(module))
            yield name, module
            below = [(k, m) for k, m in module._modules.items() if m is not None]
            stack.extend((f"{name}.{k}" if name else k, m) for k, m in reversed(below))

    def modules(self) -> Iterator[Module]:
        """The module itself and all below."""
        return (module for _, module in self.named_modules())

    def named_children(self) -> Iterator[tuple[str, Module]]:
        """The modules directly below."""
        return ((k, m) for k, m in self._modules.items() if m is not None)

    def children(self) -> Iterator[Module]:
        """The modules directly below."""
        return (module for _, module in self.named_children())

    def named_parameters(
        self, prefix: str = "", recurse: bool = True
    ) -> Iterator[tuple[str, Parameter]]:
        """Every parameter with its path, each once."""
        return self._named("_parameters", prefix, recurse)

    def named_buffers(self, prefix: str = "", recurse: bool = True) -> Iterator[tuple[str, Tensor]]:
        """Every buffer with its path."""
        return self._named("_buffers", prefix, recurse)

    def _named(self, group: str, prefix: str, recurse: bool) -> Iterator[tuple[str, Any]]:
        seen: set[int] = set()
        modules = self.named_modules(prefix) if recurse else iter([(prefix, self)])
        for path, module in modules:
            for name, value in module.__dict__[group].items():
                if value is not None and id(value) not in seen:
                    seen.add(id(value))
                    yield (f"{path}.{name}" if path else name), value

    def parameters(self, recurse: bool = True) -> Iterator[Parameter]:
        """Every parameter, each once."""
        return (parameter for _, parameter in self.named_parameters(recurse=recurse))

    def buffers(self, recurse: bool = True) -> Iterator[Tensor]:
        """Every buffer."""
        return (buffer for _, buffer in self.named_buffers(recurse=recurse))

    def apply(self: M, fn: Callable[[Module], None]) -> M:
        """Call a function on every module, children first."""
        for module in reversed(list(self.modules())):
            fn(module)
        return self

    # --- state -----------------------------------------------------------------------------------

    def zero_grad(self, set_to_none: bool = True) -> None:
        """Clears the gradients of the parameters: None, or zeros on request."""
        clear_gradients(self.parameters(), set_to_none)

    def requires_grad_(self: M, requires_grad: bool = True) -> M:
        """Freezes the parameters, or lets them learn again."""
        for parameter in self.parameters():
            parameter.requires_grad_(requires_grad)
        return self

    def train(self: M, mode: bool = True) -> M:
        """Training mode, here and below."""
        for module in self.modules():
            module.__dict__["training"] = mode
        return self

    def eval(self: M) -> M:
        """Evaluation mode, here and below."""
        return self.train(False)

    def to(self: M, *arguments: Any, **named: Any) -> M:
        """All parameters in another type."""
        for tensor in [*self.parameters(), *self.buffers()]:
            if tensor._data.dtype.kind == "f":
                tensor.data = tensor.detach().to(*arguments, **named)
        return self

    def double(self: M) -> M:
        """All parameters in float64."""
        return self.to("float64")

    def float(self: M) -> M:
        """All parameters in float32."""
        return self.to("float32")

    def state_dict(self) -> OrderedDict[str, Tensor]:
        """Parameters and buffers by path, sharing memory with the module."""
        entries = [*self.named_parameters(), *self.named_buffers()]
        return OrderedDict((name, tensor.detach()) for name, tensor in entries)

    def load_state_dict(self, state_dict: Mapping[str, Tensor], strict: bool = True) -> Any:
        """Copies values into parameters and buffers.

        Raises:
            RuntimeError: names or shapes do not fit.
        """
        own = dict([*self.named_parameters(), *self.named_buffers()])
        problems = []
        missing = [name for name in own if name not in state_dict]
        unexpected = [name for name in state_dict if name not in own]
        if strict and unexpected:
            problems.append(f"Unexpected key(s) in state_dict: {', '.join(unexpected)}.")
        if strict and missing:
            problems.append(f"Missing key(s) in state_dict: {', '.join(missing)}.")
        for name, tensor in own.items():
            if name in state_dict and state_dict[name]._data.shape != tensor._data.shape:
                problems.append(
                    f"size mismatch for {name}: copying a param with shape "
                    f"{state_dict[name].shape} from checkpoint, the shape in current model is "
                    f"{tensor.shape}."
                )
        if problems:
            title = type(self).__name__
            raise RuntimeError(
                f"Error(s) in loading state_dict for {title}:\n\t" + "\n\t".join(problems)
            )
        for name, tensor in own.items():
            if name in state_dict:
                np.copyto(tensor._data, state_dict[name]._data)
                tensor._counter[0] += 1
        return missing, unexpected

    # --- text ------------------------------------------------------------------------------------

    def extra_repr(self) -> str:
        """What the text of the module says besides its name."""
        return ""

    def __repr__(self) -> str:
        lines = [
            f"  ({name}): " + repr(module).replace("\n", "\n  ")
            for name, module in self.named_children()
        ]
        inner = self.extra_repr()
        if lines:
            inner = "\n" + "\n".join([*([f"  {inner}"] if inner else []), *lines]) + "\n"
        return f"{type(self).__name__}({inner})"


def clear_gradients(parameters: Iterable[Tensor], set_to_none: bool) -> None:
    """Gradients to None, or to zeros."""
    for parameter in parameters:
        if set_to_none:
            parameter._grad = None
        elif parameter._grad is not None:
            parameter._grad = parameter._grad.detach()
            parameter._grad.zero_()


class Sequential(Module):
    """Modules one after the other."""

    def __init__(self, *modules: Any) -> None:
        super().__init__()
        named = modules[0].items() if modules and isinstance(modules[0], Mapping) else None
        for name, module in named or ((str(k), m) for k, m in enumerate(modules)):
            self.add_module(name, module)

    def forward(self, input: Any) -> Any:
        for module in self._modules.values():
            input = module(input)
        return input

    def __len__(self) -> int:
        return len(self._modules)

    def __iter__(self) -> Iterator[Module]:
        return iter(self._modules.values())

    def __getitem__(self, index: int | slice) -> Any:
        found = list(self._modules.values())[index]
        return Sequential(*found) if isinstance(found, list) else found


class ModuleList(Sequential):
    """Modules in a list."""

    def __init__(self, modules: Iterable[Module] = ()) -> None:
        super().__init__(*modules)

    def append(self, module: Module) -> ModuleList:
        """Adds a module at the end."""
        self.add_module(str(len(self)), module)
        return self

    def forward(self, *inputs: Any) -> Any:
        raise NotImplementedError('Module [ModuleList] is missing the required "forward" function')


class ParameterList(Module):
    """Parameters in a list."""

    def __init__(self, parameters: Iterable[Parameter] = ()) -> None:
        super().__init__()
        for k, parameter in enumerate(parameters):
            self.register_parameter(str(k), parameter)

    def __len__(self) -> int:
        return len(self._parameters)

    def __iter__(self) -> Iterator[Parameter]:
        return iter(self._parameters.values())

    def __getitem__(self, index: int) -> Any:
        return list(self._parameters.values())[index]
