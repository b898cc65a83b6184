"""The TypeScript client against a gateway on a real socket."""

from __future__ import annotations

import asyncio
import json
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from greenroom.security.signatures import new_private_key, public_key, webhook_headers
from tests.clients.building import once, read_examples, run
from tests.docs.test_receivers import new_secret
from tests.house import Linked, neighbour, webhook
from tests.support.ports import free_port

CALL, RECEIVE = read_examples("typescript", "ts")
#: a strict user's, without the browser's types
OPTIONS = {
    "strict": True,
    "skipLibCheck": True,
    "module": "nodenext",
    "target": "es2022",
    "lib": ["es2022"],
    "types": ["node"],
}


@pytest.fixture(scope="session")
def examples(typescript: Path, shared: Path) -> Path:
    """The compiled examples of the README in a project that has the package; strict `tsc` accepts them."""

    def compile_examples(folder: Path) -> None:
        packages = folder / "node_modules"
        (packages / "@greenroom").mkdir(parents=True)
        (packages / "@greenroom" / "client").symlink_to(typescript)
        (packages / "@types").symlink_to(typescript / "node_modules" / "@types")
        (folder / "package.json").write_text('{"type": "module"}')
        (folder / "tsconfig.json").write_text(json.dumps({"compilerOptions": OPTIONS}))
        (folder / "call.ts").write_text(CALL)
        (folder / "receive.ts").write_text(RECEIVE)
        run(typescript / "node_modules" / ".bin" / "tsc", cwd=folder)

    return once(shared / "user", compile_examples)


async def test_the_readmes_example_calls_the_gateway(examples: Path, proctor: Linked) -> None:
    """It sends the result of each order, and shows the message of a refusal."""
    first, second = await proctor.send_test(900417), await proctor.send_test(900418)
    variables = {"GATEWAY_URL": str(proctor.house.client.base_url), "API_KEY": proctor.key}

    output = await asyncio.to_thread(run, "node", "call.js", cwd=examples, **variables)

    *sent, refused = output.splitlines()
    assert sent == [f"sent the result of {order} for ada@example.test" for order in (second, first)]
    assert (await proctor.order(first))["outcome"] == "passed"
    assert refused.startswith("refused: 404 ")
    assert "ord_unknown" in refused


@asynccontextmanager
async def receiver(examples: Path, port: int, *secrets: str) -> AsyncIterator[asyncio.subprocess.Process]:
    """Runs the README's receiver until the end of the block."""
    environment = {**os.environ, "PORT": str(port), "WEBHOOK_SECRET": " ".join(secrets)}
    process = await asyncio.create_subprocess_exec(
        "node", "receive.js", cwd=examples, env=environment, stdout=asyncio.subprocess.PIPE
    )
    try:
        async with asyncio.timeout(60):
            while True:
                try:
                    _, writer = await asyncio.open_connection("127.0.0.1", port)
                    break
                except OSError:
                    assert process.returncode is None
                    await asyncio.sleep(0.02)
        writer.close()
        await writer.wait_closed()
        yield process
    finally:
        process.kill()
        await process.wait()


async def test_the_readmes_example_receives_what_the_gateway_sends(examples: Path, proctor: Linked) -> None:
    """It takes the event of an order, verified with the secret or the public key, and refuses any other request."""
    port = free_port()
    url = f"http://127.0.0.1:{port}/"
    made = await webhook(proctor, signature="both", url=url)
    async with receiver(examples, port, new_secret(), *made["public_keys"]) as process:
        order = await proctor.send_test()
        assert process.stdout is not None
        async with asyncio.timeout(60):
            line = (await process.stdout.readline()).decode()
        assert line == f"received {order} pkg_core_sql\n"
        forged = await proctor.house.client.post(url, content=b"{}", headers={"webhook-id": "evt_1"})
        assert forged.status_code == 401
        async with asyncio.timeout(60):
            line = (await process.stdout.readline()).decode()
        assert line == "refused: webhook-timestamp: missing, or not a number of seconds\n"


