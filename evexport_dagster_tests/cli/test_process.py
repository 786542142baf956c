"""The command as other programs call it: pipes, streams, encodings, imports."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from evexport_dagster_tests.cli.conftest import ROOT, run_process

LOADED = """
import sys
from evexport_dagster.cli import main
try:
    main(["list", "--project", sys.argv[1]])
except SystemExit as ended:
    assert not ended.code
assert "dagster" not in sys.modules
"""


def test_a_run_writes_one_document_and_nothing_else(project: Path) -> None:
    ran = run_process("run", "purchases", "--project", project, "--json", TERM="xterm-256color")

    assert ran.code == 0, ran.err
    assert ran.document["export"] == "purchases"
    assert ran.document["deliveries"]
    assert "\x1b" not in ran.out + ran.err


def test_a_piped_table_has_no_colours_and_no_noise(project: Path) -> None:
    ran = run_process("list", "--project", project, TERM="xterm-256color")

    assert (ran.code, ran.err) == (0, "")
    assert ran.out.split("\n")[1].startswith("purchases ")
    assert "\x1b" not in ran.out


def test_errors_leave_standard_output_alone(project: Path) -> None:
    (project / "exports" / "purchases.yaml").write_text("name: purchases\nformta: csv\n")
    ran = run_process("create", "purchases", "--project", project)

    assert (ran.code, ran.out) == (2, "")
    assert "did you mean 'format'?" in ran.err
    assert "Traceback" not in ran.err


def test_names_of_any_script_reach_a_terminal_that_has_only_ascii(project: Path) -> None:
    spec = project / "exports" / "purchases.yaml"
    spec.write_text(spec.read_text().replace("App Launched", "購入 Käufe"))
    ran = run_process("create", "purchases", "--project", project, PYTHONIOENCODING="ascii")

    assert (ran.code, ran.err) == (0, "")
    assert r"K\xe4ufe" in ran.out


def test_a_reader_that_goes_away_is_no_error(project: Path) -> None:
    reader, writer = os.pipe()
    os.close(reader)
    done = subprocess.run(
        [sys.executable, "-m", "evexport_dagster.cli", "list", "--project", str(project)],
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        stdout=writer,
        stderr=subprocess.PIPE,
        check=False,
        text=True,
        timeout=60,
    )
    os.close(writer)

    assert "Traceback" not in done.stderr
    assert "Error" not in done.stderr


def test_looking_does_not_wait_for_dagster(project: Path) -> None:
    subprocess.run(
        [sys.executable, "-c", LOADED, str(project)],
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        check=True,
        capture_output=True,
        timeout=60,
    )
