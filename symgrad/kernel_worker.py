"""A process that compiles kernels of one generated module into the cache beside it.

    python -P kernel_worker.py MODULE.py < names

It reads the name of a kernel from each line and answers with the name once that is compiled. It
imports nothing of symgrad, whose import would take as long as a kernel, and nothing of SciPy, which
Numba would import to see whether there is a BLAS for compiled code: kernels call none.
"""

import gc
import importlib.util
import os
import sys
from pathlib import Path


class WithoutSciPy:
    """A finder of modules for which SciPy is not installed."""

    @staticmethod
    def find_spec(name: str, path: object = None, target: object = None) -> None:
        """Leaves every other module to the finders that follow."""
        if name == "scipy":
            raise ImportError("kernels are compiled without SciPy")


def main(path: Path) -> None:
    """Compiles what the standard input names."""
    sys.meta_path.insert(0, WithoutSciPy)
    spec = importlib.util.spec_from_file_location(path.stem, path)
    if spec is None or spec.loader is None:
        raise SystemExit(f"'{path}' is not a Python file")
    module = importlib.util.module_from_spec(spec)
    sys.modules[path.stem] = module
    spec.loader.exec_module(module)
    gc.freeze()  # the compiler itself is no garbage, and large to look through
    kernels = {kernel.function.__name__: kernel for kernel in module._KERNELS}
    for line in sys.stdin:
        kernels[line.strip()].compiled()
        print(line.strip(), flush=True)
    os._exit(0)  # nothing is left to write, and freeing a compiler takes a while


if __name__ == "__main__":
    main(Path(sys.argv[1]))
