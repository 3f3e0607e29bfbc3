"""What `bench.gpu` compares with: torch eager, torch.compile and JAX, where they see a device."""

from __future__ import annotations

import importlib.util
import os
from collections.abc import Callable
from typing import Any

from bench.gpu_programs import Arrays, Program

__all__ = ["PEERS", "Missing", "peer_way"]

os.environ.setdefault("XLA_PYTHON_CLIENT_PREALLOCATE", "false")
os.environ.setdefault("JAX_ENABLE_X64", "1")

# In this order they run: torch.compile takes longest to build.
PEERS = ("torch", "jax", "torch.compile")


class Missing(Exception):
    """A peer that is not installed, or has no device."""


def peer_way(peer: str, program: Program, arguments: Arrays, device: str) -> Callable[[], Any]:
    """A call of a peer that returns the value and the gradients.

    Args:
        peer: one of `PEERS`.
        program: what is computed.
        arguments: NumPy arrays, which are copied to the device.
        device: "cuda", or "cpu" to check what the peers compute without a GPU.

    Raises:
        Missing: the peer is not installed, or does not see the device.
    """
    library = peer.partition(".")[0]
    if importlib.util.find_spec(library) is None:
        raise Missing(f"{library} is not installed")
    if library == "torch":
        return _torch_way(program, arguments, device, peer == "torch.compile")
    return _jax_way(program, arguments, device)


def _torch_way(
    program: Program, arguments: Arrays, device: str, compiled: bool
) -> Callable[[], Any]:
    import torch

    if device == "cuda" and not torch.cuda.is_available():
        raise Missing("torch sees no CUDA device")

    class Names:
        sum, mean, exp, log, sqrt, tanh = (
            torch.sum, torch.mean, torch.exp, torch.log, torch.sqrt, torch.tanh,
        )  # fmt: skip
        sin, cos, log1p, logaddexp = torch.sin, torch.cos, torch.log1p, torch.logaddexp
        zeros_like, ndtr = torch.zeros_like, torch.special.ndtr
        take_along = staticmethod(lambda a, i: torch.gather(a, 1, i))
        logsumexp = staticmethod(lambda a: torch.logsumexp(a, dim=-1))
        sum_last = staticmethod(lambda a: torch.sum(a, dim=-1))
        min_last = staticmethod(lambda a: torch.amin(a, dim=-1))

    given = {name: torch.as_tensor(array, device=device) for name, array in arguments.items()}
    leaves = [given[name].requires_grad_() for name in program.wrt]

    def loss(*tensors: Any) -> Any:
        return program.peer(Names, *tensors)

    function = torch.compile(loss) if compiled else loss

    def run() -> Any:
        value = function(*given.values())
        return value.detach(), torch.autograd.grad(value, leaves)

    return run


def _jax_way(program: Program, arguments: Arrays, device: str) -> Callable[[], Any]:
    import jax
    import jax.numpy as jnp

    platform = "gpu" if device == "cuda" else device
    try:
        place = jax.devices(platform)[0]
    except RuntimeError as error:
        raise Missing(f"jax sees no {platform} device") from error

    class Names:
        sum, mean, exp, log, sqrt, tanh = jnp.sum, jnp.mean, jnp.exp, jnp.log, jnp.sqrt, jnp.tanh
        sin, cos, log1p, logaddexp = jnp.sin, jnp.cos, jnp.log1p, jnp.logaddexp
        zeros_like, ndtr = jnp.zeros_like, jax.scipy.special.ndtr
        take_along = staticmethod(lambda a, i: jnp.take_along_axis(a, i, axis=1))
        logsumexp = staticmethod(lambda a: jax.nn.logsumexp(a, axis=-1))
        sum_last = staticmethod(lambda a: jnp.sum(a, axis=-1))
        min_last = staticmethod(lambda a: jnp.min(a, axis=-1))

    given = tuple(jax.device_put(array, place) for array in arguments.values())
    places = tuple(list(arguments).index(name) for name in program.wrt)
    run = jax.jit(jax.value_and_grad(lambda *a: program.peer(Names, *a), argnums=places))
    return lambda: jax.block_until_ready(run(*given))
