"""The deployment files agree with the code, with each other, and with what they promise."""

from __future__ import annotations

import json
import re
import shlex
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from fnmatch import fnmatch
from pathlib import Path
from typing import Any

import pytest
import typer
import yaml

from greenroom import server
from greenroom.api import limits
from greenroom.cli import COMMANDS, PENDING_STATUS, app
from greenroom.engine import worker
from greenroom.server import protocol
from greenroom.settings import PREFIX, Settings
from tests.deploy import DEPLOY, MANIFESTS, ROOT, UNITS
from tests.support.ports import free_port

VERSION = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"]
CONTAINERFILE = (DEPLOY / "Containerfile").read_text().replace("\\\n", " ")
COMPOSE = yaml.safe_load((DEPLOY / "compose.yaml").read_text())
#: services of the compose file that run the gateway's image
OWN = [name for name, service in COMPOSE["services"].items() if service["image"].startswith("greenroom:")]
DOCUMENTS = [document for path in MANIFESTS for document in yaml.safe_load_all(path.read_text())]
KUSTOMIZATION = yaml.safe_load((DEPLOY / "kubernetes" / "kustomization.yaml").read_text())
#: seconds that a stop takes at most
STOP_S = worker.GRACE_S + server.GRACE_S + server.LEAVE_S
#: ports of the gateway and of its metrics
HTTP, METRICS = 8000, 9464


def instructions(name: str) -> list[str]:
    """Returns the arguments of each instruction of that name in the Containerfile."""
    return re.findall(rf"^\s*{name}\s+(.+?)\s*$", CONTAINERFILE, re.MULTILINE)


def documents(kind: str) -> list[dict[str, Any]]:
    """Returns the manifests of a kind."""
    found = [document for document in DOCUMENTS if document["kind"] == kind]
    assert found, kind
    return found


def read_unit(path: Path) -> dict[str, list[str]]:
    """Returns the values of each key of a unit, in order."""
    values: dict[str, list[str]] = {}
    for key, value in re.findall(r"^(\w+)=(.*)$", path.read_text(), re.MULTILINE):
        values.setdefault(key, []).append(value)
    return values


def pods() -> Iterator[tuple[str, dict[str, Any]]]:
    """Yields every pod's name and specification."""
    for document in [*documents("Deployment"), *documents("Job")]:
        yield document["metadata"]["name"], document["spec"]["template"]["spec"]


def commands() -> Iterator[tuple[str, list[str]]]:
    """Yields every `greenroom` command line with the place where it is."""
    assert instructions("ENTRYPOINT") == ['["greenroom"]']
    yield "Containerfile", json.loads(instructions("CMD")[-1])
    for name in OWN:
        yield f"compose {name}", COMPOSE["services"][name]["command"]
    for name, pod in pods():
        yield f"kubernetes {name}", pod["containers"][0]["args"]
    for path in UNITS:
        for key in ("ExecStartPre", "ExecStart"):
            program, *arguments = shlex.split(read_unit(path)[key][0])
            assert program == "/opt/greenroom/bin/greenroom"
            yield path.name, arguments


@pytest.mark.parametrize(("place", "line"), [*commands()], ids=lambda value: value if isinstance(value, str) else "")
def test_every_command_exists(place: str, line: list[str]) -> None:
    """Each command line names a command, and its options are parsed."""
    assert line[0] in COMMANDS
    command = typer.main.get_command(app).commands[line[0]]  # type: ignore[attr-defined]
    assert command.make_context(line[0], line[1:]).params is not None


@pytest.mark.parametrize("path", [path for path in DEPLOY.rglob("*") if path.is_file()], ids=lambda path: path.name)
def test_every_setting_exists(path: Path) -> None:
    """No file names an environment variable that the gateway would refuse."""
    for name in re.findall(rf"{PREFIX}[A-Z_]+", path.read_text()):
        assert name.removeprefix(PREFIX).removesuffix("_FILE").lower() in Settings.model_fields, name


