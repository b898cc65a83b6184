"""Which injected faults hit a call. The same seed and the same calls give the same hits."""

from __future__ import annotations

import random
from typing import get_args

from greenroom_sandbox.errors import Refused
from greenroom_sandbox.model.wire import Fault, FaultKind, FaultWish, Target, WireCall
from greenroom_sandbox.wire.bodies import GARBLINGS
from greenroom_sandbox.world import World

OF_OWN_CALLS: tuple[FaultKind, ...] = ("latency", "timeout", "reset", "wrong_credentials")
OF_ANSWERS: tuple[FaultKind, ...] = ("latency", "timeout", "reset", "status", "malformed")
OWN_CALLS: tuple[Target, ...] = ("list_tests", "send_test", "test_status", "response_error", "webhook")
ANSWERS: tuple[Target, ...] = ("completion", "resume", "token", "harvest")
#: which targets a kind of fault can have, the default first
TARGETS: dict[FaultKind, tuple[Target, ...]] = {
    "latency": ("any", *get_args(WireCall)),
    "timeout": ("any", *get_args(WireCall)),
    "reset": ("any", *get_args(WireCall)),
    "wrong_credentials": ("any", *OWN_CALLS),
    "duplicate": ("send_test", "webhook"),
    "malformed": ("send_test", "token", "harvest"),
    "reorder": ("test_status",),
    "status": ANSWERS,
    "expired_resume": ("send_test",),
}
SECONDS: dict[FaultKind, float] = {"latency": 1, "timeout": 0.05}
SILENCE_S = 30.0


def inject(world: World, wish: FaultWish) -> Fault:
    """Adds a fault; refused when its kind does not go with its target."""
    kind, target = wish.kind, wish.target or TARGETS[wish.kind][0]
    if target not in TARGETS[kind]:
        raise Refused(f"{kind} can have {', '.join(TARGETS[kind])}", "target")
    if kind == "malformed" and target != "send_test" and wish.variant not in GARBLINGS:
        raise Refused(f"of {target} can be {', '.join(GARBLINGS)}", "variant")
    seconds = wish.seconds
    if seconds is None:
        seconds = SILENCE_S if kind == "timeout" and target in ANSWERS else SECONDS.get(kind, 0)
    values = wish.model_dump() | {"id": world.faults.next_id(), "target": target, "seconds": seconds}
    return world.faults.save(Fault.model_validate(values))


def clear(world: World) -> None:
    """Removes every fault."""
    for fault in world.faults.all():
        world.faults.remove(fault.id)


def strike(
    world: World, call: WireCall, kinds: tuple[FaultKind, ...], take_home_id: int | None = None
) -> dict[FaultKind, Fault]:
    """The faults of these kinds that hit this call, the oldest of each kind; what it costs them is counted."""
    struck: dict[FaultKind, Fault] = {}
    for fault in world.faults.all():
        fits = fault.target in (call, "any") and fault.take_home_id in (None, take_home_id)
        if fits and fault.kind in kinds and fault.kind not in struck and fault.count != 0:
            fault.seen += 1
            if _hits(world.seed, fault):
                fault.hits += 1
                fault.count = None if fault.count is None else fault.count - 1
                struck[fault.kind] = fault
            world.faults.save(fault)
    return struck


def _hits(seed: int, fault: Fault) -> bool:
    if fault.seen <= fault.skip:
        return False
    return random.Random(f"{seed}/{fault.id}/{fault.seen}").random() < fault.probability  # noqa: S311 - repeatable
