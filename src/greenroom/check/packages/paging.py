"""Checks of the list's pages, and of generated requests."""

from __future__ import annotations

import json
from typing import Any

from greenroom.check.generate import TEXTS, Change, cases, find_counter_example
from greenroom.check.model import Failed, Skipped, Suite, Warned
from greenroom.check.packages.subject import ALL_PAGES_S, PAGES, PackagesSubject, package_id
from greenroom.errors import RemoteError
from greenroom.model.packages import InvalidPackageList, read_page

SUITE: Suite[PackagesSubject] = Suite("packages")


@SUITE.check(
    "next-form",
    "`next` is a text, null or left out",
    why="Another kind makes the page unusable.",
    fix="Send the cursor as a text, and null on the last page.",
)
async def next_form(subject: PackagesSubject) -> str:
    """Looks at the first page."""
    await subject.data()
    following = (await subject.content()).get("next")
    if following is not None and not isinstance(following, str):
        raise Failed(f"$.next is {following!r}."[:120])
    if isinstance(following, str) and not following.strip():
        raise Warned("$.next is an empty text; null says that there are no more pages.")
    return "null" if following is None else "a text"


@SUITE.check(
    "next-followed",
    "Each cursor leads to the next page",
    why="The gateway sends `next` back in the body; packages behind a broken cursor are missing.",
    fix="Read `next` from the JSON body of the request.",
)
async def next_followed(subject: PackagesSubject) -> str:
    """Follows `next`."""
    pages = await subject.pages()
    if len(pages) == 1 and not _cursor(pages[0].following):
        raise Skipped("There is one page.")
    if len(pages) > 1 and pages[0].data and pages[1].data == pages[0].data:
        raise Failed("The second page is the first one again: `next` is not read.", curl=pages[1].sent.curl)
    return f"{len(pages)} pages"


@SUITE.check(
    "next-ends",
    f"The pages end, at the latest after {PAGES}",
    why="No more pages are read.",
    fix="Send `next: null` on the last page; make pages larger.",
)
async def next_ends(subject: PackagesSubject) -> str:
    """Follows `next` to the end."""
    pages = await subject.all_pages()
    last = pages[-1]
    if len(pages) > 1 and pages[1].data == pages[0].data:
        raise Skipped("`next` is not read: see packages.next-followed.")
    if _cursor(last.following):
        again = last.following in {page.following for page in pages[:-1]}
        said = "the same cursor again" if again else f"another cursor after {len(pages)} pages"
        raise Failed(f"The last page that was read has {said}.", curl=last.sent.curl)
    return f"{len(pages)} pages"


@SUITE.check(
    "next-repeats",
    "No package is on two pages",
    why="Where packages repeat, others are usually missing.",
    fix="Page by a key, not by an offset into a list whose order changes.",
)
async def next_repeats(subject: PackagesSubject) -> str:
    """Compares the ids of the pages."""
    pages = await subject.all_pages()
    if len(pages) == 1:
        raise Skipped("There is one page.")
    if pages[1].data == pages[0].data:
        raise Skipped("`next` is not read: see packages.next-followed.")
    seen: set[str] = set()
    for number, page in enumerate(pages, 1):
        ids = {str(package_id(item)) for item in page.data if isinstance(item, dict)}
        if seen & ids:
            raise Failed(f"{min(seen & ids)[:60]!r} is on page {number} and on an earlier one.", curl=page.sent.curl)
        seen |= ids
    return f"{len(seen)} ids on {len(pages)} pages"


@SUITE.check(
    "next-time",
    f"All pages together come within {ALL_PAGES_S:.0f} s",
    why="The recruiter's dialog waits for the whole list.",
    fix="Make pages larger, and answer from memory.",
)
async def next_time(subject: PackagesSubject) -> str:
    """Adds up the calls."""
    pages = await subject.all_pages()
    if len(pages) == 1:
        raise Skipped("There is one page.")
    if subject.pages_s > ALL_PAGES_S:
        raise Failed(f"{len(pages)} pages took {subject.pages_s:.1f} s.")
    return f"{subject.pages_s:.1f} s"


@SUITE.check(
    "next-unknown",
    "A cursor that you did not make gets a list or a 4xx",
    why="Cursors grow old, and a 5xx counts as an outage of yours.",
    fix="Answer 400, or an empty page.",
)
async def next_unknown(subject: PackagesSubject) -> str:
    """Sends a cursor that cannot exist."""
    await subject.success()
    sent = await subject.ask(next="this-cursor-does-not-exist")
    if sent.status >= 500:
        raise Failed(f"For an unknown cursor, {sent.described()}.", curl=sent.curl)
    return str(sent.status)


@SUITE.check(
    "generated",
    "Generated requests never get a 5xx or an unusable list",
    why="Account ids, cursors and fields come from other systems.",
    fix="Run the command of the counter-example, and repair what it shows.",
)
async def generated(subject: PackagesSubject) -> str:
    """Sends generated requests, and reduces the first that fails."""
    await subject.data()
    if await _problem(subject, subject.document):
        raise Skipped("The list for a plain request is not usable: see the checks above.")
    changes = [Change((name,), text) for name in ("account_id", "provider", "job_id") for text in TEXTS]
    others: tuple[Any, ...] = (None, [], {}, 0, True)
    changes += [Change((name,), other) for name in ("next", "job_id", "extra") for other in others]

    async def problem_of(document: Any) -> str | None:
        return await _problem(subject, document)

    inputs = cases(changes, seed=subject.seed, examples=subject.examples)
    found, tried = await find_counter_example(subject.document, inputs, problem_of)
    if found is None:
        return f"{tried} requests, seed {subject.seed}"
    sent = await _sent(subject, found.document)
    shown = ", ".join(map(str, found.changes))
    raise Failed(f"With {shown}: {found.problem}", curl=sent)


async def _problem(subject: PackagesSubject, document: Any) -> str | None:
    try:
        sent = await subject.ask(document)
    except RemoteError as error:
        return error.reason
    if sent.status >= 500:
        return f"{sent.described()}."
    if not sent.is_success:
        return None
    try:
        read_page(json.loads(sent.answer.body), subject.category)
    except InvalidPackageList as error:
        return str(error)
    except (ValueError, RecursionError):
        return "the answer is not JSON."
    return None


async def _sent(subject: PackagesSubject, document: Any) -> str | None:
    try:
        return (await subject.ask(document)).curl
    except RemoteError:
        return None


def _cursor(value: object) -> bool:
    return isinstance(value, str) and bool(value.strip())
