"""The content of mails: subject, bodies, threads; nothing of a candidate, and nothing that a name can break."""

from __future__ import annotations

from typing import Any

from greenroom.doctor.catalogue import find
from greenroom.doctor.mails import MOST_DETAILED, compose
from greenroom.doctor.shown import show
from greenroom.model.alerts import Alert, Change, ClaimedMail
from greenroom.model.findings import Subject

URL = "https://greenroom.example"
EVIL = 'x</h2><img src="https://evil.example/t.gif"><script>'


def alert(number: int, change: Change = "opened", code: str = "webhook.disabled", **changes: Any) -> Alert:
    """Returns an alert about a webhook."""
    shown = show(find(code, Subject("webhook", f"whk_{number}", "orders")), URL)
    shown["url"] = f"{URL}/projects/prj_1/findings?code={code}&q=whk_{number}"
    return Alert(f"alr_{number:03}", f"fnd_{number}", change, {**shown, **changes})


def claimed(*alerts: Alert, project: str | None = "Proctor", unlisted: int = 0) -> ClaimedMail:
    """Returns the alerts of one recipient."""
    project_id = "prj_1" if project else None
    return ClaimedMail("rcp_1", "ada@proctor.example", project_id, project, alerts, unlisted, claim=1, failures=0)


def test_a_problem_and_its_end_are_a_thread() -> None:
    """The second mail refers to the first, whose key depends on the finding alone."""
    opened, closed = compose(claimed(alert(1)), URL), compose(claimed(alert(1, "closed")), URL)
    assert opened.subject == "[Proctor] Orders reach nobody: the webhook for them is switched off (orders)"
    assert closed.subject == "[Proctor] Closed: Orders reach nobody: the webhook for them is switched off (orders)"
    assert opened.key == "fnd_1.opened"
    assert closed.about == (opened.key,)
    assert opened.key != closed.key
    for body in (opened.text, opened.html.replace("&amp;", "&")):
        assert "Webhook orders" in body
        assert "Next step, for you, the vendor: " in body
        assert f"{URL}/projects/prj_1/findings?code=webhook.disabled&q=whk_1" in body
        assert f"{URL}/docs/causes#webhook.disabled" in body
        assert f"{URL}/projects/prj_1/settings/alerts" in body
        assert "ada@proctor.example gets the alerts of Proctor." in body


def test_several_are_one_mail() -> None:
    """Errors first; one that opened and closed meanwhile is shown as closed; the same alerts have the same key."""
    several = [alert(1, code="order.stuck"), alert(2), alert(3), alert(3, "closed")]
    mail = compose(claimed(*several), URL)
    assert mail.subject == "[Proctor] Orders reach nobody: the webhook for them is switched off (orders), and 2 more"
    places = [mail.text.index(one) for one in ("Error: Orders", "Warning: An order", "Closed: Orders")]
    assert places == sorted(places)
    assert mail.text.count("whk_3") == 1
    assert mail.key == compose(claimed(*several), URL).key != compose(claimed(*several, alert(4)), URL).key
    assert set(mail.about) == {f"fnd_{number}.opened" for number in (1, 2, 3)}


def test_a_long_mail_has_a_bound() -> None:
    """Causes and next steps of the first ones, a line for each other, a number for the rest."""
    mail = compose(claimed(*(alert(number) for number in range(200)), unlisted=7), URL)
    assert mail.subject.endswith(", and 206 more")
    assert mail.text.count("Next step") == mail.html.count("Next step") == MOST_DETAILED
    assert mail.text.count("Error: Orders reach nobody: the webhook for them is switched off (orders)") == 200
    assert "7 further changes are not listed" in mail.text
    assert len(mail.html) < 100_000
    assert compose(claimed(unlisted=7), URL).subject == "[Proctor] 7 changes of findings"


def test_names_and_texts_are_escaped() -> None:
    """They come from vendors and ATSs; the mail has no request to anywhere, and nothing of the proof."""
    shown = {
        "title": EVIL,
        "cause": EVIL,
        "next_step": EVIL,
        "subject": {"type": "webhook", "id": EVIL, "name": EVIL},
        "proof": {"candidate": "ada.lovelace@example.test"},
    }
    for change in ("opened", "closed"):
        html = compose(claimed(alert(1, change, **shown), project=EVIL), URL).html
        assert "<img" not in html
        assert "<script" not in html
        assert "src=" not in html.replace("src=&quot;", "")
        assert "lovelace" not in html


def test_the_installations_mail() -> None:
    """It names no project, and the setting by which the recipient was chosen."""
    disk = show(find("gateway.disk_low", Subject("installation")), URL) | {"url": f"{URL}/projects/prj_1/findings"}
    mail = compose(claimed(Alert("alr_1", "fnd_1", "opened", disk), project=None), URL)
    assert mail.subject == "[Greenroom] The disk is almost full"
    assert "This installation" in mail.text
    assert "ada@proctor.example is in GREENROOM_ALERT_EMAILS" in mail.text


def test_the_operators_mail_about_projects() -> None:
    """It names the project of each problem, in the subject if it is the same for all."""
    one, other = alert(1, project="Proctor"), alert(2, project="Mallory")
    assert compose(claimed(one, project=None), URL).subject.startswith("[Proctor] Orders reach nobody")
    mail = compose(claimed(one, other, project=None), URL)
    assert mail.subject.startswith("[Greenroom] Orders reach nobody")
    assert "Project Proctor, webhook orders" in mail.text
    assert "Project Mallory, webhook orders" in mail.html
