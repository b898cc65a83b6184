"""The Python client, installed from its wheel, against a gateway on a real socket."""

from __future__ import annotations

import asyncio
import importlib
import json
import sys
import time
import zipfile
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from greenroom.security.signatures import new_private_key, public_key, webhook_headers
from tests.clients.building import PROGRAMS, Python, read_examples, run
from tests.docs.test_receivers import new_secret
from tests.house import Linked, neighbour, webhook

CALL, AWAIT, RECEIVE = read_examples("python", "python")
BODY = json.dumps({"event": "order.teleported", "record_id": "ord_1"}).encode()
ONE, OTHER = new_secret(), new_secret()
PRIVATE = new_private_key()


@pytest.fixture(scope="module")
def package(python: Python) -> Iterator[Any]:
    """The package, imported into this process."""
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(python.source)
        with pytest.MonkeyPatch.context() as importing:  # it is not installed here
            importing.setattr("importlib.metadata.version", lambda name: "0.1.0")
            imported = importlib.import_module("greenroom_client")
        yield imported
        for name in [name for name in sys.modules if name.partition(".")[0] == "greenroom_client"]:
            del sys.modules[name]


def environment(linked: Linked) -> dict[str, str]:
    """Returns the variables that the examples read."""
    return {"GATEWAY_URL": str(linked.house.client.base_url), "API_KEY": linked.key}


async def test_the_readmes_example_calls_the_gateway(python: Python, proctor: Linked) -> None:
    """It sends the result of each order, and shows the message of a refusal."""
    orders = [await proctor.send_test(900417), await proctor.send_test(900418)]

    output = await asyncio.to_thread(python.run_example, CALL, **environment(proctor))

    for order in orders:
        assert f"sent the result of {order} for ada@example.test" in output
        assert (await proctor.order(order))["outcome"] == "passed"
    refused = output.splitlines()[-1].split()
    assert refused[:2] == ["refused:", "NotFound:"]
    assert refused[-1].startswith("req_")


async def test_the_readmes_example_awaits_the_gateway(python: Python, proctor: Linked) -> None:
    """It lists the orders of all pages."""
    order = await proctor.send_test()

    output = await asyncio.to_thread(python.run_example, AWAIT, **environment(proctor))

    assert output.split() == [order, "received", "none"]


async def test_the_readmes_example_receives_what_the_gateway_sent(python: Python, proctor: Linked) -> None:
    """It takes an event that was signed with a secret and with a key, and refuses it with another body."""
    made = await webhook(proctor, signature="both")
    order = await proctor.send_test()
    (received,) = await proctor.house.vendor.receive(1)
    calls = [(secrets, body) for secrets in (made["secret"], *made["public_keys"]) for body in (received.body, BODY)]
    example = f"{RECEIVE}\nimport json, sys\nfor secrets, body in {calls!r}:\n"
    example += f"    os.environ['WEBHOOK_SECRET'] = secrets\n    print(receive({received.headers!r}, body))"

    output = await asyncio.to_thread(python.run_example, example)

    taken, refused = [f"received ats_assessments.created {order} pkg_core_sql", "204"], ["refused:", "401"]
    assert [line if "refused" not in line else "refused:" for line in output.splitlines()] == [*taken, *refused] * 2


def test_the_examples_are_typed(python: Python) -> None:
    """Strict mypy accepts the README's programs and all of the package, and the wheel says that it is typed."""
    files = [python.folder / f"example_{number}.py" for number in range(3)]
    for file, code in zip(files, (CALL, AWAIT, RECEIVE), strict=True):
        file.write_text(code)

    handwritten = [python.source / "greenroom_client" / name for name in ("client.py", "webhooks.py")]
    options = ("--strict", "--config-file", "/dev/null", "--cache-dir", "/dev/null")
    run(PROGRAMS / "mypy", *options, "--python-executable", python.interpreter, *files, *handwritten, cwd=python.folder)

    names = zipfile.ZipFile(python.wheel).namelist()
    assert "greenroom_client/py.typed" in names
    assert any(one.endswith("licenses/LICENSE") for one in names)


