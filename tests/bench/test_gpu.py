"""The benchmark for a GPU, run to its end in Numba's simulator; its peers on the CPU."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

import symgrad
from bench.gpu import Row, line, measure, notes
from bench.gpu_peers import Missing, peer_way
from bench.gpu_programs import PROGRAMS, Program, program_called

ROOT = Path(__file__).resolve().parents[2]
NAMES = ["chain", "logistic", "softmax", "gmm", "black_scholes", "k_means", "bundle"]


def run(*arguments: str, simulator: str = "1") -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-W", "ignore", "-m", "bench.gpu", *arguments],
        capture_output=True,
        text=True,
        check=False,
        cwd=ROOT,
        env={**os.environ, "NUMBA_ENABLE_CUDASIM": simulator, "CUDA_VISIBLE_DEVICES": "-1"},
    )


@pytest.mark.slow
def test_every_program_is_built_checked_and_put_into_the_table(tmp_path: Path) -> None:
    done = run("--tiny", "--save", str(tmp_path / "gpu.json"), "--budget", "120")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "a copy moves" in done.stdout and "WRONG" not in done.stdout
    rows = [text.split()[0] for text in done.stdout.splitlines() if re.search(r"e[-+]\d+$", text)]
    assert rows == NAMES == [program.name for program in PROGRAMS]
    saved = json.loads((tmp_path / "gpu.json").read_text(encoding="utf-8"))
    for row in saved["programs"]:
        assert set(row["errors"]) == {"numpy", "numpy, out="}
        assert max(row["errors"].values()) < 1e-12 and row["times"]["symgrad"] > 0
    assert "torch: no peers in the simulator (chain, logistic" in done.stdout


def test_programs_without_time_are_printed_as_skipped(tmp_path: Path) -> None:
    start = time.perf_counter()
    done = run("--tiny", "--budget", "0.2", "--save", str(tmp_path / "gpu.json"))
    assert time.perf_counter() - start < 60
    assert done.returncode == 0, done.stdout + done.stderr
    for name in NAMES:
        assert re.search(rf"^{name} .* skipped: no time left of 0 s$", done.stdout, re.MULTILINE)
    saved = json.loads((tmp_path / "gpu.json").read_text(encoding="utf-8"))
    assert [row["name"] for row in saved["programs"]] == NAMES


def test_an_unknown_program_is_named() -> None:
    done = run("--tiny", "--only", "softmax,kmeans")
    assert done.returncode == 1 and "no program called kmeans" in done.stdout
    for name in NAMES:
        assert name in done.stdout


def test_without_a_device_it_says_so() -> None:
    done = run("--only", "chain", simulator="0")
    assert done.returncode == 1 and "no CUDA device" in done.stdout


# --- rows ----------------------------------------------------------------------------------------


def test_what_was_found_before_a_failure_is_kept() -> None:
    row = Row("chain", {"n": 10})
    row.take({"event": "time", "way": "symgrad", "milliseconds": 2.0, "bytes": 4_000_000})
    row.take({"event": "error", "way": "torch", "error": 1e-15})
    row.take({"event": "time", "way": "torch", "milliseconds": 3.0})
    row.take({"event": "failed", "way": "jax", "why": "OutOfMemory: 8 GB"})
    row.end("no time left of 60 s")
    text = line(row, 4.0)
    assert text.split()[:5] == ["chain", "n=10", "2.000", "2.0", "50%"]
    assert text.split()[5:] == ["3.000", "1.50", "-", "-", "-", "-", "1.0e-15"]
    assert notes([row]) == [
        "jax: OutOfMemory: 8 GB (chain)",
        "torch.compile: no time left of 60 s (chain)",
    ]
    assert not row.failed and not row.wrong
    row.take({"event": "error", "way": "jax", "error": 1e-6})
    assert row.wrong


def test_a_program_that_fails_is_a_line_of_the_table(monkeypatch: pytest.MonkeyPatch) -> None:
    """Also one whose process crashes."""
    unknown = Program("unknown", max, {}, (), {"n": 1}, {"n": 1}, dict, max)
    row = measure(unknown, tiny=True, seconds=60)
    assert row.failed and re.search(r"failed: .*StopIteration", line(row, 1.0))
    monkeypatch.setattr("bench.gpu.sys.executable", "false")
    row = measure(unknown, tiny=True, seconds=60)
    assert row.failed and "failed: the process ended with 1" in line(row, 1.0)


# --- peers ---------------------------------------------------------------------------------------


@pytest.mark.peers
@pytest.mark.parametrize(
    ("peer", "names"),
    [("torch", NAMES), ("jax", ["softmax", "black_scholes", "k_means"])],
    ids=["torch", "jax"],
)
def test_peers_compute_what_the_programs_do(peer: str, names: list[str]) -> None:
    """Their formulas, on the CPU at small sizes, against the NumPy target."""
    pytest.importorskip(peer)
    for program in map(program_called, names):
        arguments = program.make(np.random.default_rng(3), **program.tiny)
        module = symgrad.compile(
            program.model, shapes=program.shapes, wrt=program.wrt, target="numpy"
        )
        value, gradients = getattr(module, f"{module.name}_value_and_grad")(**arguments)
        found = peer_way(peer, program, arguments, "cpu")()
        for mine, theirs in zip((value, *gradients), (found[0], *found[1]), strict=True):
            np.testing.assert_allclose(np.asarray(theirs), mine, rtol=1e-9, atol=1e-11)


def test_a_peer_that_is_not_installed_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    for peer, library in (("torch.compile", "torch"), ("jax", "jax")):
        with pytest.raises(Missing, match=f"{library} is not installed"):
            peer_way(peer, PROGRAMS[0], {}, "cuda")
