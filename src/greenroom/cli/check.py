"""`greenroom check`: the conformance kit for a vendor's own endpoints and client."""

from __future__ import annotations

import asyncio
import secrets
import sys
from collections.abc import Awaitable, Callable
from ipaddress import ip_network
from pathlib import Path
from typing import Annotated, Any, Literal, NoReturn

import typer

from greenroom.check.calls import USER_AGENT, Caller, basic
from greenroom.check.model import Outcome, Report, Suite
from greenroom.check.packages import PACKAGES
from greenroom.check.packages.subject import ACCOUNT, PackagesSubject
from greenroom.check.reports.files import as_json, as_junit
from greenroom.check.reports.page import as_html
from greenroom.check.reports.text import line, markdown, summary
from greenroom.check.results import RESULTS
from greenroom.check.results.serving import serving
from greenroom.check.results.standin import StandIn
from greenroom.check.results.subject import ResultsSubject
from greenroom.check.run import run
from greenroom.check.webhook import WEBHOOK
from greenroom.check.webhook.subject import EVENTS, WebhookSubject
from greenroom.errors import GiveUp
from greenroom.model.events import NAMES, ORDER_CREATED
from greenroom.outbound import Outbound, callable_problem
from greenroom.security.signatures import check_secret

#: networks that --allow-private permits
PRIVATE = tuple(
    ip_network(one) for one in ("127.0.0.0/8", "::1", "10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "fc00::/7")
)
#: seconds for one call of the list endpoint, and for one webhook: those of the gateway
LIST_S = 5.0
WEBHOOK_S = 15.0
PAGE_BYTES = 2 * 1024 * 1024
ANSWER_BYTES = 64 * 1024
SUITES: dict[str, Suite[Any]] = {suite.area: suite for suite in (PACKAGES, WEBHOOK, RESULTS)}

app = typer.Typer(no_args_is_help=True, add_completion=False)

Url = Annotated[str, typer.Argument(help="The URL of your endpoint.")]
Key = Annotated[str | None, typer.Option(envvar="CHECK_API_KEY", help="The API key that calls carry (Basic).")]
Secret = Annotated[str | None, typer.Option(envvar="CHECK_SECRET", help="The secret (whsec_…) that signs calls.")]
SigningSecret = Annotated[
    str | None,
    typer.Option(envvar="CHECK_SIGNING_SECRET", help="The integration's signing secret (whsec_…), which signs calls."),
]
Category = Annotated[Literal["assessments", "background_checks"], typer.Option(help="What you sell.")]
AllowPrivate = Annotated[
    bool, typer.Option("--allow-private", help="Permit http, and hosts of this machine and of private networks.")
]
Skip = Annotated[list[str] | None, typer.Option(help="Leave a check out, by its id; may be given more than once.")]
Seed = Annotated[int, typer.Option(help="Start of the generated inputs: the same seed makes the same ones.")]
Examples = Annotated[int, typer.Option(min=0, max=1000, help="Number of generated inputs.")]
JsonFile = Annotated[Path | None, typer.Option("--json", help="Also write the report as JSON to this file.")]
JunitFile = Annotated[Path | None, typer.Option("--junit", help="Also write the report as JUnit XML to this file.")]
HtmlFile = Annotated[Path | None, typer.Option("--html", help="Also write the report as one HTML page to this file.")]


@app.callback()
def check() -> None:
    """
    Check your own endpoints and client against the contract: no gateway and no database needed.

    Exits 0 when no check failed, 1 when one did, and 2 when the checks could not be run.
    """


@app.command()
def packages(
    url: Url,
    api_key: Key = None,
    signing_secret: SigningSecret = None,
    category: Category = "assessments",
    provider: Annotated[str, typer.Option(help="The provider that calls name.")] = "greenhouse",
    account: Annotated[str, typer.Option(help="The account id that calls name.")] = ACCOUNT,
    empty_account: Annotated[str | None, typer.Option(help="An account id of yours without packages.")] = None,
    allow_private: AllowPrivate = False,
    skip: Skip = None,
    seed: Seed = 1,
    examples: Examples = 40,
    json_file: JsonFile = None,
    junit_file: JunitFile = None,
    html_file: HtmlFile = None,
) -> None:
    """Check the endpoint that lists your packages."""
    _check_options(url, signing_secret, "--signing-secret", allow_private=allow_private)

    async def judge(out: Outbound) -> Report:
        subject = PackagesSubject(
            Caller(out, url, LIST_S, PAGE_BYTES, _masks(api_key, signing_secret)),
            category=category,
            provider=provider,
            account_id=account,
            empty_account=empty_account,
            api_key=api_key,
            secret=signing_secret,
            development=allow_private,
            seed=seed,
            examples=examples,
        )
        return await run(PACKAGES, subject, target=url, seed=seed, tell=_print, leave_out=_left_out(skip, PACKAGES))

    _finish(_run(judge, allow_private=allow_private), json_file, junit_file, html_file)


@app.command()
def webhook(
    url: Url,
    secret: Secret = None,
    events: Annotated[str, typer.Option(help="The events that your webhook subscribes to.")] = ",".join(EVENTS),
    allow_private: AllowPrivate = False,
    skip: Skip = None,
    seed: Seed = 1,
    examples: Examples = 40,
    json_file: JsonFile = None,
    junit_file: JunitFile = None,
    html_file: HtmlFile = None,
) -> None:
    """Check the endpoint that receives your webhooks; orders that it accepts are marked as conformance checks."""
    _check_options(url, secret, "--secret", allow_private=allow_private)
    subscribed = [name.strip() for name in events.split(",") if name.strip()]
    if unknown := [name for name in subscribed if name not in NAMES]:
        _stop(f"--events: {unknown[0]!r} is no event. There are: {', '.join(NAMES)}.")

    async def judge(out: Outbound) -> Report:
        caller = Caller(out, url, WEBHOOK_S, ANSWER_BYTES, _masks(None, secret))
        subject = WebhookSubject(caller, secret, subscribed, development=allow_private, seed=seed, examples=examples)
        return await run(WEBHOOK, subject, target=url, seed=seed, tell=_print, leave_out=_left_out(skip, WEBHOOK))

    _finish(_run(judge, allow_private=allow_private), json_file, junit_file, html_file)


@app.command()
def results(
    webhook_url: Annotated[str, typer.Option("--webhook", help="The URL of your webhook, which gets the orders.")],
    secret: Secret = None,
    api_key: Annotated[
        str | None, typer.Option(envvar="CHECK_API_KEY", help="The API key that your client sends; default: a new one.")
    ] = None,
    account: Annotated[str, typer.Option(help="The account id of the orders.")] = ACCOUNT,
    category: Category = "assessments",
    host: Annotated[str, typer.Option(help="Address on which to listen for your client.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(help="Port on which to listen for your client; 0 takes a free one.")] = 9100,
    public_url: Annotated[str | None, typer.Option(help="The URL by which your client reaches this command.")] = None,
    wait: Annotated[float, typer.Option(min=1, max=3600, help="Seconds to wait for all results.")] = 120.0,
    settle: Annotated[float, typer.Option(min=0, max=600, help="Seconds to watch for more afterwards.")] = 3.0,
    simulator: Annotated[
        bool, typer.Option("--simulator", help="Also play a result through a gateway and the simulated Greenhouse.")
    ] = False,
    allow_private: AllowPrivate = False,
    skip: Skip = None,
    json_file: JsonFile = None,
    junit_file: JunitFile = None,
    html_file: HtmlFile = None,
) -> None:
    """
    Check the results that your client sends: this command plays the gateway, places orders and judges the results.

    Point your client at the URL that is printed, or let it use results_update_url of each order. Some results are
    answered with 503, 429 or 502 once, to see whether they come again.
    """
    _check_options(webhook_url, secret, "--secret", allow_private=allow_private)
    key = api_key or secrets.token_urlsafe(24)
    standin = StandIn(key, account, category, allow_http=allow_private)

    async def judge(out: Outbound) -> Report:
        caller = Caller(out, webhook_url, WEBHOOK_S, ANSWER_BYTES, _masks(None, secret))
        async with serving(standin, host=host, port=port) as url:
            base = (public_url or url).rstrip("/")
            print(
                f"Listening for results at {base}. API key: {key if api_key is None else 'the given one'}", flush=True
            )
            subject = ResultsSubject(
                caller,
                standin,
                base,
                ORDER_CREATED[category],
                secret,
                wait_s=wait,
                settle_s=settle,
                simulate=simulator,
            )
            return await run(
                RESULTS, subject, target=webhook_url, seed=0, tell=_print, leave_out=_left_out(skip, RESULTS)
            )

    _finish(_run(judge, allow_private=allow_private), json_file, junit_file, html_file)


@app.command(name="list")
def list_checks(
    as_markdown: Annotated[bool, typer.Option("--markdown", help="Print tables with reasons and remedies.")] = False,
) -> None:
    """Print every check: its id and what it requires."""
    for suite in SUITES.values():
        if as_markdown:
            print(f"### {suite.area}\n\n{markdown(suite)}\n")
            continue
        for one in suite.checks:
            print(f"{one.id:<30} {one.title}")


def _run(judge: Callable[[Outbound], Awaitable[Report]], *, allow_private: bool) -> Report:
    async def with_client() -> Report:
        out = Outbound(
            allowed_networks=PRIVATE if allow_private else (), allow_http=allow_private, user_agent=USER_AGENT
        )
        try:
            return await judge(out)
        finally:
            await out.aclose()

    try:
        return asyncio.run(with_client())
    except GiveUp as error:
        reason = error.reason.partition(" To permit it,")[0]
        _stop(reason if allow_private else f"{reason} For a test environment, use --allow-private.")
    except OSError as error:
        _stop(f"Cannot listen for results: {error.strerror or error}. Choose another --host or --port.")
    except KeyboardInterrupt:
        raise typer.Exit(130) from None


def _check_options(url: str, secret: str | None, name: str, *, allow_private: bool) -> None:
    """Ends the command when it cannot run with these options."""
    problem = callable_problem(url, allow_http=allow_private)
    if problem:
        problem = problem.partition("; in development")[0]
        _stop(f"{url[:120]} cannot be called: {problem}. For a test environment, use --allow-private.")
    if secret and (problem := check_secret(secret)):
        _stop(f"{name}: {problem}.")


def _left_out(skip: list[str] | None, suite: Suite[Any]) -> frozenset[str]:
    chosen = frozenset(skip or ())
    if unknown := chosen - {one.id for one in suite.checks}:
        _stop(f"--skip: {min(unknown)!r} is no check. `greenroom check list` prints all.")
    return chosen


def _masks(api_key: str | None, secret: str | None) -> dict[str, str]:
    """Returns the shell expression for each credential, in proofs and curl commands."""
    masks = {secret: "$CHECK_SECRET"} if secret else {}
    if api_key:
        encoded = basic(api_key).partition(" ")[2]
        masks |= {encoded: "$(printf %s $CHECK_API_KEY: | base64 -w0)", api_key: "$CHECK_API_KEY"}
    return masks


def _finish(report: Report, json_file: Path | None, junit_file: Path | None, html_file: Path | None) -> NoReturn:
    print(f"\n{summary(report)}", flush=True)
    for file, write in ((json_file, as_json), (junit_file, as_junit), (html_file, as_html)):
        if file is not None:
            try:
                file.write_text(write(report), encoding="utf-8")
            except OSError as error:
                _stop(f"Cannot write {file}: {error.strerror}.")
    raise typer.Exit(0 if report.ok else 1)


def _print(outcome: Outcome) -> None:
    print(line(outcome), flush=True)


def _stop(text: str) -> NoReturn:
    print(f"greenroom: {text}", file=sys.stderr)
    raise typer.Exit(2)
