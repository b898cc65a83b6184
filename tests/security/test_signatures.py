"""Webhook signatures are verified with the libraries that receivers use."""

from __future__ import annotations

import base64
import hashlib
import hmac
import time

import pytest
from standardwebhooks import Webhook, WebhookVerificationError

from greenroom.security.signatures import check_public_key, check_secret, public_key, webhook_headers
from greenroom.security.tokens import new_webhook_secret

BODY = '{"name":"Zoë"}'.encode()


def test_the_specifications_vector() -> None:
    """The example of Standard Webhooks 1.0.0 has the same signature here."""
    headers = webhook_headers(
        event_id="msg_p5jXN8AQM9LWM0D4loKWxJek",
        sent_at=1614265330,
        body=b'{"test": 2432232314}',
        secrets=["whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"],
    )
    assert headers["webhook-signature"] == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="
    assert (headers["webhook-id"], headers["webhook-timestamp"]) == ("msg_p5jXN8AQM9LWM0D4loKWxJek", "1614265330")


def test_the_vector_of_ed25519() -> None:
    """The example key pair of Standard Webhooks has the same signature and public key here; HMAC needs a secret."""
    private = "whsk_6Xb/dCcHpPea21PS1N9VY/NZW723CEc77N4rJCubMbfVKIDij2HKpMKkioLlX0dRqSKJp4AJ6p9lMicMFs6Kvg=="
    headers = webhook_headers(
        event_id="msg_p5jXN8AQM9LWM0D4loKWxJek",
        sent_at=1614265330,
        body=b'{"test": 2432232314}',
        secrets=[private],
    )
    expected = "v1a,hnO3f9T8Ytu9HwrXslvumlUpqtNVqkhqw/enGzPCXe5BdqzCInXqYXFymVJaA7AZdpXwVLPo3mNl8EM+m7TBAg=="
    assert headers["webhook-signature"] == expected
    assert "x-stackone-signature" not in headers
    assert public_key(private) == "whpk_1SiA4o9hyqTCpIqC5V9HUakiiaeACeqfZTInDBbOir4="
    assert check_public_key(public_key(private)) is None
    for wrong in ("whpk_", "whpk_é", private, public_key(private)[:-5]):
        assert check_public_key(wrong) == "expected whpk_ and 32 bytes in base64"


def test_both_secrets_verify_during_a_rotation() -> None:
    """The old and the new secret verify, another one does not."""
    new, old = new_webhook_secret(), new_webhook_secret()
    headers = webhook_headers(event_id="evt_1", sent_at=int(time.time()), body=BODY, secrets=[new, old])

    for secret in (new, old):
        assert Webhook(secret).verify(BODY, headers) == {"name": "Zoë"}
    with pytest.raises(WebhookVerificationError):
        Webhook(new_webhook_secret()).verify(BODY, headers)
    stackone = hmac.new(old.encode(), BODY, hashlib.sha256).digest()
    assert headers["x-stackone-signature"] == base64.urlsafe_b64encode(stackone).decode().rstrip("=")


@pytest.mark.parametrize(
    ("secret", "fine"),
    [
        pytest.param(new_webhook_secret(), True, id="new"),
        ("whsec_" + base64.b64encode(b"x" * 24).decode(), True),
        ("whsec_" + base64.b64encode(b"x" * 23).decode(), False),
        ("whsec_" + base64.b64encode(b"x" * 65).decode(), False),
        ("whsec_a-b_c", False),
        ("whsec_é", False),
        ("whsec_\ud800", False),
        (base64.b64encode(b"x" * 32).decode(), False),
        ("", False),
    ],
)
def test_a_secret_that_a_person_chose(secret: str, fine: bool) -> None:
    """24 to 64 bytes in standard base64 are accepted; URL-safe base64 would become another key."""
    assert (check_secret(secret) is None) == fine


def test_the_raw_bytes_are_signed() -> None:
    """A body that is not text is signed; StackOne's header is unpadded base64url over the body alone."""
    secret, body = new_webhook_secret(), bytes(range(256))
    headers = webhook_headers(event_id="evt_1", sent_at=1, body=body, secrets=[secret])

    assert headers["x-stackone-signature"] == (
        base64.urlsafe_b64encode(hmac.new(secret.encode(), body, hashlib.sha256).digest()).decode().rstrip("=")
    )
    later = webhook_headers(event_id="evt_1", sent_at=2, body=body, secrets=[secret])
    assert later["webhook-id"] == headers["webhook-id"]
    assert later["webhook-signature"] != headers["webhook-signature"]
    assert later["x-stackone-signature"] == headers["x-stackone-signature"]


def test_after_the_overlap_the_old_secret_is_out() -> None:
    """After the overlap only the new secret verifies, in both schemes."""
    new, old = new_webhook_secret(), new_webhook_secret()
    headers = webhook_headers(event_id="evt_1", sent_at=int(time.time()), body=BODY, secrets=[new])

    assert Webhook(new).verify(BODY, headers)
    with pytest.raises(WebhookVerificationError):
        Webhook(old).verify(BODY, headers)
    assert len(headers["webhook-signature"].split()) == 1
