"""Injected faults, and the choice of the calls that they affect.

The same seed and the same calls always give the same hits.
"""

from __future__ import annotations

import random
from typing import get_args

from greenroom_sandbox.errors import Refused
from greenroom_sandbox.kernel import Kernel
from greenroom_sandbox.model.wire import Fault, FaultKind, FaultSpec, Target, WireCall
from greenroom_sandbox.wire.broken import JSON_VARIANTS

OUTBOUND_KINDS: tuple[FaultKind, ...] = ("latency", "timeout", "reset", "wrong_credentials")
ANSWER_KINDS: tuple[FaultKind, ...] = (
    "latency",
    "timeout",
    "reset",
    "status",
    "malformed",
    "logical_error",
    "lost_answer",
)
#: the calls that Ashby makes, and those that it answers
ASHBY_CALLS: tuple[Target, ...] = (
    "assessment.list",
    "assessment.start",
    "assessment.cancel",
    "customFields.fetch",
    "customField.list",
)
ASHBY_ANSWERS: tuple[Target, ...] = ("assessment.update", "assessment.addCompletedToCandidate")
OUTBOUND_TARGETS: tuple[Target, ...] = (
    *("list_tests", "send_test", "test_status", "response_error", "webhook"),
    *ASHBY_CALLS,
)
ANSWER_TARGETS: tuple[Target, ...] = ("completion", "resume", "token", "harvest", *ASHBY_ANSWERS)
#: calls whose body only the variants of `JSON_VARIANTS` can break
JSON_ONLY: tuple[Target, ...] = ("token", "harvest", "assessment.start", *ASHBY_ANSWERS)
#: the allowed targets of each kind of fault, the default first
TARGETS: dict[FaultKind, tuple[Target, ...]] = {
    "latency": ("any", *get_args(WireCall)),
    "timeout": ("any", *get_args(WireCall)),
    "reset": ("any", *get_args(WireCall)),
    "wrong_credentials": ("any", *OUTBOUND_TARGETS),
    "duplicate": ("send_test", "webhook", "assessment.start"),
    "malformed": ("send_test", *JSON_ONLY),
    "reorder": ("test_status",),
    "status": ANSWER_TARGETS,
    "expired_resume": ("send_test",),
    "logical_error": ASHBY_ANSWERS,
    "lost_answer": ASHBY_ANSWERS,
}
SECONDS: dict[FaultKind, float] = {"latency": 1, "timeout": 0.05}
SILENCE_S = 30.0


def inject(kernel: Kernel, spec: FaultSpec) -> Fault:
    """Adds a fault.

    Raises: `Refused` when the kind cannot have this target or variant.
    """
    kind, target = spec.kind, spec.target or TARGETS[spec.kind][0]
    if target not in TARGETS[kind]:
        raise Refused(f"{kind} can have {', '.join(TARGETS[kind])}", "target")
    if kind == "malformed" and target in JSON_ONLY and spec.variant not in JSON_VARIANTS:
        raise Refused(f"of {target} can be {', '.join(JSON_VARIANTS)}", "variant")
    seconds = spec.seconds
    if seconds is None:
        seconds = SILENCE_S if kind == "timeout" and target in ANSWER_TARGETS else SECONDS.get(kind, 0)
    values = spec.model_dump() | {"id": kernel.faults.next_id(), "target": target, "seconds": seconds}
    return kernel.faults.save(Fault.model_validate(values))


def clear(kernel: Kernel) -> None:
    """Removes every fault."""
    for fault in kernel.faults.all():
        kernel.faults.remove(fault.id)


def match(
    kernel: Kernel,
    call: WireCall,
    kinds: tuple[FaultKind, ...],
    take_home_id: int | None = None,
    assessment_id: str | None = None,
) -> dict[FaultKind, Fault]:
    """Returns the faults of these kinds that hit this call, the oldest of each kind.

    Updates ``seen``, ``hits`` and ``count`` of every fault that fits the call.
    """
    matched: dict[FaultKind, Fault] = {}
    for fault in kernel.faults.all():
        fits = fault.target in (call, "any") and fault.take_home_id in (None, take_home_id)
        fits = fits and fault.assessment_id in (None, assessment_id)
        if fits and fault.kind in kinds and fault.kind not in matched and fault.count != 0:
            fault.seen += 1
            if _hits(kernel.seed, fault):
                fault.hits += 1
                fault.count = None if fault.count is None else fault.count - 1
                matched[fault.kind] = fault
            kernel.faults.save(fault)
    return matched


def _hits(seed: int, fault: Fault) -> bool:
    if fault.seen <= fault.skip:
        return False
    return random.Random(f"{seed}/{fault.id}/{fault.seen}").random() < fault.probability  # noqa: S311 - repeatable