def environments() -> Iterator[tuple[str, dict[str, str]]]:
    """Yields the variables that each kind of deployment sets."""
    yield "Containerfile", dict(re.findall(r"(GREENROOM_\w+)=(\S+)", instructions("ENV")[0]))
    for name in OWN:
        yield name, COMPOSE["services"][name]["environment"] | {"GREENROOM_PUBLIC_URL": "https://greenroom.example.com"}
    yield "kubernetes", documents("ConfigMap")[0]["data"]
    file = dict(re.findall(r"^#?(GREENROOM_\w+)=(.*)$", (DEPLOY / "systemd" / "greenroom.env").read_text(), re.M))
    for path in UNITS:
        yield path.name, file | dict(value.split("=", 1) for value in read_unit(path)["Environment"])


@pytest.mark.parametrize(
    ("place", "variables"), [*environments()], ids=lambda value: value if isinstance(value, str) else ""
)
def test_every_value_is_accepted(place: str, variables: dict[str, str]) -> None:
    """The values pass the gateway's own checks; those of secrets are files that the deployment provides."""
    plain = {name: value for name, value in variables.items() if not name.endswith("_FILE")}
    settings = Settings.from_environment(plain)
    if place != "Containerfile":
        assert settings.is_https
        assert settings.trusted_proxies
        assert settings.migrate == "refuse"


def test_images_are_pinned() -> None:
    """Every foreign image has a version, and the gateway's is this version."""
    (base,) = re.findall(r"^ARG PYTHON=(\S+)$", CONTAINERFILE, re.MULTILINE)
    named = [image for image in instructions("FROM") if not image.startswith("${PYTHON}")]
    images = [base, *named, *(service["image"] for service in COMPOSE["services"].values())]
    for image in images:
        assert re.search(r":\d+\.\d+", image), image
        if image.startswith("greenroom:"):
            assert image == f"greenroom:{VERSION}"
    assert KUSTOMIZATION["images"] == [{"name": "greenroom", "newTag": VERSION}]
    assert {pod["containers"][0]["image"] for _, pod in pods()} == {"greenroom"}


def test_the_image_is_built_from_files_that_exist() -> None:
    """Every copied path exists and is in the build context; the user is not root; an install needs hashes."""
    allowed = [line[1:] for line in (ROOT / ".dockerignore").read_text().splitlines() if line.startswith("!")]
    for line in instructions("COPY"):
        *sources, _ = line.split()
        for source in sources:
            if line.startswith("--from="):
                continue
            assert (ROOT / source).exists(), source
            assert any(fnmatch(source, pattern) for pattern in allowed), source
    user, group = instructions("USER")[-1].split(":")
    assert int(user) == int(group) == 10001
    assert "chmod" not in CONTAINERFILE
    for line in instructions("RUN"):
        assert "pip install" not in line or "--require-hashes" in line or "--no-index" in line


def test_the_health_check_answers(tmp_path: Path) -> None:
    """The image's health check fails without a process, and succeeds beside one."""
    port = free_port()
    (text,) = re.findall(r"HEALTHCHECK .*?CMD (\[.+\])", CONTAINERFILE)
    assert f"127.0.0.1:{METRICS}/healthz" in text
    check = [sys.executable, *json.loads(text.replace(str(METRICS), str(port)))[1:]]
    assert subprocess.run(check, capture_output=True, check=False).returncode == 1

    environment = {"GREENROOM_DATA_DIR": str(tmp_path), "GREENROOM_METRICS_ADDRESS": f"127.0.0.1:{port}"}
    command = [sys.executable, "-m", "greenroom", "serve", "--port", "0"]
    with subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as process:
        try:
            assert process.stdout is not None
            assert process.stdout.readline().startswith(b"Greenroom: ")
            assert subprocess.run(check, check=False).returncode == 0
        finally:
            process.kill()


