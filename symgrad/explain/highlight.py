"""Python source as HTML with spans for keywords, names, numbers, strings and comments."""

from __future__ import annotations

import builtins
import io
import keyword
import tokenize
from html import escape

__all__ = ["highlight"]

_BUILTINS = frozenset(dir(builtins))
_KINDS = {
    tokenize.COMMENT: "comment",
    tokenize.NUMBER: "number",
    tokenize.STRING: "string",
}


def highlight(source: str) -> str:
    """The source with `span` elements of classes k, b, f, n, s, c; text that is not Python as is.

    >>> highlight("def f(x): return 2 * x")[:24]
    '<span class="k">def</spa'
    """
    lines = source.splitlines(keepends=True)
    try:
        tokens = list(tokenize.generate_tokens(io.StringIO(source).readline))
    except (tokenize.TokenError, SyntaxError):
        return escape(source, quote=False)
    parts: list[str] = []
    row, column = 1, 0
    previous = ""
    for token in tokens:
        if token.type in (tokenize.INDENT, tokenize.DEDENT, tokenize.ENDMARKER):
            continue
        parts.append(escape(_between(lines, row, column, *token.start), quote=False))
        text = escape(token.string, quote=False)
        kind = _kind(token, previous)
        parts.append(f'<span class="{kind}">{text}</span>' if kind else text)
        row, column = token.end
        previous = token.string
    return "".join(parts)


def _between(lines: list[str], row: int, column: int, last_row: int, last_column: int) -> str:
    """The text between two places: spaces, and what no token holds."""
    if row > len(lines):
        return ""
    if row == last_row:
        return lines[row - 1][column:last_column]
    rest = [lines[row - 1][column:], *lines[row : last_row - 1]]
    return "".join(rest) + (lines[last_row - 1][:last_column] if last_row <= len(lines) else "")


def _kind(token: tokenize.TokenInfo, previous: str) -> str:
    if token.type in _KINDS:
        return _KINDS[token.type][0]
    if token.type != tokenize.NAME:
        return ""
    if keyword.iskeyword(token.string):
        return "k"
    if previous == "def":
        return "f"
    return "b" if token.string in _BUILTINS or token.string == "prange" else ""
