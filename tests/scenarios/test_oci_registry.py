"""The real registry below the suite's front."""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path

from scenarios.servers.base import DIRECT

ROOT = Path(__file__).parents[2]
FRONT = """
import sys, time
from scenarios.servers.oci_registry import PORT, start_registry
print(start_registry([sys.executable, "-m", "http.server", PORT, "--bind", "127.0.0.1", "--directory", sys.argv[1]]))
sys.stdout.flush()
time.sleep(60)
"""


def _answers(url: str) -> bool:
    try:
        DIRECT.open(f"{url}/v2/", timeout=2).close()
    except OSError:
        return False
    return True


def test_the_registry_ends_with_its_front(tmp_path: Path) -> None:
    """Even if the front alone is killed, without its process group."""
    (tmp_path / "v2").mkdir()
    with subprocess.Popen(
        [sys.executable, "-c", FRONT, str(tmp_path)],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    ) as front:
        assert front.stdout
        url = next(line.strip() for line in front.stdout if line.startswith("http://"))
        front.kill()
    deadline = time.monotonic() + 10
    while _answers(url) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not _answers(url)
