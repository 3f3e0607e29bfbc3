"""Optimisers: SGD with momentum, Adam, AdamW, RMSprop and Adagrad, as torch's compute them."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from typing import Any

import numpy as np

from symgrad.autograd.modes import enable_grad, no_grad
from symgrad.autograd.tensor import Tensor
from symgrad.nn.modules import clear_gradients

__all__ = ["SGD", "Adagrad", "Adam", "AdamW", "Optimizer", "RMSprop"]

Array = np.ndarray


class Optimizer:
    """Parameters in groups of equal options, and a state for each of them."""

    def __init__(self, params: Any, defaults: dict[str, Any]) -> None:
        if isinstance(params, Tensor):
            raise TypeError(
                "params argument given to the optimizer should be an iterable of Tensors or dicts, "
                "but got a tensor: pass [tensor]"
            )
        given = list(params)
        if not given:
            raise ValueError("optimizer got an empty parameter list")
        groups = given if isinstance(given[0], dict) else [{"params": given}]
        self.defaults = defaults
        self.state: dict[Tensor, dict[str, Any]] = {}
        self.param_groups: list[dict[str, Any]] = []
        for group in groups:
            self.add_param_group(group)

    def add_param_group(self, group: dict[str, Any]) -> None:
        """More parameters, with options of their own.

        Raises:
            ValueError: a parameter is the result of an operation.
        """
        chosen = group["params"]
        parameters = [chosen] if isinstance(chosen, Tensor) else list(chosen)
        for parameter in parameters:
            if not isinstance(parameter, Tensor):
                raise TypeError(
                    "optimizer can only optimize Tensors, but one of the params is "
                    f"{type(parameter).__name__}"
                )
            if not parameter.is_leaf:
                raise ValueError("can't optimize a non-leaf Tensor")
        self.param_groups.append({**self.defaults, **group, "params": parameters})

    def zero_grad(self, set_to_none: bool = True) -> None:
        """Clears the gradients of the parameters: None, or zeros on request."""
        for group in self.param_groups:
            clear_gradients(group["params"], set_to_none)

    def step(self, closure: Callable[[], Any] | None = None) -> Any:
        """One update of every parameter that has a gradient."""
        loss = None
        if closure is not None:
            with enable_grad():
                loss = closure()
        with no_grad():
            for group in self.param_groups:
                for parameter in group["params"]:
                    if parameter._grad is not None:
                        self.update(parameter, parameter._grad._data, group)
                        parameter._counter[0] += 1
        return loss

    def update(self, parameter: Tensor, gradient: Array, group: dict[str, Any]) -> None:
        """The update of one parameter, in place."""
        raise NotImplementedError

    def state_dict(self) -> dict[str, Any]:
        """The options and states, by position of the parameter."""
        order = [p for group in self.param_groups for p in group["params"]]
        return {
            "state": {k: dict(self.state.get(p, {})) for k, p in enumerate(order)},
            "param_groups": [
                {k: v for k, v in group.items() if k != "params"} for group in self.param_groups
            ],
        }

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Options and states of another optimiser of the same parameters."""
        order = [p for group in self.param_groups for p in group["params"]]
        self.state = {p: dict(state_dict["state"].get(k, {})) for k, p in enumerate(order)}
        for group, options in zip(self.param_groups, state_dict["param_groups"], strict=True):
            group.update(options)


class SGD(Optimizer):
    """v ← μ·v + (1 − τ)·g,  p ← p − lr·v;  with nesterov p ← p − lr·(g + μ·v)."""

    def __init__(
        self,
        params: Any,
        lr: float = 1e-3,
        momentum: float = 0.0,
        dampening: float = 0.0,
        weight_decay: float = 0.0,
        nesterov: bool = False,
        *,
        maximize: bool = False,
    ) -> None:
        if lr < 0:
            raise ValueError(f"Invalid learning rate: {lr}")
        if nesterov and (momentum <= 0 or dampening != 0):
            raise ValueError("Nesterov momentum requires a momentum and zero dampening")
        super().__init__(
            params,
            {
                "lr": lr, "momentum": momentum, "dampening": dampening,
                "weight_decay": weight_decay, "nesterov": nesterov, "maximize": maximize,
            },
        )  # fmt: skip

    def update(self, parameter: Tensor, gradient: Array, group: dict[str, Any]) -> None:
        data = parameter._data
        step = -gradient if group["maximize"] else gradient
        if group["weight_decay"]:
            step = step + group["weight_decay"] * data
        momentum = group["momentum"]
        if momentum:
            state = self.state.setdefault(parameter, {})
            velocity = state.get("momentum_buffer")
            if velocity is None:
                velocity = state["momentum_buffer"] = np.array(step)
            else:
                velocity *= momentum
                velocity += (1 - group["dampening"]) * step
            step = step + momentum * velocity if group["nesterov"] else velocity
        data -= group["lr"] * step


