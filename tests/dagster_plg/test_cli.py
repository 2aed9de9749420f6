"""The `plg` command as a process of its own."""

import os
import subprocess
import sys
from pathlib import Path


def test_a_command_that_used_duckdb_says_nothing_on_stderr_when_it_ends(tmp_path):
    done = subprocess.run(
        [str(Path(sys.executable).with_name("plg")), "status"],
        env=os.environ | {"PLG_HOME": str(tmp_path)},
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert (done.returncode, done.stderr) == (0, "")
