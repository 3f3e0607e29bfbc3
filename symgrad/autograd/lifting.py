"""Formulas of recorded graphs."""

from typing import Any

METHODS: dict[str, Any] = {}
