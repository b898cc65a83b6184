"""
Hierarchy of the deliberate errors.

    GreenroomError
    ├── Refused                an error answer to the caller; carries the HTTP status
    │   ├── BadRequest 400 · Unauthorized 401 · Forbidden 403 · NotFound 404 · Gone 410
    │   ├── TooSlow 408 · Conflict 409 · PreconditionFailed 412 · PayloadTooLarge 413 · Invalid 422
    │   ├── TooManyRequests 429 · HeadTooLarge 431 · NotSupported 501 · BadGateway 502 (RequestTimeout 408)
    │   ├── Unavailable 503 · SecretUnreadable 503 · QueueFull 503 · TooManyConnections 503
    │       └── NewerDatabase, MigrationsPending: commands end with them, no request does
    ├── AccessError            a customer's access to an ATS's API cannot be used; carries a code of the causes
    └── RemoteError            an outgoing call that failed; carries the retry policy
        ├── TryLater           the other side is not able to answer now
        ├── GiveUp             a repeated call would fail, too
        └── LocalFault         Greenroom could not make the call; the other side is not at fault

`api` renders a `Refused`, `engine` reads the retry policy of a `RemoteError`; no other detail is used.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, ClassVar, Literal

Kind = Literal[
    "http_status",  # an answer whose status is not a success
    "redirect",  # an answer that is a redirect; redirects are never followed
    "timeout",  # the total deadline passed
    "dns",  # the name could not be looked up now
    "dns_unknown",  # the name does not exist
    "connect",  # no connection
    "reset",  # the connection broke before the answer was complete
    "tls",  # the certificate or the handshake was refused
    "protocol",  # the answer is not HTTP/1.1, or over the limits of its head
    "forbidden_address",  # the guard refused the destination
    "bad_url",  # the URL cannot be called
    "bad_answer",  # the answer can be read, but not used
    "not_configured",  # a credential or setting that the call needs is missing
    "internal",  # Greenroom's own code failed on this call
    "sealed",  # a secret that the call needs cannot be opened with this process's encryption keys
    "mail_server",  # the mail server does not serve Greenroom: its greeting, the sign-in, the sender
    "mail_refused",  # the mail server does not take this message, or not for this recipient
    "proxy",  # the outbound proxy cannot be used, or does not reach the destination
    "no_resources",  # this process has no file descriptor, memory or port left for a connection
]


@dataclass(frozen=True)
class ProviderError:
    """
    The answer of a remote party, to be shown to the caller.

    It contains no credential of Greenroom's: `url` has neither user-info nor query; `raw` is the body when it was a
    JSON object; `headers` are the few that help.
    """

    url: str
    status: int | None = None
    raw: dict[str, Any] | None = None
    headers: dict[str, str] | None = None


class GreenroomError(Exception):
    """An error that Greenroom raises deliberately, as opposed to a defect."""


class Refused(GreenroomError):
    """
    A request that is refused; rendered as the error answer.

    `message` tells a person the cause and the remedy. `errors` has one line per field, each beginning
    with the field's path. `code` is a stable word for programs; by default the class's own. `retry_after` is in whole
    seconds and says that a retry may succeed. `provider_errors` are the answers of remote parties.
    """

    status: ClassVar[int] = 400
    code: str = "Refused"

    def __init__(
        self,
        message: str,
        *,
        code: str | None = None,
        errors: list[str] | None = None,
        retry_after: int | None = None,
        provider_errors: list[ProviderError] | None = None,
    ) -> None:
        super().__init__(message)
        self.message = message
        self.code = code or type(self).code
        self.errors = errors or []
        self.retry_after = retry_after
        self.provider_errors = provider_errors or []


class BadRequest(Refused):
    """The request cannot be read: not JSON, a missing parameter, a malformed header."""

    status = 400
    code = "BadRequest"


class Unauthorized(Refused):
    """No valid credential; a missing, a wrong and a revoked one get the same answer."""

    status = 401
    code = "Unauthorized"

    def __init__(
        self, message: str = "Give a valid API key as the Basic user name.", *, code: str | None = None
    ) -> None:
        super().__init__(message, code=code)


class Forbidden(Refused):
    """The credential is valid, but not for this request."""

    status = 403
    code = "Forbidden"


class NotFound(Refused):
    """The resource does not exist, or is another project's; the answer is the same."""

    status = 404
    code = "NotFound"


class Conflict(Refused):
    """The request contradicts the current state."""

    status = 409
    code = "Conflict"


class Gone(Refused):
    """The resource existed and has ended."""

    status = 410
    code = "Gone"


class PreconditionFailed(Refused):
    """The integration is disabled, or the account's state does not allow the request."""

    status = 412
    code = "PreconditionFailed"


class PayloadTooLarge(Refused):
    """The body is over the limit."""

    status = 413
    code = "PayloadTooLarge"


