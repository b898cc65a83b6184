"""Masks show that a credential was there, never its value."""

from __future__ import annotations

import json
import time

import pytest

from greenroom.security import masks
from greenroom.security.tokens import new_api_key, new_external_trigger_token, new_webhook_secret

CANARY = "canary-7f3a"


@pytest.mark.parametrize(
    "name",
    ["Authorization", "Proxy-Authorization", "Cookie", "set-cookie", "X-Api-Key", "x-hub-session-token", "api_key"],
)
def test_headers_by_their_name(name: str) -> None:
    """Headers of credentials are hidden, in any case."""
    assert masks.headers({name: CANARY, "accept": "*/*"}) == {name: masks.HIDDEN, "accept": "*/*"}


def test_a_signature_and_an_idempotency_key_are_no_credentials() -> None:
    """Headers that people search for in a record are shown."""
    sent = {
        "webhook-signature": "v1,abc",
        "x-stackone-signature": "abc",
        "idempotency-key": "k1",
        "webhook-id": "evt_1",
    }
    assert masks.headers(sent) == sent


@pytest.mark.parametrize(
    "name",
    ["secret", "secrets", "credentials", "token", "partner_password", "harvest_client_secret", "packages_api_key",
     "external_trigger_token", "accessToken", "apiKey", "private_key", "auth_link_url", "PASSWORD", "client-secret"],
)  # fmt: skip
def test_json_by_its_names(name: str) -> None:
    """Credentials are hidden at any depth and of any type; null shows that there was none."""
    for value in (CANARY, 7, [CANARY], {"a": {"b": CANARY}}):
        shown = masks.body(json.dumps({"deep": [{name: value, "name": "Ada"}]}).encode(), cut=False)
        assert shown == {"deep": [{name: masks.HIDDEN, "name": "Ada"}]}
    assert masks.body(json.dumps({name: None}).encode(), cut=False) == {name: None}


@pytest.mark.parametrize(
    "secret", [new_api_key(), new_external_trigger_token(), new_webhook_secret()], ids=["key", "token", "webhook"]
)
def test_our_own_tokens_by_their_shape(secret: str) -> None:
    """Greenroom's tokens are hidden anywhere in a text."""
    assert secret not in str(masks.body(json.dumps({"note": f"use {secret} now"}).encode(), cut=False))
    assert secret not in masks.text(f"/somewhere/{secret}?x={secret}")
    assert secret not in str(masks.headers({"x-odd": secret}))


@pytest.mark.parametrize(
    ("plain", "shown"),
    [
        ("https://u:canary-7f3a@x.example.com/a", "https://(hidden)@x.example.com/a"),
        ("https://x.example.com/?token=canary-7f3a&b=1", "https://x.example.com/?token=(hidden)&b=1"),
        ("/x?api_key=canary-7f3a", "/x?api_key=(hidden)"),
        ("Authorization: Basic Y2FuYXJ5LTdmM2E=", "Authorization: (hidden)"),
        ("sent Basic Y2FuYXJ5LTdmM2E= once", "sent (hidden) once"),
        ('{"a": 1, "partner_password": "canary-7f3a", "b', '{"a": 1, "partner_password": (hidden), "b'),
        ('{"secret": "with \\" canary-7f3a", "b": 2', '{"secret": (hidden), "b": 2'),
        ('{"credentials": {"any": "canary-7f3a"', '{"credentials": (hidden)'),
        ('{"secrets": ["canary-7f3a"', '{"secrets": (hidden)'),
        ('{"secret": "canary-7f3a', '{"secret": (hidden)'),
        ("nothing to hide: https://x.example.com/a?b=c", "nothing to hide: https://x.example.com/a?b=c"),
    ],
)
def test_text_also_when_it_is_half_a_json(plain: str, shown: str) -> None:
    """Credentials are hidden in URLs, forms and cut JSON."""
    assert masks.text(plain) == shown
    assert CANARY not in str(masks.body(plain.encode(), cut=True))
    assert CANARY not in str(masks.body(plain.encode(), cut=False))


def test_bodies_of_every_kind() -> None:
    """JSON is shown as a value, other text as text, an empty body as None; there is no error."""
    assert masks.body(b"", cut=False) is None
    assert masks.body(b'\n\n{"a": 1}', cut=False) == {"a": 1}
    assert masks.body(b"<p>no</p>", cut=False) == "<p>no</p>"
    assert masks.body(b'{"a": 1}', cut=True) == '{"a": 1} … (cut)'
    assert masks.body(b"\xff\x00", cut=False) == "\ufffd\x00"
    assert "nested too deep" in str(masks.body(b"[" * 500 + b"]" * 500, cut=False))
    assert masks.body(b"[" * 16_000, cut=False) == "[" * 16_000


def test_hiding_takes_time_in_proportion() -> None:
    """A text eight times as long takes far less than 64 times as long: no expression is quadratic."""

    def took(text: str) -> float:
        started = time.process_time()
        masks.text(text)
        return time.process_time() - started

    for piece in ("token", "a-", "://", "secret ", '"secret":"\\', "Basic ", "@"):
        short, long = min(took(piece * 200) for _ in range(3)), min(took(piece * 1600) for _ in range(3))
        assert long < 0.02 + 24 * short, piece
