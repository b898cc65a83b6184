"""Custom headers of webhooks at rest: their values are sealed in the webhook's row."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from typing import Any
from urllib.parse import urlsplit

from greenroom.context import Context
from greenroom.errors import Invalid
from greenroom.model.custom_headers import KEPT
from greenroom.model.webhooks import Webhook

_PLACE: dict[str, Any] = {"table": "webhooks", "column": "headers_sealed"}


def opened(ctx: Context, webhook: Webhook) -> dict[str, str]:
    """
    Returns a webhook's custom headers in plain text.

    Raises:
        VaultError: they cannot be decrypted.
    """
    if webhook.headers_sealed is None:
        return {}
    found: dict[str, str] = json.loads(ctx.vault.open(webhook.headers_sealed, row=webhook.id, **_PLACE))
    return found


def sealed(ctx: Context, webhook: Webhook, headers: Mapping[str, str]) -> Webhook:
    """Returns the webhook with these custom headers, sealed."""
    text = ctx.vault.seal(json.dumps(dict(headers)), row=webhook.id, **_PLACE) if headers else None
    return replace(webhook, header_names=tuple(headers), headers_sealed=text)


def changed(ctx: Context, old: Webhook, new: Webhook, given: Mapping[str, str] | None) -> Webhook:
    """
    Returns a changed webhook with its custom headers: those given, or the stored ones for None.

    A given value `KEPT` keeps the stored one. Stored values are never sent to another host unless they are given
    again: a person who may change the URL could read them there.

    Raises:
        Invalid: a value to keep is not stored, or would be sent to another host.
    """
    kept = set(old.header_names) if given is None else {name for name, value in given.items() if value == KEPT}
    if kept and _origin(old.url) != _origin(new.url):
        problem = f"headers: the URL has another host, so give the values of {', '.join(sorted(kept))} again"
        raise Invalid(problem, errors=[problem])
    if given is None or given == old.headers:
        return new
    stored = opened(ctx, old) if kept else {}
    for name in sorted(kept - stored.keys()):
        problem = f"headers: {name[:64]} has no stored value to keep; give its value"
        raise Invalid(problem, errors=[problem])
    headers = {name: stored[name] if name in kept else value for name, value in given.items()}
    return sealed(ctx, new, headers)


def _origin(url: str) -> tuple[str, str]:
    parts = urlsplit(url)
    return parts.scheme.lower(), parts.netloc.lower()
