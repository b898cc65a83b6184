"""
Checks the house style of code comments, docstrings and docs: plain words that strangers understand.

Two rules. No phrase of `FORBIDDEN` stands anywhere. Headless clauses ("what is told", "whoever asks": a subject without
a noun) stand in at most 2 % of docstrings and comments; httpx and procrastinate have 1 % and less.

    python tools/check_words.py            # exit 1 and a line for each finding
    python tools/check_words.py --count    # the share of headless clauses, folder by folder
"""

from __future__ import annotations

import ast
import io
import re
import sys
import tokenize
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).parent.parent
CODE = ("src", "tests", "tools")
PROSE = ("README.md", "CONTRIBUTING.md", "docs")
SHARE = 0.02

#: phrases that mean something only to those who were there, and what to write
FORBIDDEN = {
    r"\bunder way\b": "in flight",
    r"\bput on record\b": "recorded",
    r"\b(?:is|are|was|were|be|been|being) told\b(?! apart)": "notified, or name the message",
    r"\btold again\b": "nudged",
    r"\b(?:gives?|gave|given|giving) up on\b": "dead-lettered, or stops",
    r"\b(?:hangs?|hung|hanging) up\b": "closes the connection",
    r"\btakes? its leave\b": "drains connections",
    r"\bone (?:guarded )?door\b": "outbound client, egress guard",
    r"\block ?step\b|\bin_step\b": "statement batching",
    r"\bcrowd(?:s|ed)?\b": "backpressure, queue limit",
    r"\btakeover\b|\btaken over\b|\btakes? over by\b": "direct dispatch",
    r"\bexpunge[sd]?\b|\bexpunging\b": "erase",
    r"\bupkeep\b": "maintenance",
    r"\b[Ww]hoever\b|\b[Ww]homever\b": "name the person or program",
    r"\bstrangers?\b": "unauthenticated caller, another project",
    r"\bsomebody else\b|\bsomeone else\b": "another worker, another project",
    r"\bput(?:s)? off\b": "postpones",
}

_SUBJECT = r"[Ww]ho|[Ww]hom|[Ww]hat|[Ww]hatever|[Nn]obody|[Ss]omebody|[Ee]verybody|[Aa]nybody"
_VERB = (
    r"is|are|was|were|has|have|had|may|might|must|can|cannot|could|would|will|does|did|do|comes?|came|goes|went|"
    r"made|gave|took|holds?|waits?|[a-z]+ed|[a-z]+s"
)
HEADLESS = re.compile(rf"\b(?:{_SUBJECT}) (?:{_VERB})\b|\b[Ww]hat (?:a|an|the|we|it|they|I|one|of)\b")
_FORBIDDEN = {re.compile(pattern): instead for pattern, instead in FORBIDDEN.items()}


class Text(NamedTuple):
    """A docstring, a comment or a line of prose."""

    path: Path
    line: int
    kind: str
    content: str


def read_code(path: Path) -> Iterator[Text]:
    """Yields the docstrings and comments of a Python file."""
    source = path.read_text(encoding="utf-8")
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            docstring = ast.get_docstring(node)
            if docstring:
                yield Text(path, getattr(node, "lineno", 1), "docstring", docstring)
    for token in tokenize.generate_tokens(io.StringIO(source).readline):
        if token.type == tokenize.COMMENT and not token.string.startswith(("# noqa", "# type", "# fmt", "#!")):
            yield Text(path, token.start[0], "comment", token.string.lstrip("#: "))


def read_prose(path: Path) -> Iterator[Text]:
    """Yields the lines of a Markdown file."""
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), start=1):
        yield Text(path, number, "prose", line)


def read_all() -> Iterator[Text]:
    """Yields every text of the repository that people read."""
    for folder in CODE:
        for path in sorted((ROOT / folder).rglob("*.py")):
            if path != Path(__file__).resolve():
                yield from read_code(path)
    for name in PROSE:
        entry = ROOT / name
        for path in sorted(entry.rglob("*.md")) if entry.is_dir() else [entry]:
            yield from read_prose(path)


def main() -> int:
    """Returns the exit status: 1 when a rule is broken."""
    texts = list(read_all())
    code = [text for text in texts if text.kind != "prose"]
    headless = [text for text in code if HEADLESS.search(text.content)]
    share = len(headless) / len(code)
    print(
        f"Headless clauses: {len(headless)} of {len(code)} docstrings and comments ({share:.1%}; at most {SHARE:.0%})."
    )
    if "--count" in sys.argv:
        all_in, found_in = (Counter(_folder(text) for text in group) for group in (code, headless))
        for folder, count in sorted(all_in.items()):
            print(f"  {folder:32} {found_in[folder]:4} of {count}")
        return 0
    findings = [
        f"{text.path.relative_to(ROOT)}:{text.line}: {found[0]!r}: {instead}"
        for text in texts
        for pattern, instead in _FORBIDDEN.items()
        if (found := pattern.search(text.content))
    ]
    if share > SHARE:
        findings += [f"{one.path.relative_to(ROOT)}:{one.line}: {_found(one)!r}: name the subject" for one in headless]
    print("\n".join(findings) if findings else "No forbidden phrase.")
    return 1 if findings else 0


def _folder(text: Text) -> str:
    return "/".join(text.path.relative_to(ROOT).parts[:3])


def _found(text: Text) -> str:
    found = HEADLESS.search(text.content)
    return found[0] if found else ""


if __name__ == "__main__":
    sys.exit(main())