class Invalid(Refused):
    """The request can be read, but the value of a field is not acceptable."""

    status = 422
    code = "ValidationError"


class TooSlow(Refused):
    """The request was not received within its deadline."""

    status = 408
    code = "TooSlow"


class HeadTooLarge(Refused):
    """The request line with the headers, or the trailers, are over the limit."""

    status = 431
    code = "HeadTooLarge"

    def __init__(self, *, max_bytes: int, max_headers: int) -> None:
        super().__init__(
            f"The request line and headers are over {max_bytes // 1024} KiB, or over {max_headers} headers. "
            "Send fewer or shorter ones."
        )


class TooManyRequests(Refused):
    """The caller is over its rate limit; `retry_after` says when to retry."""

    status = 429
    code = "TooManyRequests"


class NotSupported(Refused):
    """The provider has no such operation."""

    status = 501
    code = "NotSupported"


class BadGateway(Refused):
    """A remote party that was called on the caller's behalf failed."""

    status = 502
    code = "BadGateway"


class RequestTimeout(BadGateway):
    """A remote party that was called on the caller's behalf did not answer in time."""

    status = 408
    code = "RequestTimeout"


class Unavailable(Refused):
    """Greenroom cannot answer now: the database is unreachable or full."""

    status = 503
    code = "Unavailable"

    def __init__(self, message: str = "The database does not answer. Try again shortly.") -> None:
        super().__init__(message, retry_after=5)


class NewerDatabase(Unavailable):
    """A newer version has migrated the database."""


class MigrationsPending(Unavailable):
    """The database lacks migrations, and this process may not apply them."""

    def __init__(self, missing: Sequence[str]) -> None:
        span = missing[0] if len(missing) == 1 else f"{missing[0]} to {missing[-1]}"
        super().__init__(
            f"The database lacks {len(missing)} of this version's migrations ({span}), and GREENROOM_MIGRATE does not "
            "let this command apply them. Run `greenroom migrate` once, then start again."
        )


class SecretUnreadable(Refused):
    """
    A sealed value that the request needs does not open with this process's keys.

    The process's log says which value.
    """

    status = 503
    code = "SecretUnreadable"

    def __init__(self) -> None:
        message = (
            "A stored secret that this request needs cannot be opened with this gateway's encryption key. Try again "
            "shortly; the operator finds the cause in the gateway's log."
        )
        super().__init__(message, retry_after=5)


class QueueFull(Refused):
    """The queue of a webhook of this project is full; new deliveries are refused."""

    status = 503
    code = "QueueFull"

    def __init__(self, message: str) -> None:
        super().__init__(message, retry_after=60)


class TooManyConnections(Refused):
    """This process has reached its limit of connections, and none of them is idle."""

    status = 503
    code = "TooManyConnections"

    def __init__(self) -> None:
        super().__init__("All connections of the gateway are in use. Try again shortly.", retry_after=1)


class RemoteError(GreenroomError):
    """
    An outgoing call failed.

    `reason` is a sentence without any secret. `kind` is a word of a closed list.
    """

    def __init__(self, reason: str, *, kind: Kind) -> None:
        super().__init__(reason)
        self.reason = reason
        self.kind = kind


class TryLater(RemoteError):
    """The other side is not able to answer now."""

    def __init__(self, reason: str, *, kind: Kind, wait: timedelta | None = None) -> None:
        super().__init__(reason, kind=kind)
        self.wait = wait  #: of the answer's Retry-After; None leaves the wait to the retry schedule


class GiveUp(RemoteError):
    """A repeated call would fail, too; the cause must be corrected by a person."""

    def __init__(self, reason: str, *, kind: Kind, gone: bool = False) -> None:
        super().__init__(reason, kind=kind)
        self.gone = gone  #: whether the answer was 410 Gone, after which the destination is not called again


class LocalFault(RemoteError):
    """
    Greenroom could not make the call for a local reason: no free file descriptor, an unusable proxy.

    The engine records no attempt: the delivery keeps its place in the retry schedule, its destination's circuit breaker
    stays as it is, and the delivery is repeated every few seconds. `process_wide` says that every call of this process
    would fail now; without it, only calls to this destination.
    """

    def __init__(self, reason: str, *, kind: Kind, process_wide: bool = False) -> None:
        super().__init__(reason, kind=kind)
        self.process_wide = process_wide


class AccessError(GreenroomError):
    """
    A call of an ATS's API with a customer's access failed, or cannot be made.

    `code` is one of the catalogue of causes (`hiring_team.…`). `reason` is a message to people without any secret.
    `wait` is the time after which a repeated call may succeed; None: a person must act first. `status` is the ATS's
    answer, if there was one.
    """

    def __init__(self, code: str, reason: str, *, wait: timedelta | None = None, status: int | None = None) -> None:
        super().__init__(reason)
        self.code = code
        self.reason = reason
        self.wait = wait
        self.status = status
