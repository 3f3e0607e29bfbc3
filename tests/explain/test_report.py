"""The report: one file without references, drawn legibly, and alive in a real browser."""

from __future__ import annotations

import re
import shutil
import subprocess
from itertools import pairwise
from pathlib import Path

import pytest

from symgrad.cli import main
from symgrad.compilation import Request, derive_file
from symgrad.driver import Derived, Timings
from symgrad.explain.command import make_report
from symgrad.explain.graph import draw_program, layer_order
from symgrad.explain.highlight import highlight
from symgrad.explain.measurement import measure_accuracy
from tests.explain.test_explain import assert_html_closes

EXAMPLES = Path(__file__).resolve().parents[2] / "examples"
NAMES = sorted(path.parent.name for path in EXAMPLES.glob("*/model.py"))
BROWSERS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
BROWSER = next(filter(None, map(shutil.which, BROWSERS)), None)
FLAGS = (
    "--headless --no-sandbox --disable-gpu --disable-quic --no-first-run "
    "--disable-background-networking --disable-component-update --disable-sync"
)


def derived(name: str) -> Derived:
    (one,) = derive_file(Request(EXAMPLES / name / "model.py"), Timings())
    return one


# --- the drawing ---------------------------------------------------------------------------------


@pytest.mark.parametrize("name", NAMES)
def test_drawing_has_every_definition_once_and_no_two_boxes_overlap(name: str) -> None:
    one = derived(name)
    program = one.gradient.program
    drawing = draw_program(program, one.gradient.values)
    boxes = {box.name: box for box in drawing.boxes}
    assert len(boxes) == len(drawing.boxes)
    assert {s.name for s in program.definitions} <= set(boxes)
    ordered = sorted(drawing.boxes, key=lambda box: (box.y, box.x))
    for left, right in pairwise(ordered):
        assert left.y != right.y or left.x + left.width / 2 < right.x - right.width / 2
    for box in drawing.boxes:
        assert box.x - box.width / 2 >= 0 and box.x + box.width / 2 <= drawing.width
        assert box.y - box.height / 2 >= 0 and box.y + box.height / 2 <= drawing.height
    for link in drawing.links:
        if not link.across:
            down = boxes[link.target].y > boxes[link.source].y
            assert down == (boxes[link.target].kind in ("forward", "value"))


def test_layers_follow_links() -> None:
    layers = layer_order(["a", "b", "c", "d"], [("a", "c"), ("b", "c"), ("c", "d")])
    assert layers == [["a", "b"], ["c"], ["d"]]
    crossed = layer_order(["a", "b", "x", "y"], [("a", "y"), ("b", "x")])
    assert crossed in ([["a", "b"], ["y", "x"]], [["b", "a"], ["x", "y"]])


# --- the page ------------------------------------------------------------------------------------


def test_highlighting_loses_nothing() -> None:
    source = 'def f(x):\n    # a < b\n    return 2.5 * abs(x) if x > 1 else "s"\n'
    shown = highlight(source)
    plain = re.sub(r"<[^>]+>", "", shown).replace("&lt;", "<").replace("&gt;", ">")
    assert plain == source
    for kind, text in (("k", "def"), ("f", "f"), ("n", "2.5"), ("b", "abs"), ("s", '"s"')):
        assert f'<span class="{kind}">{text}</span>' in shown


def test_gradients_are_checked_in_the_report() -> None:
    for row in measure_accuracy(derived("mlp")):
        assert row.error < 1e-8


@pytest.fixture(scope="module", params=["gmm", "mlp"])
def page(request: pytest.FixtureRequest) -> tuple[str, str]:
    return request.param, make_report(derived(request.param), {}, timings=False)


def test_page_is_one_file(page: tuple[str, str]) -> None:
    _, text = page
    assert len(text.encode()) < 2_000_000
    assert not re.findall(r'(?:src|href)="(?!#)[^"]*"', text)
    assert "http" not in re.sub(r"http://www.w3.org\S*", "", text)
    assert "@import" not in text and "url(" not in text.replace("url(#tip)", "")
    body = text[text.index("<header>") : text.index("<script>")]
    assert {"math", "svg", "article", "table"} <= assert_html_closes(body)


