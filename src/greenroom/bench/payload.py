"""
The orders of the load: Greenhouse's Send Test, and one over the unified API.

The first is about 2.5 kB long.
"""

from __future__ import annotations

from typing import Any

TENANT = "bench"
PACKAGE = "pkg_core_sql"

#: a long URL with a signature, as résumé links have
_RESUME = "https://files.example.test/resumes/ada.pdf?X-Amz-Signature=" + "0123456789abcdef" * 70


def send_test(number: int) -> dict[str, Any]:
    """
    Returns a send_test body, different for each number.

    Its `url` is never called, since no result is sent.
    """
    return {
        "partner_test_id": PACKAGE,
        "candidate": {
            "id": number,
            "first_name": "Ada",
            "last_name": "Nguyễn-O'Neill",
            "preferred_name": None,
            "resume_url": _RESUME,
            "phone_number": "+44 20 7946 0018",
            "email": f"ada.{number}@example.test",
            "greenhouse_profile_url": f"https://app.greenhouse.io/people/{number}?application_id={number}",
        },
        "application": {"id": number},
        "sent_by": "rina@northwind.example",
        "url": f"https://app.greenhouse.io/integrations/testing_partners/take_home_tests/{number}",
        "note": "Backend engineer, platform team. " * 24,
    }


def placed(number: int) -> dict[str, Any]:
    """Returns an order's body for the unified API, different for each number."""
    return {
        "id": str(number),
        "package": {"id": PACKAGE},
        "candidate": {
            "first_name": "Ada",
            "last_name": "Nguyễn-O'Neill",
            "emails": [{"type": "personal", "value": f"ada.{number}@example.test"}],
        },
    }
