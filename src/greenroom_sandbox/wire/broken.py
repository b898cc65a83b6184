"""Deliberately broken JSON for the fault ``malformed``."""

from __future__ import annotations

from greenroom_sandbox.model.wire import Variant

#: variants for any JSON body; the other ones change fields of one call
JSON_VARIANTS: tuple[Variant, ...] = ("invalid_json", "empty", "array")


def break_json(raw: bytes, variant: Variant) -> bytes:
    """Returns deliberately broken JSON: cut in the middle, empty, or inside an array."""
    if variant == "empty":
        return b""
    return b"[" + raw + b"]" if variant == "array" else raw[: len(raw) // 2]
