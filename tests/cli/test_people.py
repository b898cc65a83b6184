"""`greenroom users`, `greenroom audit` and scopes of keys, in real processes."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

from tests.cli.test_commands import greenroom

PASSWORD = "correct horse battery staple"


def create_user(email: str, password: str, data: Path) -> subprocess.CompletedProcess[str]:
    """Runs `users create` with a password on stdin."""
    command = [sys.executable, "-m", "greenroom", "users", "create", "--email", email, "--name", "Ada"]
    kept = {name: value for name, value in os.environ.items() if not name.startswith("GREENROOM_")}
    return subprocess.run(
        [*command, "--data", str(data)], input=f"{password}\n", capture_output=True, text=True, env=kept
    )


def test_people_are_made_and_the_audit_log_says_so(tmp_path: Path) -> None:
    """By whom at the command line, without a secret; bad input is a line, not a traceback."""
    key = greenroom("keys", "create", "--name", "ci", "--scope", "read", "--expires", "2040-01-02", data=tmp_path)
    listed = greenroom("keys", "list", data=tmp_path)
    weak = create_user("ada@example.com", "short", tmp_path)
    made = create_user("Ada@example.com", PASSWORD, tmp_path)
    taken = create_user("ada@example.com", PASSWORD, tmp_path)
    users = greenroom("users", "list", data=tmp_path)
    invited = greenroom("users", "invite", "--email", "bob@example.com", "--role", "viewer", data=tmp_path)
    reset = greenroom("users", "reset", "--email", "ADA@example.com", "--totp-off", data=tmp_path)
    nobody = greenroom("users", "reset", "--email", "eve@example.com", data=tmp_path)
    nowhere = greenroom("users", "invite", "--email", "bob@example.com", "--project", "x", data=tmp_path)
    late = greenroom("keys", "create", "--name", "late", "--expires", "2020-01-01", data=tmp_path)
    exported = greenroom("audit", "export", "--project", "default", data=tmp_path)
    everything = greenroom("audit", "export", "--since", "2020-01-01", data=tmp_path)

    assert "never used  read  expires 2040-01-02T00:00:00.000Z" in listed.stdout
    assert made.returncode == 0, made.stderr
    assert users.stdout.split("  ")[1:] == ["ada@example.com", "Ada", "owner of default\n"]
    assert "/invitations/" in invited.stdout
    assert "/reset-password/" in reset.stdout
    refusals = [(weak, "password: "), (taken, "belongs to a user"), (nobody, "users list"), (nowhere, "No project x")]
    for refused, said in [*refusals, (late, "expires_at")]:
        assert refused.returncode == 1
        assert said in refused.stderr
        assert "Traceback" not in refused.stderr
    lines = [json.loads(line) for line in exported.stdout.splitlines()]
    assert {one["action"] for one in lines} == {
        "project.created",
        "api_key.created",
        "member.added",
        "invitation.created",
    }
    assert {one["actor"]["kind"] for one in lines} == {"cli"}
    assert all(one["actor"]["name"] for one in lines)
    assert "user.password_reset_created" in everything.stdout
    for secret in (key.stdout.strip(), PASSWORD, invited.stdout.rpartition("/")[2], reset.stdout.rpartition("/")[2]):
        assert secret.strip() not in everything.stdout


def test_a_candidate_is_erased(tmp_path: Path) -> None:
    """After a question; the certificate is JSON, and bad input is a line, not a traceback."""
    greenroom("keys", "create", "--name", "ci", "--project", "acme", data=tmp_path)
    asked = greenroom("erase", "--project", "acme", "--email", "ada@example.test", data=tmp_path)
    done = greenroom("erase", "--project", "acme", "--email", "ada@example.test", "--yes", data=tmp_path)
    bad = greenroom("erase", "--project", "acme", "--email", "ada", "--yes", data=tmp_path)
    nowhere = greenroom("erase", "--project", "x", "--email", "ada@example.test", "--yes", data=tmp_path)

    certificate = json.loads(done.stdout)
    assert (certificate["order_ids"], certificate["counts"]["orders"], certificate["complete"]) == ([], 0, True)
    assert "ada" not in done.stdout
    assert asked.returncode == 1
    for refused, said in ((bad, "email: "), (nowhere, "No project x")):
        assert refused.returncode == 1
        assert said in refused.stderr
        assert "Traceback" not in refused.stderr
