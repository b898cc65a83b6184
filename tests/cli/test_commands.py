"""The command line as real processes: output and exit status."""

from __future__ import annotations

import base64
import contextlib
import os
import sqlite3
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from tests.support import stem

COMMANDS = [
    "serve",
    "work",
    "sign-in-link",
    "migrate",
    "backup",
    "restore",
    "keys",
    "users",
    "audit",
    "apply",
    "export",
]
COMMANDS += ["listen", "check", "demo", "bench"]
FILE = """
[[projects]]
name = "acme"
retention_days = 30
order_retention_days = 400

[projects.integrations.greenhouse]
tenant_id = "acme"
partner_username = "acme"
partner_password = "env:PARTNER_PASSWORD"
package_id = "PACKAGE_1"

[[projects.webhooks]]
name = "orders"
url = "https://vendor.example.com/hooks"
events = ["ats_assessments.created"]
rate_limit = 2.5
"""


def greenroom(*arguments: str, data: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    """Runs a command with its own data directory."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("GREENROOM_")}
    variables = {**kept, "GREENROOM_DATA_DIR": str(data), "COLUMNS": "120", **environment}
    return stem.greenroom(*arguments, environment=variables)


@pytest.mark.parametrize("command", COMMANDS)
def test_help_says_what_it_does(command: str, tmp_path: Path) -> None:
    """Every command of the contract has help."""
    done = greenroom(command, "--help", data=tmp_path)

    assert done.returncode == 0
    assert "Usage" in done.stdout


def test_version_is_the_packages(tmp_path: Path) -> None:
    """`--version` prints the package's version and does nothing else."""
    declared = tomllib.loads(Path("pyproject.toml").read_text())["project"]["version"]
    variables = {**os.environ, "GREENROOM_DATA_DIR": str(tmp_path / "data")}
    fresh = [sys.executable, "-m", "greenroom", "--version"]
    done = subprocess.run(fresh, capture_output=True, text=True, env=variables, check=False)

    assert (done.returncode, done.stdout) == (0, f"greenroom {declared}\n")
    assert not (tmp_path / "data").exists()


def test_keys_create_prints_the_key_and_nothing_else(tmp_path: Path) -> None:
    """Scripts can read the key from stdout; later only its last characters are shown, and it can be revoked once."""
    made = greenroom("keys", "create", "--name", "ci", "--project", "acme", data=tmp_path)
    key = made.stdout.strip()
    listed = greenroom("keys", "list", data=tmp_path).stdout

    assert (made.returncode, made.stdout.count("\n")) == (0, 1)
    assert made.stderr == f"Stored in SQLite: {tmp_path / 'greenroom.db'}\n"
    assert key.startswith("gk_")
    assert key not in listed
    assert f"acme  ci  …{key[-4:]}  never used" in listed
    key_id = listed.split()[0]
    assert greenroom("keys", "revoke", key_id, data=tmp_path).returncode == 0
    again = greenroom("keys", "revoke", key_id, data=tmp_path)
    assert again.returncode == 1
    assert "No live key" in again.stderr


def test_keys_reseal_says_what_it_could_not_open(tmp_path: Path) -> None:
    """`keys reseal` continues after an unreadable value, exits 1, and changes nothing the second time."""
    assert greenroom("keys", "create", "--name", "x", data=tmp_path).returncode == 0
    keys = f"{base64.b64encode(bytes(32)).decode()},{(tmp_path / 'secret.key').read_text().strip()}"
    with contextlib.closing(sqlite3.connect(tmp_path / "greenroom.db")) as database, database:
        kept = "SELECT id, 'k', 'f', 200, 'gv1.01234567.x', 0 FROM projects"
        columns = "project_id, key, fingerprint, status, response_sealed, created_at"
        database.execute(f"INSERT INTO idempotency_keys ({columns}) {kept}")
    first, second = (greenroom("keys", "reseal", data=tmp_path, GREENROOM_SECRET_KEY=keys) for _ in range(2))

    assert (first.returncode, second.returncode) == (1, 1)
    assert first.stdout.splitlines()[0] == "installation.value_sealed: 1 resealed"
    assert second.stdout.startswith("0 values resealed")
    for done in (first, second):
        assert done.stderr.startswith("idempotency_keys.response_sealed: 1 could not be opened.")
        assert "the key 01234567" in done.stderr


@pytest.mark.parametrize("command", [("migrate",), ("migrate", "--check"), ("serve", "--port", "0")])
def test_a_database_of_a_newer_version_is_left_alone(command: tuple[str, ...], tmp_path: Path) -> None:
    """The error, as after a downgrade, says that the database is newer and what to do."""
    assert greenroom("migrate", data=tmp_path).returncode == 0
    with contextlib.closing(sqlite3.connect(tmp_path / "greenroom.db")) as database, database:
        database.execute("UPDATE alembic_version SET version_num = '9999'")
    done = greenroom(*command, data=tmp_path)

    assert done.returncode == 1
    assert "a newer Greenroom (revision 9999" in done.stderr
    assert "Start the newer version" in done.stderr
    assert "Traceback" not in done.stderr


def test_migrate_check_changes_nothing(tmp_path: Path) -> None:
    """`--check` lists the missing revisions and exits 1, or 0 if there are none."""
    before = greenroom("migrate", "--check", data=tmp_path)
    assert (before.returncode, list(tmp_path.iterdir())) == (1, [])
    assert greenroom("migrate", data=tmp_path).returncode == 0
    assert "Nothing to do" in greenroom("migrate", data=tmp_path).stdout
    after = greenroom("migrate", "--check", data=tmp_path)
    assert (after.returncode, after.stdout.strip()) == (0, "Up to date.")


def test_apply_twice_changes_nothing(tmp_path: Path) -> None:
    """`apply` prints a plan before the changes, and can apply an exported file."""
    file, data = tmp_path / "greenroom.toml", tmp_path / "data"
    file.write_text(FILE)

    asked = greenroom("apply", str(file), data=data, PARTNER_PASSWORD="pw")
    first = greenroom("apply", str(file), "--yes", data=data, PARTNER_PASSWORD="pw")
    second = greenroom("apply", str(file), "--yes", data=data, PARTNER_PASSWORD="pw")
    changed = greenroom("apply", str(file), "--yes", data=data, PARTNER_PASSWORD="other")
    exported = greenroom("export", data=data)

    assert asked.returncode == 1  # the question got no answer
    plan = ["+ project acme", "+ integration acme/greenhouse", "+ webhook acme/orders"]
    assert first.stdout.splitlines() == [*plan, "Done."]
    assert second.stdout.splitlines() == ["Nothing to change."]
    assert changed.stdout.splitlines() == ["~ integration acme/greenhouse: partner_password", "Done."]
    assert "pw" not in exported.stdout.replace("password", "")
    (project,) = tomllib.loads(exported.stdout)["projects"]
    assert project["webhooks"][0]["rate_limit"] == 2.5
    assert (project["retention_days"], project["order_retention_days"]) == (30, 400)
    assert project["integrations"]["greenhouse"]["partner_password"] == "env:GREENHOUSE_PARTNER_PASSWORD"
    file.write_text(exported.stdout)
    again = greenroom("apply", str(file), "--yes", data=data, GREENHOUSE_PARTNER_PASSWORD="other")
    assert again.stdout.splitlines() == ["Nothing to change."], again.stderr
    file.write_text('projects = [{name = "acme"}]')
    cleared = greenroom("apply", str(file), "--yes", data=data)
    assert cleared.stdout.splitlines() == ["~ project acme: retention_days, order_retention_days", "Done."]
    assert "retention_days" not in greenroom("export", data=data).stdout


def test_custom_headers_are_applied_once_and_exported_as_references(tmp_path: Path) -> None:
    """Their values come from the environment; a file without them leaves them, a reserved name is refused."""
    data, file = tmp_path / "data", tmp_path / "greenroom.toml"
    head, _, rest = FILE.partition("[projects.integrations.greenhouse]")
    plain = head + "[[projects.webhooks]]" + rest.partition("[[projects.webhooks]]")[2]
    file.write_text(plain + 'headers = {X-Api-Key = "env:ORDERS_X_API_KEY"}\n')
    first = greenroom("apply", str(file), "--yes", data=data, ORDERS_X_API_KEY="hk_4f9a77")
    assert first.stdout.splitlines()[-1] == "Done.", first.stderr
    exported = greenroom("export", data=data).stdout
    assert tomllib.loads(exported)["projects"][0]["webhooks"][0]["headers"] == {"X-Api-Key": "env:ORDERS_X_API_KEY"}
    for content, value, said in [
        (plain, "hk_4f9a77", ["Nothing to change."]),
        (exported, "hk_4f9a77", ["Nothing to change."]),
        (exported, "hk_other", ["~ webhook acme/orders: headers", "Done."]),
    ]:
        file.write_text(content)
        done = greenroom("apply", str(file), "--yes", data=data, ORDERS_X_API_KEY=value)
        assert done.stdout.splitlines() == said, done.stderr
    file.write_text(plain + 'headers = {Content-Length = "env:ORDERS_X_API_KEY"}\n')
    refused = greenroom("apply", str(file), "--yes", data=data, ORDERS_X_API_KEY="hk_4f9a77")
    assert (refused.returncode, "Content-Length is reserved" in refused.stderr) == (1, True)


def test_hub_and_alerts_are_applied_once(tmp_path: Path) -> None:
    """And stay as they are when the file does not have them; a bad origin is refused."""
    data, file = tmp_path / "data", tmp_path / "greenroom.toml"
    project = '[[projects]]\nname = "acme"\n'
    hub = '[projects.hub]\nallowed_origins = ["https://app.vendor.example"]\nbranding = {accent = "#0b5fff"}\n'
    alerts = '[projects.alerts]\nemails = ["Ada@vendor.example"]\nmin_severity = "warning"\n'
    file.write_text(project + hub + alerts)
    first = greenroom("apply", str(file), "--yes", data=data)
    assert first.stdout.splitlines() == ["+ project acme", "~ hub acme", "~ alerts acme", "Done."], first.stderr
    exported = greenroom("export", data=data).stdout
    assert tomllib.loads(exported)["projects"][0]["hub"] == {
        "allowed_origins": ["https://app.vendor.example"],
        "branding": {"accent": "#0b5fff"},
    }
    found = tomllib.loads(exported)["projects"][0]["alerts"]
    assert found == {"emails": ["ada@vendor.example"], "min_severity": "warning"}
    for content in (exported, project):
        file.write_text(content)
        assert greenroom("apply", str(file), "--yes", data=data).stdout == "Nothing to change.\n"
    file.write_text(project + hub.replace("https", "http"))
    refused = greenroom("apply", str(file), "--yes", data=data)
    assert (refused.returncode, "allowed_origins" in refused.stderr) == (1, True)


def test_the_settings_of_any_connector_are_applied_once(tmp_path: Path) -> None:
    """Those that are kept in one document, too; what was exported can be applied again."""
    data, file = tmp_path / "data", tmp_path / "greenroom.toml"
    ashby = """
[projects.integrations.ashby]
tenant_id = "acme-ashby"
package_id = "PACKAGE_1"
partner_id = "partner-1"
questions = [{id = "language", label = "Language", type = "select", options = [{value = "en", label = "English"}]}]
"""
    file.write_text(FILE.partition("[projects.integrations.greenhouse]")[0] + ashby)
    assert greenroom("apply", str(file), "--yes", data=data).returncode == 0
    assert greenroom("apply", str(file), "--yes", data=data).stdout == "Nothing to change.\n"
    exported = greenroom("export", data=data)
    (project,) = tomllib.loads(exported.stdout)["projects"]
    assert project["integrations"]["ashby"]["questions"][0]["type"] == "select"
    assert "callback_hosts" not in exported.stdout
    file.write_text(exported.stdout)
    assert greenroom("apply", str(file), "--yes", data=data).stdout == "Nothing to change.\n"


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("nonsense", "is not TOML"),
        ("[[project]]", "project: Unknown field. Did you mean projects?"),
        (FILE.replace("env:PARTNER_PASSWORD", "hunter2"), "write a reference"),
        (FILE, "the environment has no PARTNER_PASSWORD"),
        (FILE.replace("ats_assessments.created", "ats_x"), "is not an event"),
        (FILE.replace("https://vendor", "ftp://vendor").replace("env:PARTNER_PASSWORD", "env:PATH"), "url: expected"),
        (FILE.replace("integrations.greenhouse", "integrations.workday"), "Known: ashby, greenhouse"),
        (FILE.replace('package_id = "PACKAGE_1"', "").replace("env:PARTNER_PASSWORD", "env:PATH"), "has no packages"),
        (FILE.replace("= 30", "= 0"), "projects.0.retention_days: Input should be greater than or equal to 1"),
        (FILE.replace("= 30", "= 0.5"), "projects.0.retention_days: Input should be a valid integer"),
    ],
)
def test_a_bad_file_is_explained_and_nothing_is_done(content: str, said: str, tmp_path: Path) -> None:
    """The error is one line without a traceback or a secret."""
    file, data = tmp_path / "greenroom.toml", tmp_path / "data"
    file.write_text(content)

    done = greenroom("apply", str(file), "--yes", data=data)

    assert done.returncode == 1
    assert said in done.stderr
    assert "Traceback" not in done.stderr
    assert "hunter2" not in done.stderr
    assert "projects" not in greenroom("export", data=data).stdout.replace("projects = []", "")


