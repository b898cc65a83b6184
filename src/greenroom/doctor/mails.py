"""The mails that alert people of findings: subject, plain text and HTML. No I/O."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence
from html import escape

from greenroom.doctor.catalogue import WHO
from greenroom.model.alerts import Alert, ClaimedMail
from greenroom.model.findings import SEVERITIES
from greenroom.model.mails import Mail

#: findings of one mail that are shown with cause and next step; those beyond are a line each
MOST_DETAILED = 20
TONES = {"error": ("#b42318", "#fdecea"), "warning": ("#855000", "#fdf1d9")}
CLOSED_TONE = ("#0a6b45", "#e2f4ea")
QUIET_TONE = ("#47534d", "#f4f6f5")
#: the catalogue's texts have names of settings in backticks
_CODE = re.compile(r"`([^`]+)`")
PAGE = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<meta name="color-scheme" content="light"><title>{title}</title></head>
<body style="margin:0;background:#f7f8f7;color:#0e1512;font:15px/1.5 system-ui,-apple-system,'Segoe UI',sans-serif">
<div style="max-width:600px;margin:0 auto;padding:24px 16px">
<p style="margin:0 0 16px;color:#5f6b65">Greenroom · <b style="color:#0e1512">{place}</b></p>
{parts}
<p style="margin:24px 0 0;color:#5f6b65;font-size:13px">{reason}</p>
</div></body></html>
"""
PART = """<div style="background:#fff;border:1px solid #e4e8e6;border-radius:10px;padding:16px 18px;margin:0 0 12px">
<span style="background:{tint};color:{ink};border-radius:6px;padding:2px 8px;font-size:13px">{label}</span>
<h2 style="font-size:17px;line-height:1.35;margin:10px 0 2px">{title}</h2>
{lines}
</div>"""


def compose(claimed: ClaimedMail, public_url: str) -> Mail:
    """Returns the mail with the alerts of one recipient."""
    closed = [one for one in claimed.alerts if one.change == "closed"]
    gone = {one.finding_id for one in closed}
    opened = [one for one in claimed.alerts if one.change == "opened" and one.finding_id not in gone]
    opened.sort(key=lambda one: SEVERITIES.index(one.shown["severity"]))
    place = claimed.project_name or _shared_project(claimed.alerts) or "Greenroom"
    shown, rest = (opened + closed)[:MOST_DETAILED], (opened + closed)[MOST_DETAILED:]
    texts = [_text(one) for one in shown]
    parts = [_part(one) for one in shown]
    if more := [_line(one) for one in rest]:
        texts.append("\n".join(more))
        parts.append(_html_part("Further", "More findings", more, QUIET_TONE))
    if claimed.unlisted:
        note = f"{claimed.unlisted} further changes are not listed. Greenroom's page Problems shows what is open now."
        texts.append(note)
        parts.append(_html_part("Further", "Not listed", [note], QUIET_TONE))
    reason, page = _reason(claimed, public_url)
    subject = _subject(place, opened + closed, claimed.unlisted)
    return Mail(
        claimed.email,
        subject,
        "\n\n\n".join([*texts, f"-- \n{reason}\n{page}"]) + "\n",
        PAGE.format(
            title=escape(subject), place=escape(place), parts="\n".join(parts), reason=_linked(reason, page)
        ),
        _key(claimed.alerts),
        tuple(dict.fromkeys(f"{one.finding_id}.opened" for one in shown)),
    )  # fmt: skip


def compose_test(email: str, project_id: str, project_name: str, public_url: str, key: str) -> Mail:
    """Returns the mail that a person sends to try the settings out."""
    title = "Test e-mail"
    text = (
        "Alerts reach this address. A mail like this one arrives when Greenroom finds a problem, and when it is gone."
    )
    page = f"{public_url}/projects/{project_id}/settings/alerts"
    reason = f"Somebody pressed Send test e-mail in the settings of {project_name}:"
    return Mail(
        email,
        f"[{project_name}] {title}",
        f"{text}\n\n\n-- \n{reason}\n{page}\n",
        PAGE.format(
            title=title,
            place=escape(project_name),
            parts=_html_part("Test", title, [text], QUIET_TONE),
            reason=_linked(reason, page),
        ),
        key,
    )


