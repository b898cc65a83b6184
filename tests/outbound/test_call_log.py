"""Recorded calls: each surrounding block gets every call made inside it."""

from __future__ import annotations

import asyncio

import pytest

from greenroom.errors import GiveUp, TryLater
from greenroom.outbound import Outbound, Request, recording_calls
from tests.house import Neighbour


def asking(peer: Neighbour) -> Request:
    """Returns a request with every part that a step shows."""
    return Request("POST", f"{peer.url}/list?page=2", {"x-a": "b"}, b'{"n":1}')


async def test_a_step_has_both_sides(out: Outbound, peer: Neighbour) -> None:
    """A step has request and answer, as they went over the wire."""
    peer.will_answer((418, {"x-c": "d"}, b"teapot"))
    with recording_calls() as steps:
        await out.send(asking(peer), deadline=5, max_body=3)

    (step,) = steps
    assert (step.method, step.url) == ("POST", f"{peer.url}/list?page=2")
    assert (step.request_headers, step.request_body) == ({"x-a": "b"}, b'{"n":1}')
    assert (step.status, step.response_body, step.truncated, step.error) == (418, b"tea", True, None)
    assert step.response_headers is not None
    assert step.response_headers["x-c"] == "d"
    assert step.duration_ms > 0
    assert step.started_at.tzinfo is not None


async def test_a_step_without_an_answer_says_why(out: Outbound, peer: Neighbour) -> None:
    """A refused call is recorded, too, and its URL has no user-info."""
    peer.will_answer(0)
    with recording_calls() as steps:
        with pytest.raises(TryLater):
            await out.send(asking(peer), deadline=5)
        for url in ("https://u:canary@x.example.com/@a?b=c@d", "https:u:canary@x.example.com", "u:canary@x"):
            with pytest.raises(GiveUp):
                await out.send(Request("GET", url, {}), deadline=5)

    assert [step.status for step in steps] == [None] * 4
    assert "broke the connection" in str(steps[0].error)
    assert steps[1].url == "https://x.example.com/@a?b=c@d"
    assert "user name" in str(steps[1].error)
    assert "canary" not in str(steps)


async def test_recorders_nest(out: Outbound, peer: Neighbour) -> None:
    """An outer block records the calls of an inner one, an inner one only its own."""
    with recording_calls() as outer:
        await out.send(asking(peer), deadline=5)
        with recording_calls() as inner:
            await out.send(asking(peer), deadline=5)
        await out.send(asking(peer), deadline=5)
    await out.send(asking(peer), deadline=5)

    assert (len(outer), len(inner)) == (3, 1)
    assert inner[0] is outer[1]


async def test_a_task_started_inside_is_recorded_and_a_concurrent_one_is_not(out: Outbound, peer: Neighbour) -> None:
    """Concurrent requests each record their own calls."""

    async def serve(calls: int) -> int:
        with recording_calls() as steps:
            await asyncio.gather(*(asyncio.create_task(out.send(asking(peer), deadline=5)) for _ in range(calls)))
        return len(steps)

    assert await asyncio.gather(serve(1), serve(3), serve(0)) == [1, 3, 0]
