"""The pipeline on one screen: model -> Program -> gradient -> simplified -> schedule -> module."""

from __future__ import annotations

import time
from collections.abc import Collection, Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, field, replace

from symgrad.capture import CapturedModel
from symgrad.codegen import FunctionCode, ModuleCode, Target, emit_module
from symgrad.derivatives import DerivedProduct, Source, derive_product, products_of
from symgrad.differentiate import Gradient, pull_back
from symgrad.errors import ModelError
from symgrad.explain.matrix import matrix_text
from symgrad.program import Program, dependencies, format_program, is_floating
from symgrad.schedule import freeze
from symgrad.schedule.cuda_plan import CudaOptions
from symgrad.schedule.freeze_sizes import freeze_requirements, freeze_sizes
from symgrad.settling import rename_reserved, settle_names
from symgrad.simplify import PassReport, Watch, count_operations, simplify
from symgrad.version import __version__

__all__ = ["Derived", "Timings", "derive", "emit"]


@dataclass(slots=True)
class Timings:
    """Seconds spent in each stage, added up over the functions of a module."""

    seconds: dict[str, float] = field(default_factory=dict)

    @contextmanager
    def stage(self, name: str) -> Iterator[None]:
        """Times a block of code under the name of a stage."""
        start = time.perf_counter()
        try:
            yield
        finally:
            self.seconds[name] = self.seconds.get(name, 0.0) + time.perf_counter() - start


@dataclass(frozen=True, slots=True)
class Derived:
    """A model function with its derivative, simplified, ready to be printed or emitted."""

    model: CapturedModel
    forward: Program
    gradient: Gradient
    is_scalar: bool
    reports: tuple[PassReport, ...]
    operations_before: int
    operations_after: int
    products: tuple[DerivedProduct, ...] = ()

    @property
    def name(self) -> str:
        return self.model.program.name

    @property
    def notes(self) -> tuple[str, ...]:
        """What was stabilised, and where."""
        return tuple(note for report in self.reports for note in report.notes)

    def formulas(self) -> str:
        """Value and gradient in index notation, one definition a line; then further products."""
        shown = [format_program(self.gradient.program)]
        for product in self.products:
            shown.append(f"\n{self.name}_{product.product}:\n\n{product.formulas()}")
        return "\n".join(shown)

    def matrix_formulas(self) -> tuple[str, ...]:
        """Value and gradient in matrix notation, proven at random points; empty without one."""
        return matrix_text(self.gradient.program, mostly=True)


def derive(
    model: CapturedModel,
    without: Collection[str],
    timings: Timings,
    *,
    products: Collection[str] = (),
    order: int = 1,
    watch: Watch | None = None,
) -> Derived:
    """The gradient program of a captured model.

    Args:
        model: what capture made of a function.
        without: names of simplification passes to leave out.
        timings: receives the seconds of each stage.
        products: further derivatives, by name: see `symgrad.derivatives`.
        order: 2 adds the products that second order methods need.
        watch: told of every stage and pass that changed the program, before and after it.

    Raises:
        ModelError: `products` or `order` do not fit the function.
    """
    model = settle_names(model)
    check_derivatives(model)
    program = model.program
    with timings.stage("simplify"):
        base = simplify(program, without=without, inline=False, watch=watch)
        forward = simplify(base.program, without={"stabilise", *without}).program
    outputs = [program.statement(name) for name in program.outputs]
    is_scalar = not model.returns_tuple and not outputs[0].shape and is_floating(outputs[0].dtype)
    with timings.stage("differentiate"):
        raw = pull_back(base.program, model.wrt, unit_seed=is_scalar)
        if watch is not None:
            watch("differentiate", base.program, raw.program)
    with timings.stage("simplify"):
        simplified = simplify(raw.program, without={"stabilise", *without}, watch=watch)
    gradient = Gradient(simplified.program, raw.values, raw.wrt, raw.adjoints, raw.cotangents)
    where = f"{model.source}:{model.line}: '{program.name}'"
    further = products_of(products, order, is_scalar, where)
    with timings.stage("derivatives") if further else nullcontext():
        source = Source(
            program.name,
            where,
            base.program,
            model.wrt,
            model.single_wrt,
            model.returns_tuple,
            is_scalar,
            tuple(without),
        )
        derived_products = tuple(derive_product(source, product) for product in further)
    return Derived(
        model,
        rename_reserved(forward),
        rename_reserved_gradient(gradient),
        is_scalar,
        (*base.reports, *simplified.reports),
        count_operations(raw.program),
        count_operations(simplified.program),
        derived_products,
    )


