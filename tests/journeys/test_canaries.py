"""Secrets enter at every place that takes one, and appear in no log, file or answer."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from pathlib import Path

import httpx2

from tests.house import ADA, LOOPBACK, RESULT, basic, neighbour
from tests.support import stem

CANARIES = {
    "packages_api_key": "canary-packages-7f3a",
    "partner_password": "canary-partner-9c1e",
    "harvest_client_secret": "canary-harvest-55d0",
}


async def test_no_secret_in_logs_files_or_answers(tmp_path: Path) -> None:
    """After a whole order with failures on both sides, the data directory, the log and every answer contain no secret."""
    data = tmp_path / "data"
    environment = {
        **{name: value for name, value in os.environ.items() if not name.startswith("GREENROOM_")},
        "GREENROOM_DATA_DIR": str(data),
        "GREENROOM_ALLOW_PRIVATE_NETWORKS": LOOPBACK,
        "GREENROOM_ALLOW_HTTP": "1",
        "GREENROOM_LOG_FORMAT": "json",
        "GREENROOM_LOG_BODIES": "all",
    }
    command = [sys.executable, "-m", "greenroom"]
    key = stem.greenroom("keys", "create", "--name", "x", environment=environment).stdout.strip()
    log = (tmp_path / "log").open("wb")
    async with neighbour() as greenhouse, neighbour() as vendor:
        echoed = f"who is {basic('u', CANARIES['partner_password'])}?"
        greenhouse.will_answer((401, {}, echoed.encode()))
        vendor.will_answer((500, {"set-cookie": "x=1"}, b"no"))
        process = await asyncio.create_subprocess_exec(
            *command, "serve", "--port", "0", env=environment, stdout=asyncio.subprocess.PIPE, stderr=log
        )
        assert process.stdout is not None
        url = (await process.stdout.readline()).decode().split()[1]
        answers: list[str] = []
        async with httpx2.AsyncClient(base_url=url, headers={"authorization": basic(key)}, timeout=20) as api:

            async def call(method: str, path: str, **kwargs: object) -> httpx2.Response:
                answer = await api.request(method, path, **kwargs)  # type: ignore[arg-type]
                answers.append(answer.text)
                return answer

            body = {
                "tenant_id": "t",
                "package_id": "pkg_core_sql",
                "partner_username": "u",
                "callback_hosts": ["127.0.0.1"],
                **CANARIES,
            }
            await call("PUT", "/v1/integrations/greenhouse", json=body)
            await call("PUT", "/v1/integrations/greenhouse", json={**body, "tenant_id": "\x00"})
            account = (
                await api.post(
                    "/v1/accounts",
                    json={
                        "provider": "greenhouse",
                        "origin_owner_id": "n",
                        "origin_owner_name": "N",
                        "credentials": {"harvest_client_id": "c", "harvest_client_secret": "canary-credentials-31b8"},
                    },
                )
            ).json()
            token = account["external_trigger_token"]
            hook = await api.post(
                "/v1/webhooks", json={"name": "h", "url": f"{vendor.url}/h", "events": ["ats_assessments.created"]}
            )
            secret = hook.json()["secret"]
            test = {"partner_test_id": "pkg_core_sql", "candidate": ADA, "url": f"{greenhouse.url}/take_home_tests/1"}
            path = "/external-trigger/greenhouse/send_test?tenant-id=t"
            sent = await call("POST", path, json=test, headers={"authorization": basic(token)})
            order = sent.json()["partner_interview_id"]
            path = f"/unified/ats/assessments/orders/{order}/result"
            await call("PATCH", path, json=RESULT, headers={"x-account-id": account["id"]})
            await greenhouse.receive(1)
            await vendor.receive(1)
            async with asyncio.timeout(20):
                while (await call("GET", f"/v1/orders/{order}")).json()["delivery"] != "refused":
                    await asyncio.sleep(0.05)
            for seen in (
                "/v1/deliveries",
                f"/v1/orders/{order}/timeline",
                "/v1/webhooks",
                "/v1/integrations/greenhouse",
            ):
                await call("GET", seen)
            await call("POST", f"/v1/webhooks/{hook.json()['id']}/test")
            await call("POST", "/v1/webhooks", content=f'{{"partner_password": "{CANARIES["partner_password"]}"')
            await call("GET", f"/v1/orders?token={CANARIES['partner_password']}", headers={"user-agent": f"x {key}"})
            lines = [
                line["request_id"]
                for seen in ("/requests/logs", "/requests/platform-logs")
                for line in (await call("GET", f"{seen}?page_size=100")).json()["data"]
            ]
            for line in lines:
                await call("GET", f"/requests/logs/{line}?include=advanced_logs")
        process.send_signal(signal.SIGTERM)
        assert await process.wait() == 0
        process._transport.close()  # type: ignore[attr-defined]
    log.close()

    secrets = [*CANARIES.values(), "canary-credentials-31b8", key, token, secret]
    basics = [basic(one)[6:] for one in secrets] + [basic("u", CANARIES["partner_password"])[6:]]
    said = (tmp_path / "log").read_text() + "".join(answers)
    kept = b"".join(path.read_bytes() for path in data.rglob("*") if path.is_file() and path.name != "secret.key")
    assert '"tenant_id":"t"' in said  # the searched text includes the bodies in the request log
    for canary in [*secrets, *basics]:
        assert canary not in said
        assert canary.encode() not in kept
    assert (data / "secret.key").stat().st_mode & 0o077 == 0
    assert ADA["email"] is not None
    assert ADA["email"] not in (tmp_path / "log").read_text()