def test_apply_refuses_what_the_api_refuses(tmp_path: Path) -> None:
    """A tenant id of another project is refused before anything is changed."""
    file, data = tmp_path / "greenroom.toml", tmp_path / "data"
    file.write_text(FILE)
    assert greenroom("apply", str(file), "--yes", data=data, PARTNER_PASSWORD="pw").returncode == 0
    file.write_text(FILE.replace('name = "acme"', 'name = "other"'))

    refused = greenroom("apply", str(file), "--yes", data=data, PARTNER_PASSWORD="pw")

    assert (refused.returncode, refused.stdout) == (1, "")
    assert "another project has 'acme' already" in refused.stderr
    assert '"other"' not in greenroom("export", data=data).stdout


@pytest.mark.parametrize("command", [("keys", "list"), ("serve", "--port", "0")])
@pytest.mark.parametrize(
    ("environment", "said"),
    [
        ({"GREENROOM_DATABASE_URI": "x"}, "Did you mean GREENROOM_DATABASE_URL?"),
        ({"GREENROOM_DATABASE_URL": "mysql://x"}, "GREENROOM_DATABASE_URL: "),
        ({"GREENROOM_PUBLIC_URL": "example.com"}, "GREENROOM_PUBLIC_URL: "),
        ({"GREENROOM_ALLOW_PRIVATE_NETWORKS": "10.0.0.0/99"}, "GREENROOM_ALLOW_PRIVATE_NETWORKS: "),
        ({"GREENROOM_SECRET_KEY": "short"}, "GREENROOM_SECRET_KEY: key 1 of 1"),
        ({"GREENROOM_SECRET_KEY_FILE": "/nowhere"}, "GREENROOM_SECRET_KEY_FILE: cannot read"),
        ({"GREENROOM_DATABASE_URL": "postgresql://127.0.0.1:1/x"}, "The database cannot be reached or changed: "),
        ({"GREENROOM_DATA_DIR": "/proc/nowhere"}, "GREENROOM_DATA_DIR: cannot make"),
    ],
)
def test_a_bad_setting_is_named(
    command: tuple[str, ...], environment: dict[str, str], said: str, tmp_path: Path
) -> None:
    """Every command reports a wrong setting in one line."""
    done = greenroom(*command, data=tmp_path / "data", **environment)

    assert done.returncode == 1
    assert said in done.stderr
    assert done.stderr.count("\n") == 1
    assert "Traceback" not in done.stderr


def test_one_gateway_per_data_directory(tmp_path: Path) -> None:
    """`work` and `--workers` are refused without PostgreSQL, since SQLite allows one process."""
    for arguments in (["work"], ["serve", "--workers", "2"]):
        done = greenroom(*arguments, data=tmp_path)
        assert done.returncode == 1
        assert "GREENROOM_DATABASE_URL" in done.stderr
