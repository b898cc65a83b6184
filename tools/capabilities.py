"""Prints the capability matrix of docs/connectors.md, made of the connectors' manifests."""

from __future__ import annotations

from greenroom.connectors import discover
from greenroom.connectors.contract import Capabilities

#: the question that each capability answers
QUESTIONS = {
    "result_delivery": "How a result reaches the ATS",
    "progress": "Progress that the ATS receives",
    "repeated_results": "A later result replaces an earlier one",
    "cancel": "The ATS can cancel an order",
    "refusal_message": "The recruiter reads why an order was refused",
    "hiring_team": "Hiring team",
    "questions": "Questions for the recruiter with an order",
    "callback_url": "Each order brings its own URL for the result",
    "result_without_order": "Takes a result without an order",
}
WORDS = {
    "notify_then_read": "notified, then reads it",
    "push": "pushed",
    "inline": "in the order",
    "enrichment": "by further calls",
    "none": "none",
}


def _cell(value: object) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, tuple):
        return ", ".join(f"`{one}`" for one in value) or "none"
    return WORDS[str(value)]


def _row(capabilities: list[Capabilities], name: str) -> str:
    return " | ".join([QUESTIONS[name], *(_cell(getattr(one, name)) for one in capabilities)])


def main() -> None:
    """Prints the table, one column for each connector, and the sources of its facts."""
    connectors = [one.manifest for one in discover().values()]
    found = [one.capabilities for one in connectors]
    print("| | " + " | ".join(one.name for one in connectors) + " |")
    print("| --- |" + " --- |" * len(connectors))
    for name in QUESTIONS:
        print(f"| {_row(found, name)} |")
    for manifest in connectors:
        print(f"\nSources for {manifest.name}:\n")
        for name, source in manifest.capabilities.sources.items():
            print(f"- {QUESTIONS[name]}: {source.text} ({source.date}).")


if __name__ == "__main__":
    main()