def test_every_link_has_a_target(page: tuple[str, str]) -> None:
    _, text = page
    identifiers = re.findall(r'id="([^"]+)"', text)
    assert len(set(identifiers)) == len(identifiers)
    assert set(re.findall(r'href="#([^"]+)"', text)) <= set(identifiers)


def test_every_gradient_names_its_kernel(page: tuple[str, str]) -> None:
    name, text = page
    for adjoint in derived(name).gradient.adjoints:
        article = text.partition(f'<article id="def-{adjoint}">')[2].partition("</article>")[0]
        assert "computed by" in article and "<pre>" in article and "<math" in article


def test_command_measures_and_writes(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    output = tmp_path / "page.html"
    model = str(EXAMPLES / "logistic_regression" / "model.py")
    assert main(["report", model, "-o", str(output), "--sizes", "n=500, d=4"]) == 0
    text = output.read_text(encoding="utf-8")
    assert "d = 4, n = 500" in text
    assert "loss_value_and_grad" in text.partition('id="timings"')[2]
    assert main(["report", model, "-o", str(output), "--sizes", "n=many"]) == 1
    assert "expected NAME=NUMBER" in capsys.readouterr().err
    output.write_text("my own notes", encoding="utf-8")
    assert main(["report", model, "-o", str(output), "--no-timings"]) == 1
    assert "is no report" in capsys.readouterr().err
    assert output.read_text(encoding="utf-8") == "my own notes"


# --- the browser ---------------------------------------------------------------------------------


def browse(page: str, folder: Path, action: str) -> str:
    """The panel's text after an action in the page, run by a real browser."""
    assert BROWSER is not None
    tail = f"<script>{action}\ndocument.title = panel.textContent;</script>\n</body>"
    (folder / "page.html").write_text(page.replace("</body>", tail), encoding="utf-8")
    done = subprocess.run(
        [
            BROWSER,
            *FLAGS.split(),
            f"--user-data-dir={folder / 'profile'}",
            "--virtual-time-budget=2000",
            "--dump-dom",
            (folder / "page.html").as_uri(),
        ],
        capture_output=True,
        timeout=120,
        check=True,
    )
    dom = done.stdout.decode()
    return dom.partition("<title>")[2].partition("</title>")[0]


CLICK = """
const node = document.querySelector('a.node[data-name="%s"]');
const box = node.querySelector("rect").getBoundingClientRect();
if (!(box.width > 10 && box.height > 10)) throw new Error("the node is not drawn");
node.dispatchEvent(new MouseEvent("click", {bubbles: true, cancelable: true}));
if (!panel.querySelector("math")) throw new Error("no formula");
if (panel.querySelector("math").getBoundingClientRect().width < 40) throw new Error("not typeset");
"""


@pytest.mark.skipif(BROWSER is None, reason="no Chromium is installed")
def test_a_click_shows_formula_and_kernel(page: tuple[str, str], tmp_path: Path) -> None:
    name, text = page
    adjoint = derived(name).gradient.adjoints[0]
    shown = browse(text, tmp_path, CLICK % adjoint)
    assert adjoint in shown
    assert "computed by" in shown
    assert "∑" in shown or "softmax" in shown or "exp" in shown


@pytest.mark.skipif(BROWSER is None, reason="no Chromium is installed")
def test_the_keyboard_reaches_nodes(page: tuple[str, str], tmp_path: Path) -> None:
    _, text = page
    action = """
const reached = Array.from(document.querySelectorAll("a.node"));
if (reached.some((link) => link.tabIndex < 0)) throw new Error("out of the order of Tab");
reached[0].focus();
if (document.activeElement !== reached[0]) throw new Error("no focus");
"""
    assert "an argument" in browse(text, tmp_path, action)
