"""ed25519 signatures of webhooks, verified as Standard Webhooks describes it."""

from __future__ import annotations

import base64

import pytest
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from standardwebhooks import Webhook

from tests.house import Linked, Received, webhook


def verify(received: Received, public: str) -> None:
    """Verifies with a public key alone; raises InvalidSignature unless it fits one of the signatures."""
    key = Ed25519PublicKey.from_public_bytes(base64.b64decode(public.removeprefix("whpk_")))
    signed = f"{received.headers['webhook-id']}.{received.headers['webhook-timestamp']}.".encode() + received.body
    for one in received.headers["webhook-signature"].split():
        version, _, signature = one.partition(",")
        if version == "v1a":
            try:
                return key.verify(base64.b64decode(signature), signed)
            except InvalidSignature:
                continue
    raise InvalidSignature


async def latest(linked: Linked, path: str) -> Received:
    """Sends a test event and returns it."""
    assert (await linked.api("POST", f"{path}/test")).json()["ok"]
    return linked.house.vendor.received[-1]


async def test_a_webhook_signs_with_a_key_pair_a_secret_or_both(on_each_database: Linked) -> None:
    """A webhook from before key pairs existed gets one, and its secret stays; real deliveries have it, too."""
    linked = on_each_database
    made = await webhook(linked)
    path = f"/v1/webhooks/{made['id']}"
    assert (made["signature"], made["public_keys"]) == ("hmac", [])
    await linked.house.app.state.ctx.store.write(
        lambda tx: tx.run("UPDATE webhook_secrets SET private_key_sealed = NULL, public_key = NULL")
    )
    (public,) = (await linked.api("PATCH", path, json={"signature": "both"})).json()["public_keys"]
    assert (await linked.api("GET", "/v1/webhooks")).json()["data"][0]["public_keys"] == [public]
    await linked.send_test()
    (received,) = await linked.house.vendor.receive(1)
    verify(received, public)
    assert Webhook(made["secret"]).verify(received.body, received.headers)
    assert "x-stackone-signature" in received.headers

    alone = (await linked.api("PATCH", path, json={"signature": "ed25519"})).json()
    assert (alone["signature"], alone["public_keys"]) == ("ed25519", [public])
    received = await latest(linked, path)
    verify(received, public)
    assert [one.partition(",")[0] for one in received.headers["webhook-signature"].split()] == ["v1a"]
    assert "x-stackone-signature" not in received.headers
    assert (await linked.api("PATCH", path, json={"signature": "hmac"})).json()["public_keys"] == []
    with pytest.raises(InvalidSignature):
        verify(await latest(linked, path), public)


async def test_both_keys_sign_until_the_overlap_ends(proctor: Linked) -> None:
    """A receiver with the old public key verifies during the overlap, and no longer after it."""
    made = await webhook(proctor, signature="ed25519")
    path, (old,) = f"/v1/webhooks/{made['id']}", made["public_keys"]
    rotated = (await proctor.api("POST", f"{path}/rotate-secret", json={"overlap_seconds": 600})).json()
    new, also = rotated["public_keys"]
    assert also == old != new
    received = await latest(proctor, path)
    verify(received, old)
    verify(received, new)

    rotated = (await proctor.api("POST", f"{path}/rotate-secret", json={"overlap_seconds": 0})).json()
    (newest,) = rotated["public_keys"]
    received = await latest(proctor, path)
    verify(received, newest)
    for gone in (old, new):
        with pytest.raises(InvalidSignature):
            verify(received, gone)
