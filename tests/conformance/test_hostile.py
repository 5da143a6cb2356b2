"""The hostile content is hostile, the gateway shows it as it should, and a credential in a report is found."""

from __future__ import annotations

import io
import os
import subprocess
import sys
import tarfile
import time
from pathlib import Path

import pytest
from mitmproxy import http

from reports import writer
from reports.redact import Secrets
from scenarios.content import hostile
from scenarios.content.hostile import EVIL, MARK
from scenarios.initializers.tree import View, listing
from scenarios.network.gateway.renaming import Renaming

SUITE = Path(__file__).parents[2] / "conformance"
SECRET = "canary-of-this-test-4711"
RENAMING = Renaming("model/placeholder", "model/../a&b\n%evil-1", "evil-1", "/bucket/model/placeholder")


def _answer(kind: str, text: str) -> str:
    response = http.Response.make(200, text, {"content-type": kind})
    assert RENAMING.concerns(response)
    RENAMING.show(response)
    assert response.headers["content-length"] == str(len(response.raw_content or b""))
    return response.text or ""


def test_a_name_is_shown_as_its_format_escapes_it() -> None:
    """JSON escapes; S3 encodes the name where it was asked to; Azure marks an encoded one that XML cannot hold."""
    encoded = "model/../a%26b%0A%25evil-1"
    assert _answer("application/json", '{"name": "model/placeholder"}') == '{"name": "model/../a&b\\n%evil-1"}'
    s3 = "<L><EncodingType>url</EncodingType><Key>{}</Key></L>"
    assert _answer("application/xml", s3.format("model/placeholder")) == s3.format(encoded)
    assert _answer("text/xml", "<Name>model/placeholder</Name>") == f'<Name Encoded="true">{encoded}</Name>'


@pytest.mark.parametrize(
    "asked",
    ["/bucket/model/../a%26b%0A%25evil-1", "/a&b%0A%25evil-1", "/bucket/model%2F..%2Fa%26b%0A%25evil-1"],
    ids=["as-it-is", "without-dots", "one-segment"],
)
def test_a_request_for_the_name_leads_to_the_placeholder(asked: str) -> None:
    """Clients encode and normalise in their own ways."""
    assert RENAMING.restored(f"{asked}?alt=media") == "/bucket/model/placeholder?alt=media"
    assert RENAMING.restored("/bucket?prefix=model%2Fevil-1&n=2") == "/bucket?prefix=model%2Fplaceholder&n=2"
    assert RENAMING.restored("/bucket?prefix=model%2F") == "/bucket?prefix=model%2F"


def test_content_passes_untouched() -> None:
    """Only listings are rewritten."""
    assert not RENAMING.concerns(http.Response.make(200, b"{}", {"content-type": "application/octet-stream"}))


@pytest.mark.parametrize("case", ["tar-chain", "tar-chain-beyond-path-max"])
def test_a_chain_of_links_leads_out_of_a_trusting_reader(tmp_path: Path, case: str) -> None:
    """Unpacked without a filter, the file lies two folders above; what is observed afterwards stays bounded."""
    root = tmp_path / "root"
    inside = root / "mnt/models"
    inside.mkdir(parents=True)
    with tarfile.open(fileobj=io.BytesIO(hostile.LINKS[case][1])) as archive:
        archive.extractall(inside, filter="fully_trusted")  # noqa: S202
    modes, began = listing(root), time.monotonic()
    tree = View(root, modes).tree("/mnt/models", ["/mnt/models"])
    assert time.monotonic() - began < 5
    assert tree["config.json"].content == hostile.GOOD["config.json"]
    assert (root / "mnt" / MARK).read_bytes() == EVIL


def test_a_bomb_is_small() -> None:
    """A hundredth of what it unpacks to."""
    for suffix in ("tar.gz", "zip"):
        assert len(hostile.bomb(suffix, 8 << 20)) < (8 << 20) / 100


def test_a_planted_credential_is_found_in_a_report(tmp_path: Path) -> None:
    """Also as JSON and URIs write it; a file that is not the report's is nobody's business."""
    writer.prepare(tmp_path)
    writer.save_evidence(tmp_path, "clean", f"it was {SECRET}", [SECRET])
    leaking = writer.save_evidence(tmp_path, "dirty", f"it was {SECRET}/", [])
    (tmp_path / "notes.txt").write_text(SECRET)
    assert writer.leaking(tmp_path, Secrets([SECRET])) == [leaking]
    assert writer.leaking(tmp_path, Secrets([f"{SECRET}/"])) == [leaking]
    assert writer.leaking(tmp_path, Secrets(["another-secret"])) == []


def test_a_run_whose_report_holds_a_credential_fails(tmp_path: Path) -> None:
    """Redaction is switched off, as a bug would, and one failing case leaves its command as evidence."""
    (tmp_path / "unredacted.py").write_text(
        "from reports import writer\nwriter.redact = lambda value, secrets: value\n"
    )
    argv = [sys.executable, "-m", "pytest", str(SUITE), "-p", "no:cacheprovider", "-p", "unredacted"]
    argv += [
        "--rule=CRED-001",
        "--store=http",
        f"--report-dir={tmp_path / 'reports'}",
        f"--initializer=command:{sys.executable} -c 1/0",
    ]
    environment = os.environ | {"PYTHONPATH": f"{tmp_path}:{SUITE.parent}"}
    done = subprocess.run(argv, env=environment, cwd=tmp_path, capture_output=True, text=True, timeout=200, check=False)
    assert done.returncode == 1, done.stdout + done.stderr
    assert "LEAK evidence/test_valid_credentials_open_private_content-http" in done.stdout
