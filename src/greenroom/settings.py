"""Settings of the operator, read from the environment; each also as `…_FILE`."""

from __future__ import annotations

import difflib
import os
from collections.abc import Mapping
from ipaddress import IPv4Network, IPv6Network, ip_network
from pathlib import Path
from typing import Annotated, Literal, Self
from urllib.parse import urlsplit

from pydantic import BaseModel, ConfigDict, Field, ValidationError, ValidationInfo, field_validator

from greenroom.database_url import connect_options
from greenroom.mail_settings import check_address, read_mail_server, read_sender

PREFIX = "GREENROOM_"
#: longest retention in days
LONGEST_DAYS = 36500
#: addresses that get the alerts of the installation, or of a project
MOST_ALERT_EMAILS = 10


class SettingsError(Exception):
    """The environment cannot be used; the message names each invalid setting and its valid values."""


class Settings(BaseModel):
    """All settings. Field descriptions are the operator's documentation (see docs/settings.md)."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    data_dir: Annotated[Path, Field(description="Directory of the SQLite database and the encryption key.")] = Path(
        "data"
    )
    database_url: Annotated[
        str | None,
        Field(description="postgresql://user:password@host/database, or unset for SQLite in the data directory."),
    ] = None
    migrate: Annotated[
        Literal["auto", "refuse", "rollback"],
        Field(
            description="auto: a start applies pending migrations. refuse: it ends with exit status 3 and names the "
            "command to run. rollback: like refuse, but it accepts the tables of a newer version."
        ),
    ] = "auto"
    metrics_address: Annotated[
        str,
        Field(
            description="host:port for /metrics, /readyz and /healthz of `serve` and `work`; `serve` then no longer "
            "has /metrics on its own port. Empty: none."
        ),
    ] = ""
    public_url: Annotated[
        str, Field(description="Where people and other systems reach this gateway; used in links and endpoint URLs.")
    ] = "http://127.0.0.1:8000"
    secret_key: Annotated[
        tuple[str, ...],
        Field(
            description="Keys that encrypt credentials at rest, separated by commas or white space; the first one "
            "encrypts, any decrypts. 32 bytes each, in base64. Unset: made once and kept in the data directory."
        ),
    ] = ()
    allow_private_networks: Annotated[
        tuple[IPv4Network | IPv6Network, ...],
        Field(
            description="CIDR list, separated by commas: private networks that outgoing calls may reach. Empty: none."
        ),
    ] = ()
    outbound_proxy: Annotated[
        str | None,
        Field(
            description="http://[user:password@]host:port of a proxy that outgoing calls go through, except those to "
            "GREENROOM_ALLOW_PRIVATE_NETWORKS. Unset: none.",
            repr=False,
        ),
    ] = None
    allow_http: Annotated[
        bool, Field(description="Development: outgoing calls and result URLs may use http and local names.")
    ] = False
    trusted_proxies: Annotated[
        tuple[IPv4Network | IPv6Network, ...],
        Field(
            description="CIDR list, separated by commas: the proxies whose X-Forwarded-For and X-Forwarded-Proto are "
            "believed. Empty: none."
        ),
    ] = ()
    ats_urls: Annotated[
        dict[str, str],
        Field(description="Addresses of ATSs: name=url, separated by white space; each connector declares its names."),
    ] = {}
    rate_limit: Annotated[
        int, Field(ge=0, le=1_000_000, description="Requests that one API key may make in a minute; 0: no limit.")
    ] = 1000
    queue_limit: Annotated[
        int,
        Field(
            ge=0,
            description="Deliveries that may wait for one webhook, held ones too, before its project's orders are "
            "refused; 0: no limit.",
        ),
    ] = 1_000_000
    max_webhooks: Annotated[
        int, Field(ge=1, le=10_000, description="Webhooks that a project may have; each order looks at all of them.")
    ] = 100
    max_accounts: Annotated[int, Field(ge=1, description="Linked accounts that a project may have.")] = 100_000
    max_connect_sessions: Annotated[
        int, Field(ge=1, description="Connect sessions of a project that may be open at a time.")
    ] = 10_000
    retention_days: Annotated[
        int,
        Field(
            ge=1,
            le=LONGEST_DAYS,
            description="Days that events, ended deliveries and attempts are kept, unless their project says "
            "otherwise. Orders stay.",
        ),
    ] = 90
    stuck_after_hours: Annotated[
        float,
        Field(
            gt=0,
            le=LONGEST_DAYS * 24,
            description="Hours without progress after which the doctor names an order whose event was delivered.",
        ),
    ] = 168
    smtp_url: Annotated[
        str | None,
        Field(
            description="smtp://user:password@host:587 (STARTTLS is required) or smtps://user:password@host:465: the "
            "mail server that alerts are sent through. Unset: no mail is sent.",
            repr=False,
        ),
    ] = None
    mail_from: Annotated[
        str,
        Field(
            description="Sender of mails, such as Greenroom <greenroom@example.com>; required with GREENROOM_SMTP_URL.",
            validate_default=True,
        ),
    ] = ""
    alert_emails: Annotated[
        tuple[str, ...],
        Field(
            max_length=MOST_ALERT_EMAILS,
            description="E-mail addresses, separated by commas or white space, that get the findings about the "
            "installation itself. Empty: none.",
        ),
    ] = ()
    alert_scope: Annotated[
        Literal["installation", "all"],
        Field(
            description="What GREENROOM_ALERT_EMAILS get. installation: findings about the installation itself. all: "
            "also the errors of every project."
        ),
    ] = "installation"
    log_format: Annotated[Literal["text", "json"], Field(description="text for a terminal, json for a collector.")] = (
        "text"
    )
    tracing: Annotated[
        Literal["off", "on", "forward"],
        Field(
            description="OpenTelemetry traces, exported by OTLP over HTTP as the OTEL_ variables say; forward: "
            "webhooks carry traceparent, too."
        ),
    ] = "off"
    otlp_metrics: Annotated[
        bool,
        Field(description="The figures of /metrics are exported by OTLP over HTTP, too, as the OTEL_ variables say."),
    ] = False
    log_bodies: Annotated[
        Literal["off", "errors", "all"],
        Field(description="Which requests' headers and bodies the request log keeps; errors: of status 400 and above."),
    ] = "off"
    log_retention_days: Annotated[
        int, Field(ge=1, le=3650, description="How long the request log keeps a request, in days.")
    ] = 90
    audit_retention_days: Annotated[
        int, Field(ge=1, le=LONGEST_DAYS, description="How long the audit log keeps an entry, in days.")
    ] = 365

    @field_validator("secret_key", mode="before")
    @classmethod
    def _split_keys(cls, value: object) -> object:
        return tuple(value.replace(",", " ").split()) if isinstance(value, str) else value

    @field_validator("ats_urls", mode="before")
    @classmethod
    def _split_urls(cls, value: object) -> object:
        if not isinstance(value, str):
            return value
        urls: dict[str, str] = {}
        for part in value.split():
            name, _, url = part.partition("=")
            if not name or not url:
                raise ValueError(f"expected name=url, such as ats.api=https://ats.example.com, not {part[:60]!r}")
            if name in urls:
                raise ValueError(f"{name[:60]} is given twice")
            urls[name] = url
        return urls

    @field_validator("ats_urls")
    @classmethod
    def _absolute_urls(cls, value: dict[str, str]) -> dict[str, str]:
        for name, url in value.items():
            try:
                parts = urlsplit(url)
                fine = parts.scheme in ("http", "https") and parts.hostname and "@" not in parts.netloc
            except ValueError:
                fine = False
            if not fine or parts.query or parts.fragment:
                raise ValueError(f"{name[:60]}: expected an absolute URL without user name and query")
        return {name: url.rstrip("/") for name, url in value.items()}

    @property
    def is_https(self) -> bool:
        """Whether `public_url` uses https."""
        return self.public_url.startswith("https://")

    @field_validator("allow_private_networks", "trusted_proxies", mode="before")
    @classmethod
    def _split_networks(cls, value: object) -> object:
        return tuple(ip_network(part) for part in value.replace(",", " ").split()) if isinstance(value, str) else value

    @field_validator("outbound_proxy")
    @classmethod
    def _known_proxy(cls, value: str | None) -> str | None:
        parts = urlsplit(value or "http://unset:1")
        if parts.scheme != "http" or not parts.hostname or not parts.port or parts.path.strip("/") or parts.query:
            raise ValueError("expected http://host:port or http://user:password@host:port")
        return value or None

    @field_validator("public_url")
    @classmethod
    def _absolute(cls, value: str) -> str:
        parts = urlsplit(value)
        if parts.scheme not in ("http", "https") or not parts.hostname or parts.query or parts.fragment:
            raise ValueError("expected an absolute URL such as https://greenroom.example.com")
        return value.rstrip("/")

    @field_validator("smtp_url")
    @classmethod
    def _known_mail_server(cls, value: str | None) -> str | None:
        if value:
            read_mail_server(value)
        return value or None

    @field_validator("mail_from")
    @classmethod
    def _known_sender(cls, value: str, info: ValidationInfo) -> str:
        if value:
            read_sender(value)
        elif info.data.get("smtp_url"):
            raise ValueError("required with GREENROOM_SMTP_URL, such as Greenroom <greenroom@example.com>")
        return value

    @field_validator("alert_emails", mode="before")
    @classmethod
    def _split_emails(cls, value: object) -> object:
        return tuple(value.replace(",", " ").split()) if isinstance(value, str) else value

    @field_validator("alert_emails")
    @classmethod
    def _known_emails(cls, value: tuple[str, ...], info: ValidationInfo) -> tuple[str, ...]:
        if value and not info.data.get("smtp_url"):
            raise ValueError("needs GREENROOM_SMTP_URL, the mail server")
        return tuple(dict.fromkeys(check_address(one) for one in value))

    @field_validator("metrics_address")
    @classmethod
    def _host_and_port(cls, value: str) -> str:
        try:
            parts = urlsplit(f"//{value}")
            fine = not value or (parts.hostname and parts.port and parts.netloc == value and "@" not in value)
        except ValueError:  # the port is not a number up to 65535
            fine = False
        if not fine:
            raise ValueError("expected host:port such as 127.0.0.1:9464 or [::1]:9464")
        return value

    def get_metrics_listener(self) -> tuple[str, int] | None:
        """Returns the host and port of `metrics_address`; None if it is empty."""
        parts = urlsplit(f"//{self.metrics_address}")
        return (parts.hostname, parts.port) if parts.hostname and parts.port else None

    @field_validator("database_url")
    @classmethod
    def _known_database(cls, value: str | None) -> str | None:
        if value:
            connect_options(value)
        return value or None

    @classmethod
    def from_environment(cls, environment: Mapping[str, str] | None = None, **overrides: object) -> Self:
        """
        Reads the settings from the `GREENROOM_…` variables.

        `overrides` come from command-line options and take precedence; None leaves the environment's value.

        Raises:
            SettingsError: an unknown name (with the nearest known one), an unreadable `…_FILE`, an invalid value.
        """
        environment = os.environ if environment is None else environment
        values: dict[str, object] = {}
        for name, raw in environment.items():
            if name.startswith(PREFIX):
                values.update([_setting(cls, name, raw, environment)])
        values.update({name: value for name, value in overrides.items() if value is not None})
        try:
            return cls.model_validate(values)
        except ValidationError as error:
            lines = [
                f"{PREFIX}{str(fault['loc'][0]).upper()}: {fault['msg'].removeprefix('Value error, ')}"
                for fault in error.errors(include_input=False, include_url=False)
            ]
            raise SettingsError("\n".join(dict.fromkeys(lines))) from None


def _setting(cls: type[Settings], name: str, raw: str, environment: Mapping[str, str]) -> tuple[str, str]:
    plain = name.removeprefix(PREFIX).lower()
    if plain in cls.model_fields:
        return plain, raw
    stem = plain.removesuffix("_file")
    if stem == plain or stem not in cls.model_fields:
        near = difflib.get_close_matches(plain, cls.model_fields, n=1, cutoff=0.0)
        raise SettingsError(f"{name} is not a setting. Did you mean {PREFIX}{near[0].upper()}?")
    if f"{PREFIX}{stem.upper()}" in environment:
        raise SettingsError(f"{name} and {PREFIX}{stem.upper()} are both set. Keep one.")
    try:
        return stem, Path(raw).read_text(encoding="utf-8").strip()
    except OSError as error:
        raise SettingsError(f"{name}: cannot read {raw}: {error.strerror}") from None
