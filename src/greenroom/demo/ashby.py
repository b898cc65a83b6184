"""The story at Ashby, from the onboarding of the partner to the score on the candidate's page."""

from __future__ import annotations

from greenroom.demo import story as common
from greenroom.demo.story import SCORE, TENANT, Ats, Story, expect

ORGANIZATION = "a5b10001-0000-4000-8000-000000000001"
APPLICATION = "a5b10005-0000-4000-8000-000000000002"
PACKAGE_NAME = "SQL essentials (45 min)"


def onboard_partner(story: Story) -> str:
    """Gives Ashby the base URL of the vendor's tenant in Greenroom."""
    asked = {"name": "Proctor", "base_url": f"{story.gateway}/external-trigger/ashby/{TENANT}"}
    story.ids["partner"] = story.simulator.call("POST", "/ashby/partners", asked)["id"]
    return f"{story.sandbox}/ashby/partners"


def configure_integration(story: Story) -> str:
    """Configures Ashby: category and list endpoint."""
    integration = {
        "enabled": True,
        "partner_category": "assessments",
        "tenant_id": TENANT,
        "packages_url": f"{story.vendor}/packages",
        "packages_api_key": story.keys["packages_api_key"],
    }
    return common.configure_integration(story, "ashby", integration)


def create_api_key(story: Story) -> str:
    """Creates the customer's API key, with which the gateway updates assessments."""
    story.keys["ashby_api_key"] = story.simulator.call("POST", f"{_integration(story)}/api-keys")["key"]
    return f"{story.sandbox}/ashby/integrations/{story.ids['partner']}"


def link_account(story: Story) -> str:
    """Links a customer's Ashby with its API key, which creates its External Trigger Token."""
    customer = {
        "provider": "ashby",
        "origin_owner_id": "juniper-labs",
        "origin_owner_name": "Juniper Labs",
        "credentials": {"api_key": story.keys["ashby_api_key"]},
    }
    return common.link_account(story, customer)


def paste_token(story: Story) -> str:
    """Pastes the token as the partner API key, which enables the integration."""
    story.simulator.call("PUT", _integration(story), {"key": story.keys["external_trigger_token"], "enabled": True})
    return f"{story.sandbox}/ashby/integrations/{story.ids['partner']}"


def refresh(story: Story) -> str:
    """Presses *Refresh*: Ashby calls the gateway, which calls the vendor."""
    answer = story.simulator.call("POST", f"{_integration(story)}/refresh")
    types = {one["name"]: one["assessment_type_id"] for one in answer["assessment_types"]}
    expect(PACKAGE_NAME in types, f"{PACKAGE_NAME} among the assessment types", answer)
    story.ids["assessment_type"] = types[PACKAGE_NAME]
    return f"{story.sandbox}/ashby/integrations/{story.ids['partner']}"


def start_assessment(story: Story) -> str:
    """Clicks *Start Assessment*: the order is stored before Ashby gets its answer."""
    asked = {"partner_id": story.ids["partner"], "assessment_type_id": story.ids["assessment_type"]}
    started = story.simulator.call("POST", f"/ashby/applications/{APPLICATION}/assessments", asked)
    expect(started["ok"], "a started assessment", started)
    assessment = started["assessment"]
    story.ids |= {"assessment": assessment["id"], "candidate": assessment["candidate_id"]}
    # Ashby knows the order by a UUID that Greenroom derives from the order's id; the demo has only this order
    story.ids["order"] = story.api.call("GET", "/v1/orders")["data"][0]["id"]
    return _candidate_page(story)


def check_candidate(story: Story) -> str:
    """Checks that the candidate's page shows score, report, summary and outcome."""
    waited = story.simulator.call("GET", f"/ashby/assessments/{story.ids['assessment']}?state=completed&wait=20")
    expect(waited["state"] == "completed", "the assessment completed", waited)
    rows = {item["label"]: item["value"] for item in (waited["result"], *waited["metadata"])}
    wanted = {"Score": float(SCORE), "Passed": True}
    shown = wanted.items() <= rows.items() and "Summary" in rows and waited["full_report_url"]
    expect(bool(shown), f"{wanted}, Summary and Full Report", waited)
    if not story.quiet:
        print("\n".join(f"      {label:<14} {value}" for label, value in rows.items()), flush=True)
    return _candidate_page(story)


def _integration(story: Story) -> str:
    return f"/ashby/organizations/{ORGANIZATION}/partners/{story.ids['partner']}"


def _candidate_page(story: Story) -> str:
    return f"{story.sandbox}/ashby/candidates/{story.ids['candidate']}"


ASHBY = Ats(
    "Ashby",
    start_page="/ashby",
    steps=[
        ("Gateway, Ashby simulator and demo vendor are running", common.start_servers),
        ("Ashby onboarded the vendor with its base URL", onboard_partner),
        ("Ashby is configured in Greenroom", configure_integration),
        ("Webhook added, test event taken", common.add_webhook),
        ("Customer's admin created an Ashby API key", create_api_key),
        ("Customer linked, package list answers", link_account),
        ("External Trigger Token pasted as the partner API key", paste_token),
        ("Admin presses Refresh: packages are listed", refresh),
        ("Recruiter clicks Start Assessment: it is sent", start_assessment),
        ("Vendor received the signed order webhook", common.receive_webhook),
        ("Candidate took the test, vendor sent the result", common.take_test),
        ("Candidate's page shows the scored result", check_candidate),
        ("The order's flight recorder is complete", common.check_timeline),
    ],
)