def test_ports_agree() -> None:
    """Image, services, proxies and monitoring name the same ports."""
    assert instructions("EXPOSE") == [f"{HTTP} {METRICS}"]
    assert COMPOSE["services"]["proxy"]["environment"]["GATEWAY"] == f"serve:{HTTP}"
    assert f"{{$GATEWAY:127.0.0.1:{HTTP}}}" in (DEPLOY / "caddy" / "Caddyfile").read_text()
    assert f"server 127.0.0.1:{HTTP};" in (DEPLOY / "nginx" / "greenroom.conf").read_text()
    for _, pod in pods():
        ports = {port["name"]: port["containerPort"] for port in pod["containers"][0].get("ports", [])}
        assert ports.items() <= {"http": HTTP, "metrics": METRICS}.items()
    assert documents("ConfigMap")[0]["data"]["GREENROOM_METRICS_ADDRESS"] == f"0.0.0.0:{METRICS}"
    scrape = yaml.safe_load((DEPLOY / "prometheus" / "scrape.yaml").read_text())["scrape_configs"][0]
    addresses = [re.search(r"METRICS_ADDRESS=(\S+)", path.read_text()) for path in UNITS]
    assert scrape["static_configs"][0]["targets"] == sorted(found[1] for found in addresses if found)


def test_a_stop_has_time_enough() -> None:
    """Supervisors wait for attempts and requests in flight before they kill."""
    for path in UNITS:
        assert int(read_unit(path)["TimeoutStopSec"][0]) > STOP_S
    for name in OWN:
        assert int(COMPOSE["services"][name]["stop_grace_period"].removesuffix("s")) > STOP_S
    for _, pod in pods():
        hook = pod["containers"][0].get("lifecycle", {}).get("preStop")
        pause = int(hook["exec"]["command"][1]) if hook else 0
        assert pod["terminationGracePeriodSeconds"] - pause > STOP_S


def test_proxies_fit_the_gateway() -> None:
    """nginx takes the largest body (Caddy has no limit), and the proxies close idle connections before the gateway does."""
    caddy = (DEPLOY / "caddy" / "Caddyfile").read_text()
    nginx = (DEPLOY / "nginx" / "greenroom.conf").read_text()
    assert max(limits.LARGER.values()) == 1024 * 1024
    assert "client_max_body_size 1m;" in nginx
    assert documents("Ingress")[0]["metadata"]["annotations"]["nginx.ingress.kubernetes.io/proxy-body-size"] == "1m"
    for kept in (re.search(r"keepalive (\d+)s", caddy), re.search(r"keepalive_timeout (\d+)s", nginx)):
        assert kept is not None
        assert int(kept[1]) < protocol.KEEP_ALIVE_S
    for text, head, body in (
        (caddy, "read_header", "read_body"),
        (nginx, "client_header_timeout", "client_body_timeout"),
    ):
        assert f"{head} {protocol.HEAD_S:.0f}s" in text
        assert f"{body} {protocol.BODY_S:.0f}s" in text


@pytest.mark.parametrize("path", UNITS, ids=lambda path: path.name)
def test_units_are_hardened(path: Path) -> None:
    """No unit runs as root, writes outside of its state, or starts again while migrations are pending."""
    unit = read_unit(path)
    assert unit["User"] == ["greenroom"]
    assert (unit["NoNewPrivileges"], unit["ProtectSystem"], unit["CapabilityBoundingSet"]) == (
        ["yes"],
        ["strict"],
        [""],
    )
    assert unit["StateDirectory"] == ["greenroom"]
    assert unit["RestartPreventExitStatus"] == [str(PENDING_STATUS)]


@pytest.mark.parametrize("path", UNITS, ids=lambda path: path.name)
def test_units_start_again_once_the_database_is_back(path: Path) -> None:
    """A start that fails is repeated without a limit; it depends on no unit that would fail once and stay failed."""
    unit = read_unit(path)
    assert unit["Restart"] == ["on-failure"]
    assert unit["StartLimitIntervalSec"] == ["0"]
    assert "Requires" not in unit
    assert unit["ExecStartPre"] == ["/opt/greenroom/bin/greenroom migrate"]
    assert unit["TimeoutStartSec"] == ["infinity"]


