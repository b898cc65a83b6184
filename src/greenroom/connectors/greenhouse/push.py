"""The result push: an empty PATCH to the call-back URL that came with the order."""

from __future__ import annotations

import base64
from urllib.parse import urlsplit

from greenroom.connectors.contract import Push
from greenroom.errors import GiveUp
from greenroom.outbound import Answer, Request, judge_push


def callback_problem(url: str, hosts: tuple[str, ...], *, allow_http: bool) -> str | None:
    """
    Returns why a call-back URL must not be called; None when it may be.

    The URL comes from a request body, so only https (http in development) and allowed hosts are called, without
    user-info. `hosts` are bare names, `*.` in front stands for any name below; any port.
    """
    try:
        parts = urlsplit(url)
        host = (parts.hostname or "").rstrip(".").lower()
        _ = parts.port
    except ValueError:
        return "the call-back URL cannot be read"
    if parts.scheme != "https" and not (allow_http and parts.scheme == "http"):
        permitted = "; in development, GREENROOM_ALLOW_HTTP=true permits it" if parts.scheme == "http" else ""
        return f"the call-back URL's scheme is {parts.scheme or 'missing'}, not https{permitted}"
    if "@" in parts.netloc:
        return "the call-back URL carries a user name"
    if not any(host == allowed or (allowed[:2] == "*." and host.endswith(allowed[1:])) for allowed in hosts):
        return f"its host {host or '(none)'} is not in the integration's callback_hosts ({', '.join(hosts) or 'empty'})"
    return None


def push_request(push: Push) -> Request:
    """
    Returns the PATCH: no parameters, no body, Basic with the partner's credentials.

    `callback_auth: account_key` takes the other reading of Greenhouse's example: the account's token as user name.
    Source: Greenhouse Assessment API, completed test call-back.

    Raises:
        GiveUp: the URL must not be called, or the credentials are not configured.
    """
    url = push.order.request.callback_url or ""
    problem = callback_problem(url, push.integration.settings["callback_hosts"], allow_http=push.allow_http)
    if problem:
        raise GiveUp(
            f"The result is recorded but not pushed: {problem}. If this is Greenhouse's URL, set callback_hosts of "
            "the Greenhouse integration, then retry the delivery.",
            kind="forbidden_address",
        )
    user, password = _credentials(push)
    basic = base64.b64encode(f"{user}:{password}".encode()).decode()
    return Request("PATCH", url, {"authorization": f"Basic {basic}", "content-length": "0"}, None)


def _credentials(push: Push) -> tuple[str, str]:
    settings = push.integration.settings
    if settings["callback_auth"] == "account_key":
        if push.account_token is None:
            raise GiveUp(
                "The result is recorded but not pushed: the account has no live external trigger token. Rotate the "
                "token, then retry the delivery.",
                kind="not_configured",
            )
        return push.account_token, ""
    username, password = settings.get("partner_username"), settings.get("partner_password")
    if not username or not password:
        raise GiveUp(
            "The result is recorded but not pushed: partner_username and partner_password are not configured. "
            "Greenhouse Partner Support issues them; set them in the Greenhouse integration, then retry the delivery.",
            kind="not_configured",
        )
    return username, password


REASONS = {
    401: "Greenhouse answered 401 Unauthorized: it does not accept the credentials. Check partner_username and "
    "partner_password (or callback_auth) of the Greenhouse integration, then retry the delivery.",
    403: "Greenhouse answered 403 Forbidden: the credentials are good, but not for this test. Ask Greenhouse Partner "
    "Support.",
    404: "Greenhouse answered 404 Not Found: it does not know this test any more (deleted, merged or anonymised "
    "candidate).",
}


def judge(answer: Answer) -> None:
    """
    Accepts any 2xx: Greenhouse documents a status code and no more.

    Raises:
        TryLater: 408, 425, 429 (with its Retry-After), 5xx.
        GiveUp: any other answer, 401 (partner credentials) and 404 (Greenhouse does not know the test) among them.
    """
    if answer.status in REASONS:
        raise GiveUp(REASONS[answer.status], kind="http_status")
    judge_push(answer)