async def test_a_repeated_post_has_one_idempotency_key(package: Any) -> None:
    """A POST is repeated after 503 with the same key, and with the user agent of the package."""
    async with neighbour() as gateway, package.AsyncGreenroom(gateway.url, "gk_1") as greenroom:
        shown = json.dumps({"id": "whk_1", "secret": ONE, "public_keys": [], "expires_at": None}).encode()
        gateway.will_answer((503, {"retry-after": "0"}, b"{}"), (200, {"content-type": "application/json"}, shown))

        await greenroom.webhooks.with_raw_response.rotate_secret(webhook_id="whk_1")

        first, second = gateway.received
        assert first.headers["idempotency-key"] == second.headers["idempotency-key"]
        assert first.headers["user-agent"].startswith("greenroom-client/")


async def test_a_list_is_read_page_by_page(package: Any, proctor: Linked) -> None:
    """`pages` yields the entries of all pages, newest first."""
    orders = [await proctor.send_test(number) for number in (900417, 900418, 900419)]
    async with package.AsyncGreenroom(str(proctor.house.client.base_url), proctor.key) as greenroom:
        listed = [order.id async for order in greenroom.pages.orders.iterate(page_size=2)]
    assert listed == orders[::-1]


async def test_every_read_is_decoded(package: Any, proctor: Linked) -> None:
    """Each GET about one project has its method, which reads the gateway's real answer."""
    order, hook = await proctor.send_test(), await webhook(proctor)
    await proctor.give_result(order)
    await proctor.becomes(order, delivery="sent")
    account = proctor.account_id
    async with package.AsyncGreenroom(str(proctor.house.client.base_url), proctor.key) as client:
        (log, *_) = (await client.request_logs.list()).data
        (delivery, *_) = (await client.deliveries.list(order_id=order)).data
        await asyncio.gather(
            client.accounts.get(account_id=account),
            client.accounts.list(),
            client.assessments.get_order(id=order, account_id=account),
            client.assessments.get_package(id="pkg_core_sql", account_id=account),
            client.assessments.get_result(id=order, account_id=account),
            client.assessments.list_orders(account_id=account),
            client.assessments.list_packages(account_id=account, raw=True),
            client.audit_log.list(),
            client.background_checks.list_orders(account_id=account),
            client.background_checks.list_packages(account_id=account),
            client.checks.list(),
            client.connect_sessions.list(),
            client.connectors.get_meta(provider="greenhouse"),
            client.connectors.list_meta(),
            client.deliveries.get(delivery_id=delivery.id),
            client.findings.list(),
            client.health.get(),
            client.health.get_metrics(),
            client.health.get_readiness(),
            client.hub.get(),
            client.integrations.get(provider="greenhouse"),
            client.linked_accounts.get(id=account),
            client.linked_accounts.get_meta(id=account),
            client.linked_accounts.list(),
            client.orders.get(order_id=order),
            client.orders.get_timeline(order_id=order),
            client.orders.list(),
            client.packages.get(category="assessments"),
            client.project.get(),
            client.request_logs.get(id=log.request_id, include="advanced_logs"),
            client.request_logs.list_platform_logs(),
            client.request_logs.list_steps(),
            client.webhooks.get(webhook_id=hook["id"]),
            client.webhooks.list(),
        )


async def test_a_configuration_is_replaced(package: Any, proctor: Linked) -> None:
    """The body of a provider is the provider's own class."""
    body = package.models.GreenhouseIntegrationPut(tenant_id="proctor", package_id="pkg_1", partner_username="partner")
    async with package.AsyncGreenroom(str(proctor.house.client.base_url), proctor.key) as client:
        made = await client.integrations.put(provider="greenhouse", body=body)
    assert (made.package_id, made.tenant_id) == ("pkg_1", "proctor")


async def test_an_answer_of_a_newer_gateway_is_read(package: Any, proctor: Linked) -> None:
    """Fields and values that the client does not know are accepted."""
    shown = {**await proctor.order(await proctor.send_test()), "status": "teleported", "teleported_to": "Mars"}
    async with neighbour() as gateway, package.AsyncGreenroom(gateway.url, "gk_1") as greenroom:
        gateway.will_answer((200, {"content-type": "application/json"}, json.dumps(shown).encode()))

        order = await greenroom.orders.get(order_id=shown["id"])

        assert (order.status, order.candidate.email) == ("teleported", "ada@example.test")


