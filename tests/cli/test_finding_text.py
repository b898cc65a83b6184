"""How `greenroom doctor` prints findings."""

from __future__ import annotations

import pytest

from greenroom.cli.finding_text import print_findings
from greenroom.doctor.catalogue import find
from greenroom.model.findings import Subject

DISK = find("gateway.disk_low", Subject("installation"))


def test_findings_are_grouped_by_project_and_severity(capsys: pytest.CaptureFixture[str]) -> None:
    """Those of the installation come first and once; without a terminal there is no colour."""
    stuck = find("order.stuck", Subject("order", "ord_1"), proof={"days": 8, "webhooks": ["a", "b"], "read": False})
    none = find("webhook.none", Subject("integration", "greenhouse", "Greenhouse"))
    print_findings([("proctor", [none, stuck, DISK]), ("other", [DISK])], "https://greenroom.example")
    said = capsys.readouterr().out

    assert said.count(DISK.title) == 1
    order = [said.index(one) for one in ("This installation", "Project proctor", none.title, stuck.title)]
    assert order == sorted(order)
    assert "Project other" not in said
    assert "Proof: days 8, webhooks [a, b], read no" in said
    assert "https://greenroom.example/docs/causes#webhook.none" in said
    assert "\x1b" not in said


def test_a_terminal_obeys_nothing_that_others_wrote(capsys: pytest.CaptureFixture[str]) -> None:
    """Control characters of an answer are spaces."""
    found = find("webhook.refused", Subject("webhook", "whk_1", "x\x1b[2J"), proof={"answer": "\x1b]0;owned\x07\r\nhi"})
    print_findings([("proctor", [found])], "https://greenroom.example")
    said = capsys.readouterr().out
    assert all(one.isprintable() or one == "\n" for one in said)


def test_nothing_is_wrong(capsys: pytest.CaptureFixture[str]) -> None:
    """One line says so."""
    print_findings([("proctor", [])], "https://greenroom.example")
    assert capsys.readouterr().out == "Nothing is wrong, as far as was observed.\n"
