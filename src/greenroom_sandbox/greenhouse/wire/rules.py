"""The rules for a partner's replies, by name.

A rule without a source in Greenhouse's contract says so.
"""

from __future__ import annotations

_LIST = "Greenhouse Assessment API, List Tests"
_SEND = "Greenhouse Assessment API, Send Test"
_STATUS = "Greenhouse Assessment API, Test Status"
_ERRORS = "Greenhouse Assessment API, Errors"
_OURS = "not in Greenhouse's contract: a limit of the simulator's"

#: name → the rule as a sentence, and its source
RULES: dict[str, tuple[str, str]] = {
    "status.2xx": ("A call that worked is answered with a 2xx status; nothing else is followed or read.", _ERRORS),
    "webhook.200": ("A webhook is answered 200; nothing else will do.", "Greenhouse Web Hooks, Retry policy"),
    "reply.connection": ("The connection stays open until the reply is complete.", _OURS),
    "reply.deadline": ("The reply is complete within deadline_seconds.", _OURS),
    "reply.size": ("The reply is at most reply_limit_bytes long.", _OURS),
    "reply.json": ("The reply is JSON in UTF-8.", "Greenhouse Assessment API, General Considerations"),
    "list_tests.array": ("The reply is a bare array.", _LIST),
    "list_tests.item": ("Every test is an object.", _LIST),
    "list_tests.partner_test_id": ("Every test has a partner_test_id, a string that is not empty.", _LIST),
    "list_tests.partner_test_name": ("Every test has a partner_test_name, a string that is not empty.", _LIST),
    "send_test.object": ("The reply is an object.", _SEND),
    "send_test.partner_interview_id": ("partner_interview_id is a string that is not empty.", _SEND),
    "test_status.object": ("The reply is an object.", _STATUS),
    "test_status.partner_status": ("partner_status is a string that is not empty.", _STATUS),
    "test_status.partner_profile_url": ("With complete comes an absolute partner_profile_url.", _STATUS),
    "test_status.partner_score": ("partner_score, when there is one, is a finite number.", _STATUS),
    "test_status.metadata": ("metadata, when there is one, is a flat object of primitives.", _STATUS),
}
