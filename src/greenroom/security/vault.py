"""
Secrets at rest: AES-256-GCM, with the key's id in front.

The associated data is the secret's place: table, row and column. A sealed text is `gv1.<key id>.<base64url of nonce and
ciphertext>`; moved to another place, it does not open.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import os
import stat
import tempfile
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

FORMAT = "gv1"
NONCE_BYTES = 12
KEY_BYTES = 32


class VaultError(Exception):
    """
    A key is unusable or missing, or a sealed text is damaged.

    The message names the setting, never a secret.
    """


class Vault:
    """
    Seals with the newest key, opens with any.

    `keys` are 32 bytes each, newest first, at least one.
    """

    def __init__(self, keys: Sequence[bytes]) -> None:
        self._ciphers = {_key_id(key): AESGCM(key) for key in keys}
        self._newest = _key_id(keys[0])

    def seal(self, plain: str, *, table: str, row: str, column: str) -> str:
        """Returns the sealed text of a secret for one place in the database."""
        nonce = os.urandom(NONCE_BYTES)
        sealed = self._ciphers[self._newest].encrypt(nonce, plain.encode(), _place(table, row, column))
        return f"{FORMAT}.{self._newest}.{base64.urlsafe_b64encode(nonce + sealed).decode()}"

    def open(self, sealed: str, *, table: str, row: str, column: str) -> str:
        """
        Returns the secret in a sealed text from one place in the database.

        Raises:
            VaultError: the key is not one of this vault, or the text was not sealed for this place.
        """
        kind, _, rest = sealed.partition(".")
        key_id, _, content = rest.partition(".")
        cipher = self._ciphers.get(key_id)
        if kind != FORMAT or cipher is None:
            raise VaultError(
                f"A secret in {table} is sealed with the key {key_id[:16] or '?'}, which this process does not have "
                f"(it has {', '.join(self._ciphers)}). Check GREENROOM_SECRET_KEY, or secret.key in the data directory."
            )
        try:
            packed = base64.b64decode(content, altchars=b"-_", validate=True)
            return cipher.decrypt(packed[:NONCE_BYTES], packed[NONCE_BYTES:], _place(table, row, column)).decode()
        except (InvalidTag, binascii.Error, ValueError) as error:
            raise VaultError(f"A secret in {table}.{column} of {row} is damaged or was moved there.") from error

    def is_current(self, sealed: str) -> bool:
        """Returns whether a text is sealed with the newest key."""
        return sealed.startswith(f"{FORMAT}.{self._newest}.")


def parse_keys(texts: Sequence[str]) -> list[bytes]:
    """
    Returns the keys in base64 texts.

    Raises:
        VaultError: one of them is not 32 bytes in base64; the message has its number, not its text.
    """
    keys = []
    for number, text in enumerate(texts, start=1):
        try:
            key = base64.b64decode(text, validate=True)
        except ValueError:
            key = b""
        if len(key) != KEY_BYTES:
            raise VaultError(f"GREENROOM_SECRET_KEY: key {number} of {len(texts)} is not {KEY_BYTES} bytes in base64.")
        keys.append(key)
    if not keys:
        raise VaultError("GREENROOM_SECRET_KEY is empty.")
    return keys


def load_or_create_key_file(path: Path) -> str:
    """
    Returns the key text in a file; creates the file if there is none.

    The file has mode 0600 from its first byte. When several processes start at once, one creates it and all read the
    same key.

    Raises:
        VaultError: the file cannot be created or read, or other users may read it.
    """
    if not path.exists():
        with suppress(FileExistsError):
            create_key_file(path, base64.b64encode(os.urandom(KEY_BYTES)).decode())
    return read_key_file(path)


def create_key_file(path: Path, text: str) -> None:
    """
    Writes a key text to a new file, which exists only once it is complete.

    Raises:
        FileExistsError: the file exists already.
        VaultError: the file cannot be created.
    """
    try:
        created, name = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
        try:
            with os.fdopen(created, "w", encoding="ascii") as file:
                file.write(f"{text}\n")
                file.flush()
                os.fsync(file.fileno())
            path.hardlink_to(name)
        finally:
            Path(name).unlink()
    except FileExistsError:
        raise
    except OSError as error:
        raise VaultError(f"Cannot write the encryption key to {path}: {error.strerror}.") from None


def read_key_file(path: Path) -> str:
    """
    Returns the key text in a file.

    Raises:
        VaultError: the file cannot be read, or other users may read it.
    """
    try:
        if stat.S_IMODE(path.stat().st_mode) & 0o077:
            raise VaultError(f"Others may read the encryption key {path}. Close it: chmod 600 {path}")
        return path.read_text(encoding="ascii").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise VaultError(f"Cannot read the encryption key {path}: {error}.") from None


def _key_id(key: bytes) -> str:
    return hashlib.sha256(b"greenroom key id" + key).hexdigest()[:8]


def _place(table: str, row: str, column: str) -> bytes:
    return f"{table}\x00{row}\x00{column}".encode()