def test_verification_tells_genuine_requests_from_others(typescript: Path) -> None:
    """Any live secret or public key verifies any of the signatures; an error names the part that is wrong."""
    one, other, private = new_secret(), new_secret(), new_private_key()
    public, body = public_key(private), '{"event":"a.b"}'

    def sign(*secrets: str, content: str = body) -> dict[str, str]:
        return webhook_headers(event_id="evt_1", sent_at=1_000_000, body=content.encode(), secrets=secrets)

    cases = [
        ("a.b", sign(one), body, [one], 1_000_000),
        ("a.b", sign(other, one), body, [one], 1_000_299),
        ("a.b", sign(private), body, [one, public], 1_000_000),
        ("webhook-signature", sign(other), body, [one, public], 1_000_000),
        ("webhook-signature", sign(one), body + " ", [one], 1_000_000),
        ("webhook-signature", {**sign(one), "webhook-signature": "v1 v1,? v1a,AAAA x"}, body, [one, public], 1_000_000),
        ("webhook-signature", {**sign(one), "webhook-signature": ""}, body, [one], 1_000_000),
        ("webhook-id", {**sign(one), "webhook-id": ""}, body, [one], 1_000_000),
        ("webhook-timestamp", sign(one), body, [one], 1_000_301),
        ("webhook-timestamp", {**sign(one), "webhook-timestamp": "soon"}, body, [one], 1_000_000),
        ("body", sign(one, content="[]"), "[]", [one], 1_000_000),
        ("TypeError", sign(one), body, ["secret"], 1_000_000),
        ("TypeError", sign(one), body, [], 1_000_000),
    ]
    program = f"""
        import {{ verify }} from "./dist/index.js";
        for (const [, headers, body, secrets, now] of {json.dumps(cases)}) {{
          try {{
            console.log((await verify(headers, body, secrets, {{ now }})).event);
          }} catch (error) {{
            console.log(error.part ?? error.name);
          }}
        }}"""

    output = run("node", "--input-type=module", "-e", program, cwd=typescript)

    assert output.splitlines() == [expected for expected, *_ in cases]


async def test_a_repeated_post_has_one_idempotency_key(typescript: Path) -> None:
    """A POST under `/v1` is repeated after 503 with the same key; one of the unified API is not repeated."""
    async with neighbour() as gateway:
        gateway.will_answer((503, {"retry-after": "0"}, b"{}"), (200, {}, b"{}"), (503, {}, b"{}"))
        program = f"""
            import {{ createGreenroom }} from "./dist/index.js";
            const greenroom = createGreenroom({{ baseUrl: "{gateway.url}", apiKey: "gk_1" }});
            await greenroom.POST("/v1/webhooks", {{ body: {{ name: "a", url: "b", events: [] }} }});
            await greenroom.POST("/unified/ats/assessments/orders", {{ body: {{}} }});"""

        await asyncio.to_thread(run, "node", "--input-type=module", "-e", program, cwd=typescript)

        first, second, third = gateway.received
        assert first.headers["idempotency-key"] == second.headers["idempotency-key"]
        assert first.body == second.body != b""
        assert "idempotency-key" not in third.headers


async def test_a_list_is_read_page_by_page(typescript: Path, proctor: Linked) -> None:
    """`iterate` yields the entries of all pages, newest first."""
    orders = [await proctor.send_test(number) for number in (900417, 900418, 900419)]
    options = {"baseUrl": str(proctor.house.client.base_url), "apiKey": proctor.key}
    program = f"""
        import {{ createGreenroom, iterate, unwrap }} from "./dist/index.js";
        const greenroom = createGreenroom({json.dumps(options)});
        const read = (next) => unwrap(greenroom.GET("/v1/orders", {{ params: {{ query: {{ page_size: 2, next }} }} }}));
        for await (const order of iterate(read)) console.log(order.id);"""

    output = await asyncio.to_thread(run, "node", "--input-type=module", "-e", program, cwd=typescript)

    assert output.split() == orders[::-1]