def _subject(place: str, alerts: Sequence[Alert], unlisted: int) -> str:
    if not alerts:
        return f"[{place}] {unlisted} changes of findings"
    first, more = alerts[0], len(alerts) - 1 + unlisted
    return f"[{place}] {'Closed: ' if first.change == 'closed' else ''}{_title(first)}" + (
        f", and {more} more" if more else ""
    )


def _shared_project(alerts: Sequence[Alert]) -> str | None:
    """Returns the name of the project that all alerts of the installation's mail are about, if they are about one."""
    names = {one.shown.get("project") for one in alerts}
    return names.pop() if len(names) == 1 else None


def _key(alerts: Sequence[Alert]) -> str:
    """Returns the key of a mail: that of its one finding, else one of all; the same alerts have the same key."""
    if len(alerts) == 1:
        return f"{alerts[0].finding_id}.{alerts[0].change}"
    return hashlib.sha256(" ".join(one.id for one in alerts).encode()).hexdigest()[:32]


def _title(one: Alert) -> str:
    name = one.shown["subject"]["name"]
    return f"{one.shown['title']} ({name})" if name else str(one.shown["title"])


def _line(one: Alert) -> str:
    label = "Closed" if one.change == "closed" else one.shown["severity"].capitalize()
    return f"{label}: {_title(one)}"


def _subject_line(one: Alert) -> str:
    subject = one.shown["subject"]
    if subject["type"] == "installation":
        return "This installation"
    since = f", since {one.shown['since']}" if one.shown["since"] else ""
    project = f"Project {one.shown['project']}, " if one.shown.get("project") else ""
    kind = subject["type"] if project else subject["type"].capitalize()
    return f"{project}{kind} {subject['name'] or subject['id']}{since}"


def _text(one: Alert) -> str:
    shown = one.shown
    head = f"{_line(one)}\n{_subject_line(one)}"
    if one.change == "closed":
        return f"{head}\n{shown['url']}"
    step = f"Next step, for {WHO.get(shown['who'], shown['who'])}: {shown['next_step']}"
    return (
        f"{head}\n\n{shown['cause']}\n\n{step}\n\nOpen in Greenroom: {shown['url']}\nAbout this cause: {shown['docs']}"
    )


def _part(one: Alert) -> str:
    shown = one.shown
    if one.change == "closed":
        return _html_part(
            "Closed", _title(one), [_subject_line(one)], CLOSED_TONE, [("Open in Greenroom", shown["url"])]
        )
    tone = TONES.get(shown["severity"], QUIET_TONE)
    step = f"Next step, for {WHO.get(shown['who'], shown['who'])}: {shown['next_step']}"
    links = [("Open in Greenroom", shown["url"]), ("About this cause", shown["docs"])]
    return _html_part(
        shown["severity"].capitalize(), _title(one), [_subject_line(one), shown["cause"], step], tone, links
    )


def _html_part(
    label: str, title: str, lines: Sequence[str], tone: tuple[str, str], links: Sequence[tuple[str, str]] = ()
) -> str:
    texts = [f'<p style="margin:6px 0">{_marked(line)}</p>' for line in lines]
    shown = " · ".join(f'<a href="{escape(url)}" style="color:{CLOSED_TONE[0]}">{name}</a>' for name, url in links)
    if shown:
        texts.append(f'<p style="margin:10px 0 0">{shown}</p>')
    ink, tint = tone
    return PART.format(ink=ink, tint=tint, label=escape(label), title=escape(title), lines="\n".join(texts))


def _reason(claimed: ClaimedMail, public_url: str) -> tuple[str, str]:
    """Returns the reason for the mail, and the page on which that is changed."""
    if claimed.project_id is None:
        text = f"{claimed.email} is in GREENROOM_ALERT_EMAILS. The operator of this installation can take it out:"
        return text, f"{public_url}/docs/alerts"
    text = f"{claimed.email} gets the alerts of {claimed.project_name}. Change that in the project's settings:"
    return text, f"{public_url}/projects/{claimed.project_id}/settings/alerts"


def _linked(text: str, url: str) -> str:
    return f'{escape(text)} <a href="{escape(url)}" style="color:#5f6b65">{escape(url)}</a>'


def _marked(text: str) -> str:
    return _CODE.sub(r"<code>\1</code>", escape(text))
