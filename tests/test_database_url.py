"""PostgreSQL URLs are read in the same way as by libpq."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from greenroom.database_url import connect_options
from greenroom.settings import Settings, SettingsError

SECRET = "hunter2"


@pytest.mark.parametrize(
    ("url", "options"),
    [
        ("postgresql://", {}),
        ("postgres://db", {"host": ["db"]}),
        ("postgresql://db/name", {"host": ["db"], "database": "name"}),
        ("postgresql://me@db:6543/name", {"user": "me", "host": ["db"], "port": [6543], "database": "name"}),
        ("postgresql://me:p%40%3A%2F%3F%25%20+@db", {"user": "me", "password": "p@:/?% +", "host": ["db"]}),
        ("postgresql://me:p#s?s@db/n", {"user": "me", "password": "p#s?s", "host": ["db"], "database": "n"}),
        ("postgresql://u%C3%A9:%F0%9F%94%91@db", {"user": "ué", "password": "🔑", "host": ["db"]}),
        ("postgresql://a:1,b:2/n", {"host": ["a", "b"], "port": [1, 2], "database": "n"}),
        ("postgresql://a,b:2/n", {"host": ["a", "b"], "port": [5432, 2], "database": "n"}),
        ("postgresql://a,b/n?port=9", {"host": ["a", "b"], "port": [9, 9], "database": "n"}),
        ("postgresql://[::1]:9,[fe80::2]/n", {"host": ["::1", "fe80::2"], "port": [9, 5432], "database": "n"}),
        ("postgresql:///n?host=::1&port=9", {"host": ["::1"], "port": [9], "database": "n"}),
        ("postgresql://:9/n", {"port": 9, "database": "n"}),
        ("postgresql://%2Fvar%2Frun/n", {"host": ["/var/run"], "database": "n"}),
        ("postgresql://me@/n?host=/var/run&port=9", {"user": "me", "host": ["/var/run"], "port": [9], "database": "n"}),
        ("postgresql://a/n?host=b&dbname=m&user=u", {"host": ["b"], "database": "m", "user": "u"}),
        ("postgresql://db?password=a+b%26c", {"host": ["db"], "password": "a+b&c"}),
        ("postgresql://db?sslmode=require", {"host": ["db"], "dsn": "postgresql://?sslmode=require"}),
        ("postgresql://db?ssl=true", {"host": ["db"], "dsn": "postgresql://?sslmode=require"}),
        ("postgresql://db?target_session_attrs=read-write", {"host": ["db"], "target_session_attrs": "read-write"}),
        (
            "postgresql://db?application_name=g+1&options=-c%20search_path%3Dx",
            {"host": ["db"], "server_settings": {"application_name": "g+1", "options": "-c search_path=x"}},
        ),
    ],
)
def test_a_url_is_read_as_libpq_reads_it(url: str, options: dict[str, Any]) -> None:
    """Each part is percent-decoded, a + stays a +, and query parameters take precedence."""
    assert connect_options(url) == options


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("mysql://db", "expected postgresql://"),
        ("db", "expected postgresql://"),
        (f"postgresql://me:{SECRET}@db?sslmod=require", "'sslmod' is not a parameter .* Did you mean sslmode?"),
        (f"postgresql://me:{SECRET}@db?connect_timeout=3", "'connect_timeout' is not a parameter"),
        (f"postgresql://me:{SECRET}@db?sslmode=verify", "sslmode is one of disable, allow, .* verify-full"),
        (f"postgresql://me:{SECRET}@db?target_session_attrs=rw", "target_session_attrs is one of any, "),
        (f"postgresql://me:{SECRET}@db?sslmode", "name=value"),
        (f"postgresql://me:{SECRET}@db?sslrootcert=/nowhere/ca.pem", "sslrootcert: cannot read the file /nowhere/ca"),
        (f"postgresql://me:{SECRET}%@db", "The password has a % .* write %25"),
        (f"postgresql://me:{SECRET}%FF@db", "The password is not text in UTF-8"),
        (f"postgresql://me:{SECRET}%00@db", "The password is not text in UTF-8 without a zero byte"),
        (f"postgresql://me:{SECRET}@x@db", "write %40 for @"),
        (f"postgresql://me:x@y?{SECRET}=1@db", "write %40 for @"),
        (f"postgresql://me:{SECRET}/x@db/n", "%2F for /"),
        (f"postgresql://me:70/{SECRET}@db/n", "%2F for /"),
        (f"postgresql://me:70000/{SECRET}", "A port is not a number from 1 to 65535"),
        (f"postgresql://me:{SECRET}@[::1/n", "A host cannot be read"),
        (f"postgresql://me:{SECRET}@a,,b/n", "A host in the list of hosts is empty"),
        (f"postgresql://me:{SECRET}@a,b/n?port=1,2,3", "There are 2 hosts and 3 ports"),
        (f"postgresql://me:{SECRET}@db?port={SECRET}", "A port is not a number"),
    ],
)
def test_a_bad_url_is_named_without_its_password(url: str, said: str) -> None:
    """The error names the setting and hides the password."""
    with pytest.raises(ValueError, match=said) as caught:
        connect_options(url)
    with pytest.raises(SettingsError, match="GREENROOM_DATABASE_URL: ") as refused:
        Settings.from_environment({"GREENROOM_DATABASE_URL": url})

    assert SECRET not in f"{caught.value} {refused.value}"


def test_tls_files_are_given_to_the_driver(tmp_path: Path) -> None:
    """TLS files with any name are passed to the driver."""
    file = tmp_path / "the ca & co.pem"
    file.touch()
    encoded = str(file).replace(" ", "%20").replace("&", "%26")
    options = connect_options(f"postgresql://db?sslmode=verify-full&sslrootcert={encoded}")

    assert options["dsn"].startswith("postgresql://?sslmode=verify-full&sslrootcert=")
