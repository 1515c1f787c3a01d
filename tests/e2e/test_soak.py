"""The soak runs, for a few seconds: `./dev soak --hours N` is the real one (SCORECARD O3)."""

import csv
import os
import pathlib
import subprocess
import sys
import xml.etree.ElementTree

SOAK = pathlib.Path(__file__).parents[1] / "soak" / "soak.py"


def test_o3_a_short_soak_loses_nothing_and_draws_its_picture(tmp_path):
    result = subprocess.run(
        [sys.executable, "-B", SOAK, "--hours", "0.002", "--kill-every", "2", "--rate", "1000",
         "--out", tmp_path],
        env={**os.environ, "TMPDIR": str(tmp_path)}, capture_output=True, text=True, timeout=300,
        check=False)
    assert result.returncode == 0, result.stdout + result.stderr
    assert "missing 0" in result.stdout
    with (tmp_path / "soak.csv").open(encoding="ascii") as file:
        rows = list(csv.DictReader(file))
    assert len({row["pid"] for row in rows}) > 1, "the agent was never restarted"
    picture = xml.etree.ElementTree.parse(tmp_path / "soak.svg")
    assert len(picture.findall(".//{*}polyline")) == 6
