"""Codes of authenticator apps."""

from __future__ import annotations

import base64

import pytest

from greenroom.security import totp

#: RFC 6238, appendix B; its codes have eight digits, ours are the last six
SECRET = base64.b32encode(b"12345678901234567890").decode()


@pytest.mark.parametrize(
    ("at_s", "code"),
    [(59, "287082"), (1111111109, "081804"), (1111111111, "050471"), (1234567890, "005924"), (20000000000, "353130")],
)
def test_codes_are_those_of_the_rfc(at_s: int, code: str) -> None:
    """For each time of its table."""
    assert totp.code_at(SECRET, at_s // totp.STEP_S) == code
    assert totp.matching_step(SECRET, f"{code[:3]} {code[3:]}", at_s=at_s) == at_s // totp.STEP_S


def test_a_code_is_accepted_a_step_early_and_late() -> None:
    """And not two steps late; text that is no code matches nothing."""
    code = totp.code_at(SECRET, 100)

    accepted = [totp.matching_step(SECRET, code, at_s=step * 30) for step in range(98, 103)]

    assert accepted == [None, 100, 100, 100, None]
    assert totp.matching_step(SECRET, "ünïcode\ud800", at_s=3000) is None


def test_the_uri_names_the_user() -> None:
    """With every character that a URI cannot have encoded."""
    uri = totp.provisioning_uri("ABC", email="ada+1@example.com")

    assert uri == "otpauth://totp/Greenroom%3Aada%2B1%40example.com?secret=ABC&issuer=Greenroom"
