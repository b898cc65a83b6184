"""Set-up checks of the partner application and of the configuration. No I/O."""

from __future__ import annotations

from greenroom.model.check_labels import (
    AUTHENTICATION_TYPES,
    CATEGORIES,
    CONFIGURATION,
    PROVIDER,
    SHOWN_PACKAGES,
    count_of,
    first_sentence,
    tells_about_credentials,
    with_state,
)
from greenroom.model.checks import Action, CheckResult, Facts


def check_application(facts: Facts) -> CheckResult:
    """Checks that the ATS has the endpoint URLs: one of them was called."""
    latest = max(facts.called.items(), key=lambda item: item[1].at, default=None)
    base = CheckResult(
        "partner_application",
        PROVIDER,
        "Partner application sent with the endpoint URLs",
        "cannot_check",
        f"{facts.ats} has not called any of the endpoints yet.",
        action=Action("Show the URLs", f"{facts.form}#endpoints"),
        help=(
            "Select Assessment API, Webhook and Harvest API in the application form, and paste the endpoint URLs.",
            f"{facts.ats} reviews applications on the first Monday of every month. This check turns done as soon as "
            "one of the endpoints is called.",
        ),
        by_hand=True,
    )
    if latest is not None:
        name, call = latest
        text = f"{facts.ats} called {name} for {call.account}, so the URLs are in place."
        return with_state(base, "done", text, at=call.at)
    return _confirmed(facts, base)


def check_listing(facts: Facts) -> CheckResult:
    """Checks that the partner directory lists the integration, which only a person can see."""
    category = CATEGORIES[facts.configuration.category] if facts.configuration else "its category"
    base = CheckResult(
        "directory_listing",
        PROVIDER,
        f"Listed in the partner directory under {category}",
        "cannot_check",
        "Greenroom cannot see the directory. Look it up and confirm it here.",
        help=(
            f"An integration that is missing there is not approved or not published yet. Ask {facts.ats} for the "
            "status of the partnership.",
        ),
        by_hand=True,
    )
    return _confirmed(facts, base)


def check_authentication_type(facts: Facts) -> CheckResult:
    """Checks that the integration is enabled with a partner authentication type."""
    base = CheckResult(
        "authentication_type",
        CONFIGURATION,
        "Authentication type is Public + Partner API or Partner API",
        "action_needed",
        f"{facts.ats} is not configured yet.",
        action=Action("Configure", facts.form),
        help=(
            "Public + Partner API includes the hiring team's data in notifications; Partner API does not. Public API "
            "has no assessments and background checks.",
        ),
    )
    found = facts.configuration
    if found is None:
        return base
    name = AUTHENTICATION_TYPES.get(found.authentication_type, found.authentication_type)
    if not found.enabled:
        text = f"The integration is disabled, so {facts.ats}'s calls are refused."
        return with_state(base, "action_needed", text, at=found.updated_at, action=Action("Enable it", "integrations"))
    if found.authentication_type == "public":
        text = "Public API is selected, which has no assessments and background checks."
        action = Action("Change it", f"{facts.form}#authentication_type")
        return with_state(base, "action_needed", text, at=found.updated_at, action=action)
    includes = "include" if found.authentication_type == "public_partner" else "do not include"
    text = f"{name}: notifications {includes} the hiring team."
    return with_state(base, "done", text, at=found.updated_at)


_LIST_HELP = (
    "Without packages, recruiters read “Sorry, we encountered an error. Please try again.” when they open the prompt.",
    "The list endpoint takes a signed POST and answers 200 within 5 seconds. If you have none, set a Package ID.",
)


def check_packages_source(facts: Facts) -> CheckResult:
    """Checks that the list endpoint answers, or that packages need no call."""
    base = CheckResult(
        "packages_source",
        CONFIGURATION,
        "Package's List Endpoint URL answers, or a Package ID is set",
        "cannot_check",
        f"{facts.ats} is not configured yet.",
        help=_LIST_HELP,
    )
    found, answer = facts.configuration, facts.answer
    if found is None:
        return base
    action = Action("Test endpoint", f"{facts.form}#packages_url")
    if not found.packages_url:
        if found.package_id:
            shown = f"Package ID {found.package_id} is shown as “{found.package_name or found.package_id}”."
            return with_state(base, "done", shown, at=found.updated_at)
        if facts.published:
            return with_state(base, "done", f"{count_of(facts.published, 'package')} published through the API.")
        text = "There is neither a list endpoint nor a Package ID."
        return with_state(base, "action_needed", text, at=found.updated_at, action=action)
    if answer is None:
        return with_state(base, "cannot_check", "The endpoint was not called yet.", action=action)
    if answer.problem and (answer.path is None or answer.path == "status"):
        return with_state(base, "action_needed", answer.problem, at=answer.at, action=action)
    where = f" for a recruiter of {answer.account}" if answer.account else ""
    took = f" in {answer.ms} ms" if answer.ms is not None else ""
    return with_state(base, "done", f"It answered {answer.status or 200}{took}{where}.", at=answer.at)