class Adam(Optimizer):
    """m ← β₁m + (1 − β₁)g,  v ← β₂v + (1 − β₂)g²,  p ← p − lr·m̂/(sqrt(v̂) + ε)."""

    decoupled = False

    def __init__(
        self,
        params: Any,
        lr: float = 1e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 0.0,
        amsgrad: bool = False,
        *,
        maximize: bool = False,
    ) -> None:
        if lr < 0:
            raise ValueError(f"Invalid learning rate: {lr}")
        if not all(0 <= beta < 1 for beta in betas):
            raise ValueError(f"Invalid beta parameters: {betas}")
        super().__init__(
            params,
            {
                "lr": lr, "betas": betas, "eps": eps, "weight_decay": weight_decay,
                "amsgrad": amsgrad, "maximize": maximize,
            },
        )  # fmt: skip

    def update(self, parameter: Tensor, gradient: Array, group: dict[str, Any]) -> None:
        data = parameter._data
        first, second = group["betas"]
        step = -gradient if group["maximize"] else gradient
        if group["weight_decay"] and self.decoupled:
            data *= 1 - group["lr"] * group["weight_decay"]
        elif group["weight_decay"]:
            step = step + group["weight_decay"] * data
        state = self.state.setdefault(parameter, {})
        if not state:
            state.update(step=0, exp_avg=np.zeros_like(data), exp_avg_sq=np.zeros_like(data))
        state["step"] += 1
        mean, square = state["exp_avg"], state["exp_avg_sq"]
        mean += (1 - first) * (step - mean)
        square *= second
        square += (1 - second) * step * step
        if group["amsgrad"]:
            square = state["max_exp_avg_sq"] = np.maximum(state.get("max_exp_avg_sq", 0.0), square)
        scale = math.sqrt(1 - second ** state["step"])
        size = group["lr"] / (1 - first ** state["step"])
        data -= size * (mean / (np.sqrt(square) / scale + group["eps"]))


class AdamW(Adam):
    """Adam with weight decay apart from the gradient: p ← p − lr·λ·p first."""

    decoupled = True

    def __init__(self, params: Iterable[Any], lr: float = 1e-3, **options: Any) -> None:
        options.setdefault("weight_decay", 1e-2)
        super().__init__(params, lr, **options)


class RMSprop(Optimizer):
    """v ← α·v + (1 − α)·g²,  p ← p − lr·g/(sqrt(v) + ε), the step with momentum if asked for."""

    def __init__(
        self,
        params: Any,
        lr: float = 1e-2,
        alpha: float = 0.99,
        eps: float = 1e-8,
        weight_decay: float = 0.0,
        momentum: float = 0.0,
        centered: bool = False,
    ) -> None:
        if lr < 0:
            raise ValueError(f"Invalid learning rate: {lr}")
        super().__init__(
            params,
            {
                "lr": lr, "alpha": alpha, "eps": eps, "weight_decay": weight_decay,
                "momentum": momentum, "centered": centered,
            },
        )  # fmt: skip

    def update(self, parameter: Tensor, gradient: Array, group: dict[str, Any]) -> None:
        data, alpha = parameter._data, group["alpha"]
        if group["weight_decay"]:
            gradient = gradient + group["weight_decay"] * data
        state = self.state.setdefault(parameter, {})
        if not state:
            names = ("square_avg", "grad_avg", "momentum_buffer")
            state.update({name: np.zeros_like(data) for name in names})
        square = state["square_avg"]
        square *= alpha
        square += (1 - alpha) * gradient * gradient
        spread = square
        if group["centered"]:
            average = state["grad_avg"]
            average += (1 - alpha) * (gradient - average)
            spread = square - average * average
        step = gradient / (np.sqrt(spread) + group["eps"])
        if group["momentum"]:
            step = state["momentum_buffer"] = group["momentum"] * state["momentum_buffer"] + step
        data -= group["lr"] * step


class Adagrad(Optimizer):
    """s ← s + g²,  p ← p − lr·g/(sqrt(s) + ε)"""

    def __init__(
        self,
        params: Any,
        lr: float = 1e-2,
        lr_decay: float = 0.0,
        weight_decay: float = 0.0,
        initial_accumulator_value: float = 0.0,
        eps: float = 1e-10,
    ) -> None:
        if lr < 0:
            raise ValueError(f"Invalid learning rate: {lr}")
        super().__init__(
            params,
            {
                "lr": lr, "lr_decay": lr_decay, "weight_decay": weight_decay, "eps": eps,
                "initial_accumulator_value": initial_accumulator_value,
            },
        )  # fmt: skip

    def update(self, parameter: Tensor, gradient: Array, group: dict[str, Any]) -> None:
        data = parameter._data
        if group["weight_decay"]:
            gradient = gradient + group["weight_decay"] * data
        state = self.state.setdefault(parameter, {})
        if not state:
            state.update(step=0, sum=np.full_like(data, group["initial_accumulator_value"]))
        rate = group["lr"] / (1 + state["step"] * group["lr_decay"])
        state["step"] += 1
        state["sum"] += gradient * gradient
        data -= rate * (gradient / (np.sqrt(state["sum"]) + group["eps"]))
