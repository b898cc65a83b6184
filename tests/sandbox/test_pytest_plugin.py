"""The fixtures in a vendor's test suite, run in a pytest process of its own."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

pytest_plugins = ["pytester"]
#: arguments that make warnings errors and leave out this project's own plugins
ALONE = ("-W", "error", "-p", "no:asyncio", "-p", "no:schemathesis", "-p", "no:hypothesispytest", "-p", "no:anyio")
DOCS = Path(__file__).parents[2] / "docs"


def read_example() -> str:
    """Returns the complete example of the documentation."""
    page = (DOCS / "sandbox-in-tests.md").read_text()
    (example,) = re.findall(r"```python\n(.*?)```", page, re.DOTALL)
    return str(example)


def test_the_documented_example_runs(pytester: pytest.Pytester) -> None:
    """The example works with only the package installed and warnings as errors."""
    pytester.makepyfile(test_vendor=read_example())
    pytester.runpytest_subprocess(*ALONE).assert_outcomes(passed=5)


def test_every_test_starts_from_the_seed_in_one_process(pytester: pytest.Pytester) -> None:
    """Each test sees the same ids and secrets, independent of the tests before it."""
    pytester.makepyfile(
        """
        import pytest
        from greenroom_sandbox.testing.client import RefusedError

        seen = set()

        @pytest.mark.parametrize("time", range(3))
        def test_same(greenhouse, greenhouse_address, time):
            assert greenhouse.address == greenhouse_address
            assert greenhouse.now() == "2026-01-05T09:00:00+00:00"
            application = greenhouse.candidate()
            partner = greenhouse.partner("http://127.0.0.1:1/base?tenant=acme")
            seen.add((greenhouse_address, application, partner))
            greenhouse.fault("latency", seconds=3600)
            greenhouse.advance(weeks=1)
            assert len(seen) == 1
            assert greenhouse.call("GET", "/partners/1")["send_test_url"] == "http://127.0.0.1:1/base/send_test?tenant=acme"

        def test_refused(greenhouse):
            with pytest.raises(RefusedError, match="404: there is no job 7") as caught:
                greenhouse.call("GET", "/jobs/7")
            assert caught.value.status == 404
            with pytest.raises(RefusedError) as caught:
                greenhouse.fault("duplicate", "completion")
            assert caught.value.field == "target"

        def test_more_of_a_company(greenhouse):
            organization = greenhouse.company("Third & Co")
            job = greenhouse.job("Cook", organization)
            partner = greenhouse.partner("http://127.0.0.1:1")
            greenhouse.enable(partner, "k", organization)
            application = greenhouse.candidate(job, email="x@y.example")
            greenhouse.move(application, greenhouse.stage(partner, job))
            with pytest.raises(RefusedError, match="502"):
                greenhouse.tests(application)
            sent = greenhouse.send_test(application, "t")
            assert (sent.ok, sent.take_home.status, len(sent.reasons)) == (False, "failed", 1)
            (first, again) = greenhouse.traffic(at_least=2)
            assert greenhouse.replay(again).replay_of == again.id
            greenhouse.act(application, "reject")
        """
    )
    pytester.runpytest_subprocess(*ALONE).assert_outcomes(passed=5)


def test_arguments_can_be_given_and_a_failing_start_is_explained(pytester: pytest.Pytester) -> None:
    """A failing start shows the simulator's own message."""
    pytester.makeconftest(
        """
        import pytest

        @pytest.fixture(scope="session")
        def greenhouse_arguments():
            return ["--public-url", "nonsense"]
        """
    )
    pytester.makepyfile("def test_it(greenhouse): pass")
    result = pytester.runpytest_subprocess(*ALONE)
    result.assert_outcomes(errors=1)
    result.stdout.fnmatch_lines(["*the simulator did not start*--public-url*"])


def test_the_plugin_can_be_left_out(pytester: pytest.Pytester) -> None:
    """The plugin can be disabled by its name."""
    pytester.makepyfile("def test_it(greenhouse): pass")
    result = pytester.runpytest_subprocess(*ALONE, "-p", "no:greenroom_sandbox")
    result.stdout.fnmatch_lines(["*fixture 'greenhouse' not found*"])