def signed(*secrets: str, at: float = 0.0, body: bytes = BODY) -> dict[str, str]:
    """Returns the headers of a request that was signed at a time, in seconds from now."""
    return webhook_headers(event_id="evt_1", sent_at=int(time.time() + at), body=body, secrets=secrets)


GENUINE: dict[str, Callable[[], tuple[dict[str, str], Any]]] = {
    "a secret": lambda: (signed(ONE), ONE),
    "a secret that is rotated": lambda: (signed(OTHER, ONE), [ONE]),
    "one of two secrets": lambda: (signed(ONE), [OTHER, ONE]),
    "a public key": lambda: (signed(PRIVATE), public_key(PRIVATE)),
    "a public key, signed with a secret, too": lambda: (signed(ONE, PRIVATE), [OTHER, public_key(PRIVATE)]),
    "headers in another case": lambda: ({name.title(): value for name, value in signed(ONE).items()}, ONE),
    "sent a while ago": lambda: (signed(ONE, at=-200), ONE),
}


@pytest.mark.parametrize("case", GENUINE)
def test_a_genuine_request_is_an_event(package: Any, case: str) -> None:
    """Any live secret or public key verifies any of the signatures; an event of a newer gateway is one, too."""
    headers, secrets = GENUINE[case]()

    event = package.verify(headers, BODY, secrets)

    assert isinstance(event, package.UnknownEvent)
    assert (event.event, event.model_extra) == ("order.teleported", {"record_id": "ord_1"})


REFUSED: dict[str, Callable[[], tuple[dict[str, str], bytes, str]]] = {
    "another body": lambda: (signed(ONE), BODY + b" ", "webhook-signature"),
    "other secrets": lambda: (signed(OTHER, new_private_key()), BODY, "webhook-signature"),
    "another id": lambda: ({**signed(ONE), "webhook-id": "evt_2"}, BODY, "webhook-signature"),
    "no base64": lambda: ({**signed(ONE), "webhook-signature": "v1, v1,é v1a,AAAA x"}, BODY, "webhook-signature"),
    "bytes that are no text": lambda: (
        {**signed(ONE), "webhook-id": "\udcff", "webhook-signature": "v1,\udcff v1a,\udcff"},
        BODY,
        "webhook-signature",
    ),
    "no signature": lambda: ({**signed(ONE), "webhook-signature": ""}, BODY, "webhook-signature"),
    "no id": lambda: ({**signed(ONE), "webhook-id": ""}, BODY, "webhook-id"),
    "sent long ago": lambda: (signed(ONE, at=-400), BODY, "webhook-timestamp"),
    "sent in the future": lambda: (signed(ONE, at=400), BODY, "webhook-timestamp"),
    "no time": lambda: ({**signed(ONE), "webhook-timestamp": "soon"}, BODY, "webhook-timestamp"),
    "a long time": lambda: ({**signed(ONE), "webhook-timestamp": "9" * 5000}, BODY, "webhook-timestamp"),
    "a list": lambda: (signed(ONE, body=b"[]"), b"[]", "body"),
    "no JSON": lambda: (signed(ONE, body=b"{"), b"{", "body"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_any_other_request_is_refused_with_its_wrong_part(package: Any, case: str) -> None:
    """The error names the part of the request that is wrong."""
    headers, body, part = REFUSED[case]()
    with pytest.raises(package.VerificationError, match=part) as refused:
        package.verify(headers, body, [ONE, public_key(PRIVATE)])
    assert refused.value.part == part


def test_a_wrong_secret_is_a_value_error(package: Any) -> None:
    """A wrong setting is not blamed on the request."""
    for secrets in ([], "", "whsec_", "whsec_?", "whpk_AAAA", "secret"):
        with pytest.raises(ValueError, match="secrets"):
            package.verify(signed(ONE), BODY, secrets)