def test_compose_is_hardened() -> None:
    """Own containers are read-only without capabilities; secrets are files; only the proxy has ports."""
    for name, service in COMPOSE["services"].items():
        assert ("ports" in service) == (name == "proxy")
        if name != "database":
            assert service["read_only"]
            assert service["cap_drop"] == ["ALL"]
            assert service["security_opt"] == ["no-new-privileges:true"]
        assert set(service.get("secrets", [])) <= COMPOSE["secrets"].keys()
        assert set(service["networks"]) <= COMPOSE["networks"].keys()
        for variable, value in service["environment"].items():
            if variable.endswith("_FILE"):
                assert value.removeprefix("/run/secrets/") in service["secrets"]
    assert COMPOSE["services"]["database"]["networks"] == ["inside"]
    assert COMPOSE["networks"]["inside"]["internal"]
    (subnet,) = COMPOSE["networks"]["outside"]["ipam"]["config"]
    assert COMPOSE["services"]["serve"]["environment"]["GREENROOM_TRUSTED_PROXIES"] == subnet["subnet"]
    for name in ("serve", "work"):
        assert COMPOSE["services"][name]["depends_on"] == {"migrate": {"condition": "service_completed_successfully"}}


def test_pods_are_restricted() -> None:
    """Every pod fits the restricted standard, has no token, and mounts what its settings name."""
    paths = [value for name, value in documents("ConfigMap")[0]["data"].items() if name.endswith("_FILE")]
    for _, pod in pods():
        assert pod["automountServiceAccountToken"] is False
        assert pod["securityContext"]["runAsNonRoot"]
        assert pod["securityContext"]["runAsUser"] == 10001
        assert pod["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
        (container,) = pod["containers"]
        assert container["securityContext"] == {
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "capabilities": {"drop": ["ALL"]},
        }
        mounts = {mount["mountPath"]: mount["name"] for mount in container["volumeMounts"]}
        assert set(mounts.values()) == {volume["name"] for volume in pod["volumes"]}
        for path in paths:
            assert str(Path(path).parent) in mounts
        assert container["resources"]["limits"]["memory"]


def test_deployments_are_probed_and_kept() -> None:
    """Serve and work are apart, each with probes, a disruption budget and a policy of the network."""
    selectors = [budget["spec"]["selector"] for budget in documents("PodDisruptionBudget")]
    deployments = documents("Deployment")
    assert {one["metadata"]["name"] for one in deployments} == {"greenroom-serve", "greenroom-work"}
    (policy,) = documents("NetworkPolicy")
    for one in deployments:
        spec = one["spec"]
        labels = spec["template"]["metadata"]["labels"]
        assert spec["replicas"] > 1
        assert spec["selector"] in selectors
        assert spec["selector"]["matchLabels"] == labels
        assert policy["spec"]["podSelector"]["matchLabels"].items() <= labels.items()
        (container,) = spec["template"]["spec"]["containers"]
        assert container["livenessProbe"]["httpGet"]["path"] == "/healthz"
        assert container["readinessProbe"]["httpGet"]["path"] == "/readyz"
        names = {port["name"] for port in container["ports"]}
        for probe in ("startupProbe", "livenessProbe", "readinessProbe"):
            assert container[probe]["httpGet"]["port"] in names
    assert policy["spec"]["policyTypes"] == ["Ingress", "Egress"]
    (service,) = documents("Service")
    assert service["spec"]["selector"]["app.kubernetes.io/component"] == "serve"
    assert documents("Ingress")[0]["spec"]["rules"][0]["http"]["paths"][0]["backend"]["service"]["name"] == "greenroom"
    assert sorted(KUSTOMIZATION["resources"]) == [path.name for path in MANIFESTS]
