"""Users, their roles in projects, and their second factors."""

from __future__ import annotations

from collections.abc import Sequence

from greenroom.model.people import Member, Role, User
from greenroom.model.projects import Project
from greenroom.store.db import Row, Tx, from_ms


async def add(tx: Tx, user_id: str, *, email: str, name: str, password_hash: str) -> bool:
    """Stores a user. False: the e-mail address belongs to another one."""
    return (
        await tx.run(
            "INSERT INTO users (id, email, name, password_hash, created_at, updated_at) "
            "VALUES ($1, $2, $3, $4, now_ms(), now_ms()) ON CONFLICT (email) DO NOTHING",
            user_id,
            email,
            name,
            password_hash,
        )
        == 1
    )


async def find(tx: Tx, user_id: str, *, lock: bool = False) -> Row | None:
    """Returns a user's row; `lock` keeps others from changing it until the transaction ends."""
    return await tx.one(f"SELECT * FROM users WHERE id = $1 {'{for_update}' if lock else ''}", user_id)  # noqa: S608


async def find_by_email(tx: Tx, email: str) -> Row | None:
    """Returns the row of the user with this e-mail address, which is in lower case."""
    return await tx.one("SELECT * FROM users WHERE email = $1", email)


async def list_users(tx: Tx) -> list[tuple[User, dict[str, Role]]]:
    """Returns every user by e-mail address, with their role in each project by the project's name."""
    roles: dict[str, dict[str, Role]] = {}
    for row in await tx.all(
        "SELECT m.user_id, m.role, p.name FROM members m JOIN projects p ON p.id = m.project_id ORDER BY p.name"
    ):
        roles.setdefault(row["user_id"], {})[row["name"]] = row["role"]
    return [(read_user(row), roles.get(row["id"], {})) for row in await tx.all("SELECT * FROM users ORDER BY email")]


async def set_password(tx: Tx, user_id: str, password_hash: str) -> None:
    """Replaces a user's password hash."""
    await tx.run("UPDATE users SET password_hash = $2, updated_at = now_ms() WHERE id = $1", user_id, password_hash)


async def set_totp(tx: Tx, user_id: str, secret_sealed: str | None) -> None:
    """Stores a secret that is pending until `enable_totp`; None turns two-factor sign-in off."""
    await tx.run(
        "UPDATE users SET totp_secret_sealed = $2, totp_enabled_at = NULL, totp_last_step = NULL, "
        "updated_at = now_ms() WHERE id = $1",
        user_id,
        secret_sealed,
    )


async def enable_totp(tx: Tx, user_id: str) -> None:
    """Turns two-factor sign-in on."""
    await tx.run("UPDATE users SET totp_enabled_at = now_ms(), updated_at = now_ms() WHERE id = $1", user_id)


async def use_step(tx: Tx, user_id: str, step: int) -> bool:
    """Uses up the code of a time step. False: it, or a later one, was used before."""
    return (
        await tx.run(
            "UPDATE users SET totp_last_step = $2 WHERE id = $1 AND coalesce(totp_last_step, -1) < $2", user_id, step
        )
        == 1
    )


async def replace_recovery_codes(tx: Tx, user_id: str, hashes: Sequence[str]) -> None:
    """Replaces a user's recovery codes."""
    await tx.run("DELETE FROM recovery_codes WHERE user_id = $1", user_id)
    await tx.many("INSERT INTO recovery_codes (user_id, code_hash) VALUES ($1, $2)", [(user_id, one) for one in hashes])


async def use_recovery_code(tx: Tx, user_id: str, code_hash: str) -> bool:
    """Uses up a recovery code. False: there is none."""
    return await tx.run("DELETE FROM recovery_codes WHERE user_id = $1 AND code_hash = $2", user_id, code_hash) == 1


async def count_recovery_codes(tx: Tx, user_id: str) -> int:
    """Returns how many recovery codes a user has left."""
    row = await tx.one("SELECT count(*) AS number FROM recovery_codes WHERE user_id = $1", user_id)
    return row["number"] if row else 0


async def add_member(tx: Tx, project_id: str, user_id: str, role: Role) -> bool:
    """Gives a user a role in a project. False: the user has one."""
    return (
        await tx.run(
            "INSERT INTO members (project_id, user_id, role, created_at) VALUES ($1, $2, $3, now_ms()) "
            "ON CONFLICT (project_id, user_id) DO NOTHING",
            project_id,
            user_id,
            role,
        )
        == 1
    )


async def find_role(tx: Tx, project_id: str, user_id: str) -> Role | None:
    """Returns a user's role in a project."""
    row = await tx.one("SELECT role FROM members WHERE project_id = $1 AND user_id = $2", project_id, user_id)
    return row["role"] if row else None


async def set_role(tx: Tx, project_id: str, user_id: str, role: Role | None) -> None:
    """Changes a member's role; None removes the member."""
    if role is None:
        await tx.run("DELETE FROM members WHERE project_id = $1 AND user_id = $2", project_id, user_id)
    else:
        await tx.run("UPDATE members SET role = $3 WHERE project_id = $1 AND user_id = $2", project_id, user_id, role)


async def count_owners(tx: Tx, project_id: str) -> int:
    """Returns how many owners a project has."""
    row = await tx.one("SELECT count(*) AS number FROM members WHERE project_id = $1 AND role = 'owner'", project_id)
    return row["number"] if row else 0


async def list_members(tx: Tx, project_id: str) -> list[Member]:
    """Returns a project's members by e-mail address."""
    rows = await tx.all(
        "SELECT u.*, m.role, m.created_at AS since FROM members m JOIN users u ON u.id = m.user_id "
        "WHERE m.project_id = $1 ORDER BY u.email",
        project_id,
    )
    return [Member(read_user(row), row["role"], from_ms(row["since"])) for row in rows]


async def list_projects(tx: Tx, user_id: str) -> list[tuple[Project, Role]]:
    """Returns the projects that a user is a member of, by name, with the role in each."""
    rows = await tx.all(
        "SELECT p.*, m.role FROM members m JOIN projects p ON p.id = m.project_id WHERE m.user_id = $1 ORDER BY p.name",
        user_id,
    )
    return [
        (
            Project(
                row["id"],
                row["name"],
                retention_days=row["retention_days"],
                order_retention_days=row["order_retention_days"],
            ),
            row["role"],
        )
        for row in rows
    ]


def read_user(row: Row) -> User:
    """Returns the user of a row, without secrets."""
    has_totp = row["totp_enabled_at"] is not None
    return User(row["id"], row["email"], row["name"], has_totp, from_ms(row["created_at"]))
