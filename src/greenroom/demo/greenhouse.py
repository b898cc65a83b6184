"""The story at Greenhouse, from the partner application to the scored interview kit."""

from __future__ import annotations

from greenroom.demo import story as common
from greenroom.demo.story import PACKAGE, SCORE, TENANT, Ats, Story, expect

ORGANIZATION, JOB, APPLICATION = 101, 4001, 26234702


def start_servers(story: Story) -> str:
    """Starts the servers; the simulated Greenhouse shows results of the demo's vendor."""
    gateway = common.start_servers(story)
    # the demo's vendor is on loopback, and Greenhouse shows no result URLs of private addresses
    story.simulator.call("PATCH", "/settings", {"show_private_result_urls": True})
    return gateway


def apply_for_partnership(story: Story) -> str:
    """Submits the application with four URLs; Greenhouse issues credentials."""
    base = f"{story.gateway}/external-trigger/greenhouse"
    calls = ("list_tests", "send_test", "test_status", "response_error")
    urls = {f"{call}_url": f"{base}/{call}?tenant-id={TENANT}" for call in calls}
    partner = story.simulator.call("POST", "/partners", {"name": "Proctor", "category": "assessments", **urls})
    story.ids["partner"] = partner["id"]
    story.keys |= {"partner_username": partner["username"], "partner_password": partner["password"]}
    story.simulator.call("POST", f"/partners/{partner['id']}/publish")
    return f"{story.sandbox}/support/partners/{partner['id']}"


def configure_integration(story: Story) -> str:
    """Configures Greenhouse: category, list endpoint, partner credentials."""
    integration = {
        "enabled": True,
        "authentication_type": "partner",
        "partner_category": "assessments",
        "tenant_id": TENANT,
        "packages_url": f"{story.vendor}/packages",
        "packages_api_key": story.keys["packages_api_key"],
        "partner_username": story.keys["partner_username"],
        "partner_password": story.keys["partner_password"],
        "callback_hosts": ["127.0.0.1"],
    }
    return common.configure_integration(story, "greenhouse", integration)


def link_account(story: Story) -> str:
    """Links a customer's Greenhouse, which creates its External Trigger Token."""
    customer = {"provider": "greenhouse", "origin_owner_id": "hemlock-rye", "origin_owner_name": "Hemlock & Rye"}
    return common.link_account(story, customer)


def hand_token_to_support(story: Story) -> str:
    """Gives the token to Greenhouse Support, which enables the integration."""
    path = f"/organizations/{ORGANIZATION}/partners/{story.ids['partner']}"
    story.simulator.call("PUT", path, {"key": story.keys["external_trigger_token"], "enabled": True})
    return f"{story.sandbox}/support/partners/{story.ids['partner']}/customers/{ORGANIZATION}"


def add_stage(story: Story) -> str:
    """Adds the integration to an interview plan, and moves a candidate into it."""
    asked = {"kind": "partner", "partner_id": story.ids["partner"]}
    stage = story.simulator.call("POST", f"/jobs/{JOB}/stages", asked)
    story.ids["stage"] = stage["id"]
    story.simulator.call("POST", f"/applications/{APPLICATION}/move", {"stage_id": stage["id"]})
    return f"{story.sandbox}/jobs/{JOB}/plan"


def open_dialog(story: Story) -> str:
    """Opens *Send test*: Greenhouse calls the gateway, which calls the vendor."""
    dialog = story.simulator.call("POST", f"/applications/{APPLICATION}/send-test/open")
    tests = [test["partner_test_id"] for test in dialog["tests"]] if dialog["ok"] else []
    expect(PACKAGE in tests, f"{PACKAGE} in the drop-down", dialog)
    return f"{story.sandbox}/applications/{APPLICATION}/send-test"


def send_test(story: Story) -> str:
    """Clicks *Send test*: the order is stored before Greenhouse gets its answer."""
    sent = story.simulator.call("POST", f"/applications/{APPLICATION}/send-test", {"test_id": PACKAGE})
    expect(sent["ok"], "Submitted tests", sent)
    story.ids["take_home"] = sent["take_home"]["id"]
    story.ids["order"] = sent["take_home"]["partner_interview_id"]
    return f"{story.sandbox}/people/{sent['take_home']['candidate_id']}?application_id={APPLICATION}"


def check_kit(story: Story) -> str:
    """Checks that the interview kit shows report, score, times and notes."""
    take_home = f"/take-homes/{story.ids['take_home']}"
    waited = story.simulator.call("GET", f"{take_home}?status=received&wait=20")
    expect(waited["status"] == "received", "the take-home test received", waited)
    kit = story.simulator.call("GET", f"{take_home}/kit")
    rows = {row["label"]: row["text"] for row in kit["rows"]}
    wanted = {"Report": "View Report", "Score": SCORE}
    expect(wanted.items() <= rows.items() and {"Started At", "Completed At", "Notes"} <= rows.keys(), str(wanted), kit)
    if not story.quiet:
        print("\n".join(f"      {label:<14} {text}" for label, text in rows.items()), flush=True)
    return f"{story.sandbox}{take_home}/kit"


GREENHOUSE = Ats(
    "Greenhouse",
    start_page="",
    steps=[
        ("Gateway, Greenhouse simulator and demo vendor are running", start_servers),
        ("Partner application: Greenhouse issues credentials", apply_for_partnership),
        ("Greenhouse is configured in Greenroom", configure_integration),
        ("Webhook added, test event taken", common.add_webhook),
        ("Customer linked, package list answers", link_account),
        ("External Trigger Token handed to Greenhouse Support", hand_token_to_support),
        ("Stage added to the interview plan, candidate moved into it", add_stage),
        ("Recruiter opens Send test: packages are listed", open_dialog),
        ("Recruiter clicks Send test: Submitted tests", send_test),
        ("Vendor received the signed order webhook", common.receive_webhook),
        ("Candidate took the test, vendor sent the result", common.take_test),
        ("Interview kit shows the scored result", check_kit),
        ("The order's flight recorder is complete", common.check_timeline),
    ],
)
