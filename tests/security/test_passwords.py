"""Passwords: their limits, their hashes, and the bound of work."""

from __future__ import annotations

import asyncio

import pytest
from argon2 import PasswordHasher

from greenroom.errors import Invalid, Unavailable
from greenroom.security import passwords

GOOD = "correct horse battery staple"


@pytest.mark.parametrize(
    "password", ["short", "x" * 257, "ada.lovelace@example.com", "aaaaaaaaaaaaaaaa", ""], ids=lambda text: text[:8]
)
def test_weak_passwords_are_refused(password: str) -> None:
    """The message names the field and says what to do."""
    with pytest.raises(Invalid) as refused:
        passwords.check(password, email="ada.lovelace@example.com")

    assert refused.value.errors[0].startswith("password: ")


async def test_a_hash_fits_its_password_alone() -> None:
    """The same characters in another composition fit; a longer text whose beginning fits does not."""
    stored = await passwords.hash_password("Zoë has a long passwörd")

    assert stored.startswith("$argon2id$")
    assert await passwords.verify(stored, "Zoe\u0308 has a long passwo\u0308rd")
    assert not await passwords.verify(stored, "zoë has a long passwörd")
    full = await passwords.hash_password("y" * passwords.LONGEST)
    assert not await passwords.verify(full, "y" * (passwords.LONGEST + 1))
    assert not await passwords.verify(stored, "half a surrogate \ud800")


async def test_an_unknown_user_costs_a_verification(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of a hash that fits nothing, so that the answer does not tell which users there are."""
    verified: list[str] = []
    verify = PasswordHasher.verify

    def watched(self: PasswordHasher, stored: str, password: bytes) -> bool:
        verified.append(stored)
        return verify(self, stored, password)

    monkeypatch.setattr(PasswordHasher, "verify", watched)

    assert not await passwords.verify(None, GOOD)
    assert len(verified) == 1
    assert verified[0].split("$")[3] == (await passwords.hash_password(GOOD)).split("$")[3]


async def test_one_source_cannot_take_all_the_work() -> None:
    """Its fifth hash at a time is refused, another source's is computed; afterwards its own are again."""
    tasks = [asyncio.create_task(passwords.verify(None, GOOD, source="mallory")) for _ in range(5)]
    other = asyncio.create_task(passwords.verify(None, GOOD, source="ada"))

    results = await asyncio.gather(*tasks, other, return_exceptions=True)

    assert [isinstance(one, Unavailable) for one in results] == [False] * 4 + [True, False]
    assert await passwords.verify(None, GOOD, source="mallory") is False
