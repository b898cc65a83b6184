"""The errors of the simulator's API and pages."""

from __future__ import annotations


class SandboxError(Exception):
    """An error with an HTTP status, a message and the field that it is about, if any."""

    status = 422

    def __init__(self, message: str, field: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.field = field


class Refused(SandboxError):
    """The value is not valid (422)."""


class Conflict(SandboxError):
    """The value is valid, but not in the present state (409)."""

    status = 409


class NotFound(SandboxError):
    """The object does not exist (404)."""

    status = 404


class NotJson(SandboxError):
    """The body is not JSON (400)."""

    status = 400


class Forbidden(SandboxError):
    """The caller is not allowed to do this (403)."""

    status = 403


class TooLarge(SandboxError):
    """The body is above the limit (413)."""

    status = 413
