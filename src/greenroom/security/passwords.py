"""
Passwords: hashed with argon2id, in threads of their own, so many at a time.

One hash takes 64 MiB and some 50 ms of a core, so both the number that runs and the number that waits are bounded.
"""

from __future__ import annotations

import asyncio
import secrets
import unicodedata
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from typing import TYPE_CHECKING, TypeVar

from greenroom.errors import Invalid, Unavailable

if TYPE_CHECKING:
    from argon2 import PasswordHasher

T = TypeVar("T")
SHORTEST = 12
LONGEST = 256
#: hashes that are computed at a time
THREADS = 2
#: hashes that may wait for one source, and in all
MOST_OF_ONE = 4
MOST = 64

_threads = ThreadPoolExecutor(THREADS, thread_name_prefix="argon2")
_waiting: Counter[str] = Counter()


def check(password: str, *, email: str) -> None:
    """
    Raises unless a new password is acceptable.

    Raises:
        Invalid: shorter than 12 characters, longer than 256, or the e-mail address itself.
    """
    problem = None
    if len(password) < SHORTEST:
        problem = f"password: is shorter than {SHORTEST} characters; choose a longer one"
    elif len(password) > LONGEST:
        problem = f"password: is longer than {LONGEST} characters; choose a shorter one"
    elif password.strip().lower() == email:
        problem = "password: is the e-mail address; choose another one"
    elif len(set(password)) < 4:
        problem = "password: repeats too few characters; choose another one"
    if problem:
        raise Invalid(problem, errors=[problem])


async def hash_password(password: str, *, source: str = "") -> str:
    """
    Returns the argon2id hash of a password; `source` is the caller that a bound counts by.

    Raises:
        Unavailable: too many hashes wait already.
    """
    return await _run(source, lambda: _hasher().hash(_normal(password)))


async def verify(stored: str | None, password: str, *, source: str = "") -> bool:
    """
    Returns whether a password has the stored hash. Without a stored hash the work is the same, and the answer False.

    Raises:
        Unavailable: too many hashes wait already.
    """
    return await _run(source, lambda: _verify(stored, password))


def is_outdated(stored: str) -> bool:
    """Returns whether a hash was made with other parameters than today's."""
    return _hasher().check_needs_rehash(stored)


def _verify(stored: str | None, password: str) -> bool:
    from argon2.exceptions import VerificationError

    # a password over the limit was never stored, and is as much work as any other wrong one
    fits = len(password) <= LONGEST
    try:
        _hasher().verify(stored or _hash_of_nobody(), _normal(password[:LONGEST]))
    except VerificationError:
        return False
    return stored is not None and fits


async def _run(source: str, work: Callable[[], T]) -> T:
    if _waiting[source] >= MOST_OF_ONE or _waiting.total() >= MOST:
        raise Unavailable("Too many people sign in at this moment. Try again in a few seconds.")
    _waiting[source] += 1
    try:
        return await asyncio.get_running_loop().run_in_executor(_threads, work)
    finally:
        _waiting[source] -= 1
        if not _waiting[source]:
            del _waiting[source]


def _normal(password: str) -> bytes:
    # the same password from another keyboard may have other code points (NIST SP 800-63B, 3.1.1.2)
    return unicodedata.normalize("NFKC", password).encode(errors="replace")


@cache
def _hasher() -> PasswordHasher:
    from argon2 import PasswordHasher  # only sign-in needs the library

    return PasswordHasher()


@cache
def _hash_of_nobody() -> str:
    return _hasher().hash(secrets.token_urlsafe(32))
