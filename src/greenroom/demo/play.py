"""Plays the demo's story at one ATS."""

from __future__ import annotations

import json
import signal
import sys
import threading
from types import FrameType

from greenroom.demo.ashby import ASHBY
from greenroom.demo.greenhouse import GREENHOUSE
from greenroom.demo.processes import Ports, Processes, ProcessFailed
from greenroom.demo.story import Ats, Story

#: the stories by the name that `--ats` takes
STORIES = {"greenhouse": GREENHOUSE, "ashby": ASHBY}


def run(ats: Ats, *, once: bool, as_json: bool, ports: Ports) -> int:
    """
    Plays the story; unless `once`, keeps serving until Ctrl-C.

    Returns the exit status: 0 when every step succeeded. `as_json` prints `{ok, steps: [{name, ok, ms, url?}], urls,
    ids, keys}` and nothing else.
    """
    stopped = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda _number, _frame: _stop(stopped, _frame))
    try:
        with Processes(ports) as processes:
            story = Story(processes, ats, quiet=as_json)
            fine = story.play()
            if as_json:
                print(json.dumps(story.result()), flush=True)
            elif fine:
                pages = f"{story.sandbox}{ats.start_page}"
                print(f"\nThe recruiter sees the score, in {ats.name} to click through: {pages}", flush=True)
                print(f"API key: {story.keys['api_key']}", flush=True)
                print(f"The dashboard, once: {story.sign_in_link}", flush=True)
                again = f"GREENROOM_DATA_DIR={processes.data_dir} {sys.executable} -m greenroom sign-in-link"
                print(f"Another link into it: {again}", flush=True)
            if once or not fine:
                return 0 if fine else 1
            print("\nStill serving. Ctrl-C stops everything.", file=sys.stderr, flush=True)
            while not stopped.wait(0.5):
                processes.check()
    except ProcessFailed as error:
        print(error, file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 0
    return 0


def _stop(stopped: threading.Event, _: FrameType | None) -> None:
    if stopped.is_set():
        return
    stopped.set()
    raise KeyboardInterrupt
