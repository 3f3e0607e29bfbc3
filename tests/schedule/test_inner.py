"""Inner loops over the same axes inside one outer loop, and the height of tiles."""

from __future__ import annotations

from dataclasses import replace

from symgrad.schedule.frozen import Affine, Element, Operation
from symgrad.schedule.inner import fuse_inner_loops
from symgrad.schedule.loops import Block, Declare, Local, Loop, Node, Store
from tests.schedule.test_outer import SHAPES, mixture, outer, tiled
from tests.support import build


def element(name: str, *indices: str) -> Element:
    return Element(name, tuple(Affine(((i, 1),)) for i in indices))


def load(target: Element) -> Operation:
    return Operation("load", (), "float64", target)


def nest(k: str, j: str, block: Block, *, total: str = "") -> Loop:
    rows = Loop(j, "n", (block,), tile=True)
    if not total:
        return Loop(k, "d", (rows,))
    local = Local("total", "float64")
    stored = Block(
        (Operation("local", (), "float64", "total"),), (Store(element(total, k), 0, add=True),)
    )
    return Loop(k, "d", (Declare(local, 0), rows, stored))


def copied(source: Element, target: Element) -> Block:
    return Block((load(source),), (Store(target, 0),))


def squares(source: Element) -> Block:
    operations = (load(source), Operation("multiply", (0, 0), "float64"))
    return Block(operations, (Store(Local("total", "float64"), 1, add=True),))


def test_a_value_is_handed_on_in_a_register() -> None:
    first = nest("k", "j", copied(element("x", "k", "j"), element("a", "k", "j")))
    second = nest("l", "i", copied(element("a", "l", "i"), element("b", "l", "i")))
    (joined,) = fuse_inner_loops((first, second))
    expected = Block(
        (load(element("x", "k", "j")),),
        (Store(element("a", "k", "j"), 0), Store(element("b", "k", "j"), 0)),
    )
    assert joined == nest("k", "j", expected)


def test_sums_keep_locals_of_their_own() -> None:
    first = nest("k", "j", squares(element("x", "k", "j")), total="s")
    second = nest("k", "j", squares(element("y", "k", "j")), total="t")
    (joined,) = fuse_inner_loops((first, second))
    assert isinstance(joined, Loop)
    locals_ = [node.local.name for node in joined.body if isinstance(node, Declare)]
    assert locals_ == ["total", "total_"]
    stores = [node.effects[0] for node in joined.body if isinstance(node, Block)]
    assert [s.target for s in stores if isinstance(s, Store)] == [
        element("s", "k"),
        element("t", "k"),
    ]


def test_a_nest_passes_what_it_does_not_touch() -> None:
    first = nest("k", "j", copied(element("x", "k", "j"), element("a", "k", "j")))
    other = Loop("j", "n", (copied(element("x", "j"), element("p", "j")),), tile=True)
    operations = (
        load(element("a", "k", "j")),
        load(element("p", "j")),
        Operation("multiply", (0, 1), "float64"),
    )
    second = nest("k", "j", Block(operations, (Store(element("b", "k", "j"), 2),)))
    found = fuse_inner_loops((first, other, second))
    assert len(found) == 2
    assert found[0] == other


def stays(*nodes: Node) -> None:
    assert fuse_inner_loops(nodes) == nodes


def test_loops_that_read_another_run_stay_apart() -> None:
    first = nest("k", "j", copied(element("x", "k", "j"), element("a", "k", "j")))
    before = Element("a", (Affine((("k", 1),), "-1"), Affine((("j", 1),))))
    stays(first, nest("k", "j", copied(before, element("b", "k", "j"))))
    stays(first, nest("k", "j", copied(element("a", "j", "k"), element("b", "k", "j"))))
    # a total over the inner loop is not known within it
    total = nest("k", "j", squares(element("x", "k", "j")), total="s")
    stays(total, nest("k", "j", copied(element("s", "k"), element("b", "k", "j"))))
    # what is added to is not read again before it is stored
    added = Block((load(element("x", "k", "j")),), (Store(element("a", "k", "j"), 0, add=True),))
    stays(
        nest("k", "j", added),
        nest("k", "j", copied(element("a", "k", "j"), element("b", "k", "j"))),
    )


def test_bounded_and_jammed_loops_stay_apart() -> None:
    first = nest("k", "j", copied(element("x", "k", "j"), element("a", "k", "j")))
    second = nest("k", "j", copied(element("y", "k", "j"), element("b", "k", "j")))
    stays(first, replace(second, step=4))
    stays(first, replace(second, extent="c"))


def plain_nests(nodes: tuple[Node, ...]) -> int:
    """Loops over d around one straight-line loop over rows, in one run of each."""
    return sum(
        isinstance(node, Loop)
        and node.step == node.start_after == 1
        and any(isinstance(n, Loop) and n.tile for n in node.body)
        for node in nodes
    )


def test_a_mixture_computes_its_adjoints_in_one_loop() -> None:
    step = tiled(mixture, SHAPES, ("mu", "L"))
    *_, backward = outer(step, "K")
    assert isinstance(backward, Loop)
    assert plain_nests(backward.body) == 1


def test_tiles_are_higher_beside_large_sums() -> None:
    module = build(mixture, SHAPES, wrt=("mu", "L")).module("cpu")
    assert module._count_rows(6695, 1000, 4) == 72
    assert module._count_rows(6695, 1000, 4, 422_501) == 136
    assert module._count_rows(1113, 1000, 8, 22_051) == 72
    assert module._count_rows(6695, 40, 1, 422_501) == 56  # no more than there are rows


def test_blocks_are_few_beside_large_sums() -> None:
    module = build(mixture, SHAPES, wrt=("mu", "L")).module("cpu")
    assert module._count_blocks(1000, 47_323, 22_051, 64) == 4
    assert module._count_blocks(1000, 47_323, 51, 64) == 8
    assert module._count_blocks(10_000, 6913, 3026, 64) == 16
    assert module._count_blocks(128, 18_000, 9600, 64) == 2  # never fewer than without sums
