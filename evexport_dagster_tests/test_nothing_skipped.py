"""The guard against silence: runs of little suites under the plugin."""

from __future__ import annotations

from pathlib import Path

import pytest

pytest_plugins = ["pytester"]

ROOT = str(Path(__file__).parents[1])
GUARDED = (
    f"import sys\nsys.path.insert(0, {ROOT!r})\n"
    "from evexport_dagster_tests.nothing_skipped import pytest_configure"
)

PASSED = "def test_it(): pass"
SKIPPED = "import pytest\n@pytest.mark.skip\ndef test_it(): pass"
SKIPPED_INSIDE = "import pytest\ndef test_it(): pytest.skip('no server here')"
SKIPPED_FILE = "import pytest\npytest.skip('not here', allow_module_level=True)"
SKIPPED_IMPORT = "import pytest\npytest.importorskip('no_such_module')"
EXPECTED_FAILURE = "import pytest\n@pytest.mark.xfail\ndef test_it(): assert False"
UNEXPECTED_PASS = "import pytest\n@pytest.mark.xfail(strict=False)\ndef test_it(): pass"


def guarded(pytester: pytest.Pytester, *files: str, workers: int = 0) -> pytest.RunResult:
    """A run of these test files, as the suite itself is run."""
    pytester.makeconftest(GUARDED)
    for number, text in enumerate(files):
        pytester.makepyfile(**{f"test_{number}": text})
    # Hypothesis would be imported, and its assertions rewritten, anew for each of these runs.
    without = ("-p", "no:hypothesispytest", "-p", "no:randomly", "-p", "no:cacheprovider")
    return pytester.runpytest_inprocess(*without, "-n", str(workers))


def test_a_run_without_skips_passes_and_says_so(pytester: pytest.Pytester) -> None:
    result = guarded(pytester, PASSED)
    assert result.ret == pytest.ExitCode.OK
    result.stdout.fnmatch_lines(["skipped: 0", "*1 passed*"])


@pytest.mark.parametrize(
    "text",
    [SKIPPED, SKIPPED_INSIDE, SKIPPED_FILE, SKIPPED_IMPORT, EXPECTED_FAILURE, UNEXPECTED_PASS],
)
def test_a_run_with_a_skip_fails_and_names_it(pytester: pytest.Pytester, text: str) -> None:
    result = guarded(pytester, PASSED, text)
    assert result.ret == pytest.ExitCode.TESTS_FAILED
    result.stdout.fnmatch_lines(["skipped: 1 test_1.py*", "*1 passed*"])


@pytest.mark.parametrize("text", [SKIPPED_INSIDE, SKIPPED_FILE])
def test_a_skip_in_another_process_counts_once(pytester: pytest.Pytester, text: str) -> None:
    result = guarded(pytester, PASSED, text, workers=1)
    assert result.ret == pytest.ExitCode.TESTS_FAILED
    result.stdout.fnmatch_lines(["skipped: 1 test_1.py*", "*1 passed*"])


def test_the_closing_line_of_pytest_stays_last(pytester: pytest.Pytester) -> None:
    result = guarded(pytester, PASSED, SKIPPED)
    assert "1 passed, 1 skipped" in result.outlines[-1]


def test_a_run_without_tests_fails(pytester: pytest.Pytester) -> None:
    assert guarded(pytester).ret == pytest.ExitCode.NO_TESTS_COLLECTED


def test_a_broken_file_stays_an_interruption(pytester: pytest.Pytester) -> None:
    assert guarded(pytester, SKIPPED, "import no_such_module").ret == pytest.ExitCode.INTERRUPTED
