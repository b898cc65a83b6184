"""What can be wrong with a request to the simulator's own API, in words for the person who made it."""

from __future__ import annotations


class SandboxError(Exception):
    """A refusal with an HTTP status, the field it is about (or None) and a sentence for people."""

    status = 422

    def __init__(self, message: str, field: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.field = field


class Refused(SandboxError):
    """The value is not acceptable (422)."""


class Conflict(SandboxError):
    """Nothing wrong with the value, but not in this state (409)."""

    status = 409


class NotFound(SandboxError):
    """No such object (404)."""

    status = 404


class NotJson(SandboxError):
    """The body is not JSON (400)."""

    status = 400


class Forbidden(SandboxError):
    """Not for whoever asks (403)."""

    status = 403


class TooLarge(SandboxError):
    """The body is above the limit (413)."""

    status = 413
