"""People who use the dashboard: users, their roles in projects, their sessions and invitations."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from ipaddress import ip_address, ip_network
from typing import Literal, get_args

from greenroom.model.audit import Actor
from greenroom.model.projects import Project

Role = Literal["viewer", "developer", "owner"]
#: rising: each role includes those before it
ROLES: tuple[Role, ...] = get_args(Role)
LONGEST_USER_AGENT = 300


def has_role(role: Role | None, needed: Role) -> bool:
    """Returns whether a role includes the needed one; None includes none."""
    return role is not None and ROLES.index(role) >= ROLES.index(needed)


@dataclass(frozen=True)
class Client:
    """Where a person signs in from: the IP address, after trusted proxies, and the browser's User-Agent."""

    address: str | None = None
    user_agent: str | None = None

    @property
    def network(self) -> str | None:
        """The address prefix that a session keeps: /24 of IPv4, /48 of IPv6."""
        return _network(self.address, 24, 48)

    @property
    def source(self) -> str:
        """What sign-in attempts are counted by: the address of IPv4, the /64 of IPv6."""
        return _network(self.address, 32, 64) or "unknown"


def _network(address: str | None, v4: int, v6: int) -> str | None:
    try:
        found = ip_address(address or "")
    except ValueError:
        return None
    return str(ip_network((found, v4 if found.version == 4 else v6), strict=False))


@dataclass(frozen=True)
class User:
    """A person with a password. `email` is in lower case; `has_totp` says that sign-in asks for a code."""

    id: str
    email: str
    name: str
    has_totp: bool
    created_at: datetime


@dataclass(frozen=True)
class Member:
    """A user and their role in one project."""

    user: User
    role: Role
    since: datetime


@dataclass(frozen=True)
class Identity:
    """
    Whose session a request carries, and what it may do in one project.

    `user` is None for a session of a sign-in link, which is an owner of every project. `project` and `role` are None
    unless the session may see the project that was asked for. `is_idle` asks for `sessions.touch`.
    """

    session_id: str
    user: User | None
    project: Project | None = None
    role: Role | None = None
    is_idle: bool = False

    def can(self, needed: Role) -> bool:
        """Returns whether the session has this role, or one that includes it, in the project."""
        return has_role(self.role, needed)

    def actor(self, client: Client) -> Actor:
        """Returns the actor for `Context.actor`, so that services audit what this session changes."""
        if self.user is None:
            return Actor("sign_in_link", self.session_id, "sign-in link", client.address)
        return Actor("user", self.user.id, self.user.email, client.address)


@dataclass(frozen=True)
class Session:
    """A live session as its user sees it; `network` is an address prefix."""

    id: str
    user_id: str | None
    network: str | None
    user_agent: str | None
    created_at: datetime
    last_used_at: datetime
    expires_at: datetime


@dataclass(frozen=True)
class SignedIn:
    """
    The outcome of a right password: the token of a new session, or of the step that asks for a code.

    `needs_code` says that `token` opens nothing yet: give it to `sign_in.with_code` together with the code.
    """

    token: str = field(repr=False)
    user: User
    needs_code: bool = False


@dataclass(frozen=True)
class Invitation:
    """An invitation that can still be accepted. `has_user` says that its e-mail address belongs to a user already."""

    id: str
    project_id: str
    project_name: str
    email: str
    role: Role
    has_user: bool
    invited_by: str | None
    created_at: datetime
    expires_at: datetime
