"""Secrets at rest are sealed for their place."""

from __future__ import annotations

import base64
import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from greenroom.security import vault as vault_module
from greenroom.security.vault import Vault, VaultError, load_or_create_key_file, parse_keys

OLD, NEW = os.urandom(32), os.urandom(32)
PLACE = {"table": "webhook_secrets", "row": "whs_1", "column": "secret_sealed"}


def test_a_sealed_text_opens_in_its_place() -> None:
    """A sealed text opens in its place, and differs each time."""
    vault = Vault([NEW])
    sealed = [vault.seal("canary é", **PLACE) for _ in range(2)]

    assert {vault.open(one, **PLACE) for one in sealed} == {"canary é"}
    assert sealed[0] != sealed[1]
    assert "canary" not in sealed[0]


@pytest.mark.parametrize("name", list(PLACE))
def test_moved_elsewhere_it_does_not_open(name: str) -> None:
    """A sealed text does not open in another row, column or table."""
    vault = Vault([NEW])
    sealed = vault.seal("canary", **PLACE)

    with pytest.raises(VaultError) as caught:
        vault.open(sealed, **{**PLACE, name: "other"})
    assert "canary" not in str(caught.value)


@pytest.mark.parametrize(
    "damage", [lambda s: s[:-4], lambda s: s[:-1] + ("A" if s[-1] != "A" else "B"), lambda s: s + "%", lambda s: ""]
)
def test_damage_is_noticed(damage: object) -> None:
    """A cut or changed text is an error, not another secret."""
    vault = Vault([NEW])
    with pytest.raises(VaultError):
        vault.open(damage(vault.seal("canary", **PLACE)), **PLACE)  # type: ignore[operator]


@given(st.text() | st.text().map(lambda text: f"{Vault([OLD]).seal('', **PLACE)[:13]}{text}"))
def test_any_text_opens_or_is_refused(text: str) -> None:
    """`VaultError` is the only error, whatever the text."""
    with pytest.raises(VaultError):
        Vault([OLD]).open(text, **PLACE)


def test_an_error_shows_no_key() -> None:
    """The message has the number of the bad key, and no key."""
    good = base64.b64encode(OLD).decode()
    with pytest.raises(VaultError, match="key 2 of 2") as caught:
        parse_keys([good, "canary"])
    assert good not in str(caught.value)
    assert "canary" not in str(caught.value)


def test_rotation() -> None:
    """The older key still opens; without it the error names the setting."""
    sealed = Vault([OLD]).seal("canary", **PLACE)
    both = Vault([NEW, OLD])

    assert both.open(sealed, **PLACE) == "canary"
    assert not both.is_current(sealed)
    assert both.is_current(both.seal("x", **PLACE))
    with pytest.raises(VaultError, match="GREENROOM_SECRET_KEY"):
        Vault([NEW]).open(sealed, **PLACE)


@pytest.mark.parametrize("texts", [["x"], [""], ["é"], ["\ud800"], [base64.b64encode(b"short").decode()], []])
def test_a_bad_key_is_counted_and_not_shown(texts: list[str]) -> None:
    """The message has the number of the bad key, never its text."""
    with pytest.raises(VaultError, match="GREENROOM_SECRET_KEY"):
        parse_keys(texts)


def test_the_key_file_is_made_once_and_closed(tmp_path: Path) -> None:
    """The key file has mode 0600; one that other users can read is refused."""
    path = tmp_path / "secret.key"
    made = load_or_create_key_file(path)

    assert load_or_create_key_file(path) == made
    assert len(parse_keys([made])[0]) == 32
    assert path.stat().st_mode & 0o777 == 0o600
    path.chmod(0o644)
    with pytest.raises(VaultError, match="chmod 600"):
        load_or_create_key_file(path)


def test_two_processes_that_start_at_once_have_one_key(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A process that starts while another creates the file reads the same, complete key."""
    path = tmp_path / "secret.key"
    second: list[str] = []
    random = os.urandom

    def meanwhile(size: int) -> bytes:
        monkeypatch.setattr(vault_module.os, "urandom", random)
        second.append(load_or_create_key_file(path))
        return random(size)

    monkeypatch.setattr(vault_module.os, "urandom", meanwhile)
    first = load_or_create_key_file(path)

    assert second == [first]
    assert len(parse_keys([first])[0]) == 32
    assert [one.name for one in tmp_path.iterdir()] == ["secret.key"]


def test_a_key_file_that_cannot_be_made_or_read(tmp_path: Path) -> None:
    """A missing directory and a file that is not text are errors."""
    with pytest.raises(VaultError, match="Cannot write"):
        load_or_create_key_file(tmp_path / "missing" / "secret.key")
    path = tmp_path / "secret.key"
    path.write_bytes(b"\xff\xfe")
    path.chmod(0o600)
    with pytest.raises(VaultError, match="Cannot read"):
        load_or_create_key_file(path)
