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