def check_packages_format(facts: Facts) -> CheckResult:
    """Checks that the answer of the list endpoint is a list of packages."""
    base = CheckResult(
        "packages_format",
        CONFIGURATION,
        "Its response has the expected format",
        "cannot_check",
        "Waits for an answer of the list endpoint.",
        help=(
            'The expected format is {"data": [{"id": "…", "name": "…"}], "next": null}. Test endpoint shows the path '
            "of the first value that differs.",
        ),
    )
    found, answer = facts.configuration, facts.answer
    if found is None:
        return base
    if not found.packages_url:
        has_any = found.package_id or facts.published
        return with_state(base, "done", "No list endpoint is used.", at=found.updated_at) if has_any else base
    if answer is None or (answer.problem and answer.path in (None, "status")):
        return base
    action = Action("Test endpoint", f"{facts.form}#packages_url")
    if answer.problem:
        return with_state(base, "action_needed", answer.problem, at=answer.at, action=action)
    if not answer.count:
        return with_state(
            base, "action_needed", "The list is empty: recruiters have nothing to choose.", at=answer.at, action=action
        )
    names = ", ".join(answer.packages[:SHOWN_PACKAGES]) + (", …" if answer.count > SHOWN_PACKAGES else "")
    return with_state(base, "done", f"{count_of(answer.count, 'package')}: {names}.", at=answer.at)


def check_credentials(facts: Facts) -> CheckResult:
    """Checks that the ATS accepts the partner's credentials, by the latest result push."""
    base = CheckResult(
        "partner_credentials",
        CONFIGURATION,
        "Partner's Username and Password are accepted",
        "cannot_check",
        f"{facts.ats} is not configured yet.",
        help=(
            f"{facts.ats} checks these two values each time Greenroom announces a result. A refusal means that they "
            f"changed at {facts.ats} or were typed wrong here.",
            f"Ask your partner contact at {facts.ats} for the current pair, save it, and retry the delivery.",
        ),
    )
    found = facts.configuration
    if found is None:
        return base
    action = Action("Replace password", f"{facts.form}#partner_password")
    if found.callback_auth != "partner":
        return with_state(
            base, "done", "Not used: results are announced with the account's own token.", at=found.updated_at
        )
    if not (found.has_username and found.has_password):
        missing = "Partner's Password" if found.has_username else "Partner's Username"
        field_name = "partner_password" if found.has_username else "partner_username"
        text = f"{missing} is missing, so no result can be announced to {facts.ats}."
        return with_state(
            base, "action_needed", text, at=found.updated_at, action=Action("Enter it", f"{facts.form}#{field_name}")
        )
    tried = [one for one in facts.orders if one.delivery in ("sent", "acknowledged", "refused")]
    latest = max((one for one in tried if tells_about_credentials(one)), key=lambda one: one.updated_at, default=None)
    if latest is None:
        return with_state(
            base, "cannot_check", "Saved. The first result that is announced will show whether they are accepted."
        )
    if latest.delivery != "refused":
        return with_state(base, "done", f"{facts.ats} accepted them with a result.", at=latest.updated_at)
    if found.updated_at is not None and found.updated_at > latest.updated_at:
        text = "Changed since they were refused. The next result will show whether they are accepted."
        return with_state(
            base, "waiting", text, at=found.updated_at, action=Action("Retry a result", f"/orders/{latest.id}")
        )
    return with_state(base, "action_needed", first_sentence(latest.detail), at=latest.updated_at, action=action)


def _confirmed(facts: Facts, base: CheckResult) -> CheckResult:
    found = facts.confirmed.get(base.code)
    if found is None:
        return base
    return with_state(base, "done", f"Confirmed by hand by {found.by}.", at=found.at)
