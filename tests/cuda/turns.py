"""Blocks of Numba's simulator whose threads take turns.

Numba's own blocks start a thread of Python for each thread of the block, ask all of them again and
again whether they wait, which takes most of the time of a small kernel, and leave their order to
chance. Here one thread runs at a time, up to its next barrier, then the one after it: forwards in
one block and backwards in the next, so that what a missing barrier does is the same in every run.
Threads that wait at different barriers are an error.
"""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable
from typing import Any

from numba.cuda.simulator import kernel as simulator
from numba.cuda.simulator.kernelapi import Dim3

_NUMBAS_OWN = simulator.BlockManager


class _Stopped(Exception):
    """Another thread of the block failed."""


class Runner(threading.Thread):
    """A thread of Python that stands for one thread of a block, then for one of another."""

    # What a kernel asks its thread for.
    threadIdx: Dim3
    blockIdx: Dim3
    thread_id: int

    def __init__(self) -> None:
        super().__init__(daemon=True)
        self.turn, self.back = threading.Lock(), threading.Lock()
        self.turn.acquire()
        self.back.acquire()
        self.task: Callable[[], None] | None = None
        self.barrier: object = None
        self.error: BaseException | None = None
        self.stopped = False
        self.start()

    def begin(self, task: Callable[[], None], block: Dim3, number: int) -> None:
        """Makes this the thread of a block; it does not run yet."""
        self.task, self.blockIdx = task, block
        self.threadIdx, self.thread_id = Dim3(number, 0, 0), number
        self.barrier = self.error = None
        self.stopped = False

    def advance(self) -> None:
        """Lets it run to its next barrier or its end."""
        self.turn.release()
        self.back.acquire()

    def run(self) -> None:
        while True:
            self.turn.acquire()
            assert self.task is not None
            try:
                self.task()
            except _Stopped:
                pass
            except Exception as error:  # Block.run raises it, in the thread that launched
                error.add_note(f"in thread {self.thread_id} of block {self.blockIdx.x}")
                self.error = error
            self.task = None
            self.back.release()

    def syncthreads(self) -> None:
        """The barrier of the block, called by the simulator for `cuda.syncthreads()`."""
        frame = sys._getframe(2)
        self.barrier = (frame.f_code, frame.f_lineno)
        self.back.release()
        self.turn.acquire()
        if self.stopped:
            raise _Stopped


_IDLE: list[Runner] = []


class Block:
    """Runs one block after another; in place of Numba's `BlockManager`."""

    def __init__(
        self, function: Callable[..., None], grid: Any, threads: tuple[int, int, int], debug: bool
    ) -> None:
        assert threads[1:] == (1, 1) and not debug
        self.function, self.count = function, threads[0]

    def run(self, place: tuple[int, int, int], *arguments: Any) -> None:
        """One block of the grid."""
        block = Dim3(*place)
        runners = [_IDLE.pop() if _IDLE else Runner() for _ in range(self.count)]
        for number, runner in enumerate(runners):
            runner.begin(lambda: self.function(*arguments), block, number)
        order = runners[::-1] if place[0] % 2 else runners
        try:
            while any(runner.task is not None for runner in runners):
                for runner in order:
                    runner.advance()
                    if runner.error is not None:
                        raise runner.error
                waiting = {runner.barrier if runner.task else None for runner in runners}
                assert len(waiting) == 1, f"threads wait at different barriers: {waiting}"
        finally:
            for runner in runners:
                runner.stopped = True
                if runner.task is not None:
                    runner.advance()
            _IDLE.extend(runners)


def take_turns(turns: bool = True) -> None:
    """Replaces the simulator's blocks, or puts Numba's own back."""
    simulator.BlockManager = Block if turns else _NUMBAS_OWN