def check_derivatives(model: CapturedModel) -> None:
    """Refuses a gradient that would be empty, or zero because of a slip.

    Raises:
        ModelError: no floating argument or output, or `wrt` names an argument without effect.
    """
    program = model.program
    where = f"{model.source}:{model.line}: '{program.name}'"
    if not model.wrt:
        arguments = ", ".join(f"{a.name} ({a.dtype})" for a in program.arguments) or "none"
        raise ModelError(
            f"{where} has no floating argument to differentiate by; its arguments are: {arguments}"
        )
    dtypes = program.dtypes()
    if not any(is_floating(dtypes[name]) for name in program.outputs):
        raise ModelError(
            f"{where} returns only integers or booleans; a derivative needs a floating output"
        )
    if not model.named_wrt:
        return
    needed = set(program.outputs)
    for statement in reversed(program.definitions):
        if statement.name in needed:
            needed.update(dependencies(statement))
    for name in model.wrt:
        if name not in needed:
            raise ModelError(
                f"{where} does not use '{name}', so its gradient is zero everywhere; leave it out "
                f"of wrt"
            )


def rename_reserved_gradient(gradient: Gradient) -> Gradient:
    """The gradient with its program's reserved names changed."""
    return Gradient(
        rename_reserved(gradient.program),
        gradient.values,
        gradient.wrt,
        gradient.adjoints,
        gradient.cotangents,
    )


def emit(
    derived: tuple[Derived, ...],
    *,
    source: str,
    digest: str,
    target: Target,
    options: str,
    timings: Timings,
    cuda: CudaOptions | None = None,
) -> str:
    """The text of the module that holds these functions; `cuda` is for the target of that name."""
    with timings.stage("freeze"):
        functions = tuple(_function_code(d, target) for d in derived)
    with timings.stage("schedule and print"):
        module = ModuleCode(
            source, digest, __version__, options, target, functions, cuda or CudaOptions()
        )
        return emit_module(module)


def cuda_options(target: Target, atomics: bool, cublas: bool) -> CudaOptions:
    """The options of the target cuda.

    Raises:
        ModelError: an option is given for another target.
    """
    for name, given in (("atomics", atomics), ("cublas", cublas)):
        if given and target != "cuda":
            raise ModelError(f"{name} is an option of the target cuda, not of the target {target}")
    return CudaOptions(atomics=atomics, cublas=cublas)


def _function_code(derived: Derived, target: Target) -> FunctionCode:
    program, gradient = derived.forward, derived.gradient
    dtypes = program.dtypes()
    return FunctionCode(
        name=derived.name,
        docstring=derived.model.docstring,
        line=derived.model.line,
        wrt=derived.model.wrt,
        single_wrt=derived.model.single_wrt,
        returns_tuple=derived.model.returns_tuple,
        forward=freeze(program, derived.model.wrt),
        gradient=replace(freeze(gradient.program, derived.model.wrt), name=f"{derived.name}_grad"),
        cotangents=gradient.cotangents,
        floating_outputs=tuple(is_floating(dtypes[name]) for name in program.outputs),
        rules=freeze_sizes(
            f"{derived.model.source}:{derived.model.line}: {derived.name}", program.arguments
        ),
        requirements=freeze_requirements(derived.model.requirements),
        formulas=tuple(format_program(gradient.program).splitlines()),
        matrix_formulas=derived.matrix_formulas(),
        constants=gradient.program.constants,
        notes=derived.notes,
        derivatives=tuple(
            product.code(derived.name, derived.model.wrt, peel=target != "cuda")
            for product in derived.products
        ),
    )