def test_a_run_without_the_fixtures_starts_and_loads_nothing(pytester: pytest.Pytester) -> None:
    """Neither simulator nor client is imported; the vendor's own fixture wins."""
    pytester.makepyfile(
        """
        import sys

        import pytest

        @pytest.fixture
        def greenhouse():
            return "mine"

        def test_untouched(greenhouse):
            assert greenhouse == "mine"
            loaded = {name for name in sys.modules if name.startswith("greenroom")}
            assert loaded == {"greenroom_sandbox", "greenroom_sandbox.testing", "greenroom_sandbox.testing.plugin"}
            assert "aiohttp" not in sys.modules
        """
    )
    pytester.runpytest_subprocess(*ALONE).assert_outcomes(passed=1)


def test_ashby_beside_greenhouse_in_a_test(pytester: pytest.Pytester) -> None:
    """Both fixtures are clients of one simulator, which is reset once."""
    pytester.makepyfile(
        """
        import base64
        import json
        import threading
        import urllib.request
        from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

        import pytest
        from greenroom_sandbox.testing.client import RefusedError

        TYPE = "5f9a3c1e-7a55-4f10-9d55-0c5f2d1b7a01"
        ORDER = "0b0a7e3f-52f8-4a8a-9f3f-6a6d4f6d1c11"
        REPLIES = {
            "assessment.list": {"success": True, "results": [{"assessment_type_id": TYPE, "name": "SQL"}]},
            "assessment.start": {"success": True, "results": {"assessment_id": ORDER}},
            "assessment.cancel": {"success": True, "results": {"assessment_id": ORDER}},
            "customFields.fetch": {"success": True, "fields": []},
        }

        class Vendor(BaseHTTPRequestHandler):
            def do_POST(self):
                self.rfile.read(int(self.headers["Content-Length"]))
                raw = json.dumps(REPLIES[self.path.rpartition("/")[2]]).encode()
                self.send_response(200)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(raw)))
                self.end_headers()
                self.wfile.write(raw)

            def log_message(self, *_):
                pass

        @pytest.fixture
        def vendor():
            with ThreadingHTTPServer(("127.0.0.1", 0), Vendor) as server:
                threading.Thread(target=server.serve_forever, daemon=True).start()
                yield f"http://127.0.0.1:{server.server_port}/ashby"
                server.shutdown()

        def test_story(greenhouse, vendor, ashby):
            first = greenhouse.candidate()
            partner = ashby.partner(vendor, name="Codely")
            key = ashby.enable(partner, "token")
            assert ashby.refresh(partner) == {TYPE: "SQL"}
            assert ashby.sync_custom_fields(partner) == []
            sent = ashby.start(ashby.candidate(), partner, TYPE)
            assert (sent.ok, sent.assessment.partner_assessment_id) == (True, ORDER)
            body = {
                "assessment_id": ORDER, "timestamp": 1_800_000_000_000,
                "assessment_status": {"identifier": "s", "label": "Status", "type": "string", "value": "Completed"},
                "assessment_result": {"identifier": "r", "label": "Score", "type": "numeric_score", "value": 80},
                "assessment_profile_url": {"identifier": "u", "label": "Report", "type": "url", "value": "https://v.example/r"},
            }
            login = base64.b64encode(f"{key}:".encode()).decode()
            call = urllib.request.Request(
                f"{ashby.api_url}/assessment.update", json.dumps(body).encode(), {"Authorization": f"Basic {login}"}
            )
            assert json.load(urllib.request.urlopen(call))["success"] is True
            done = ashby.wait(sent.assessment)
            assert (done.state, done.result["value"], done.full_report_url) == ("completed", 80, "https://v.example/r")
            with pytest.raises(RefusedError) as caught:
                ashby.cancel(done)
            assert caught.value.status == 409
            assert [one.call for one in ashby.traffic(ats="ashby")][-1] == "assessment.update"
            assert greenhouse.call("GET", f"/candidates/{first.candidate_id}")["first_name"] == "Cleo"
        """
    )
    pytester.runpytest_subprocess(*ALONE).assert_outcomes(passed=1)
