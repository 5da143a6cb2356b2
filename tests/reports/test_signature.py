"""Signatures: an in-toto Statement in a DSSE envelope, and whatever does not vouch for a report."""

from __future__ import annotations

import base64
import hashlib
import json
import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from reports import signature
from reports.__main__ import main
from reports.reader import check
from reports.signature import PAYLOAD, PREDICATE, STATEMENT
from tests.genuine_report import BROKEN, genuine, save
from tests.sample_report import FAILED, KNOWN, report_of, result

Keys = tuple[Path, Path]


@pytest.fixture
def keys(tmp_path: Path) -> Keys:
    """A new key pair: private, public."""
    assert main(["keygen", str(tmp_path / "kit.pem")]) == 0
    return tmp_path / "kit.pem", tmp_path / "kit.pub.pem"


@pytest.fixture
def signed(tmp_path: Path, keys: Keys) -> Path:
    """A report with a signature beside it."""
    path = save(genuine("pvc"), tmp_path)
    assert main(["sign", str(path), "--key", str(keys[0])]) == 0
    return path


def test_a_signed_report(signed: Path, keys: Keys, capsys: pytest.CaptureFixture[str]) -> None:
    assert keys[0].stat().st_mode & 0o777 == 0o600
    capsys.readouterr()
    assert main(["verify", str(signed), "--key", str(keys[1])]) == 0
    output = capsys.readouterr().out
    assert "\nconsistent, signed\n" in output
    assert "the owner of the key vouches for it" in output
    assert main(["verify", str(signed)]) == 0
    assert "give the public key of the party that you trust with --key" in capsys.readouterr().out


def test_the_statement(signed: Path) -> None:
    """The form is that of in-toto's Statement v1 and test-result v0.1, and of DSSE's envelope."""
    envelope = json.loads(signature.beside(signed).read_text())
    assert envelope.keys() == {"payload", "payloadType", "signatures"}
    assert envelope["payloadType"] == PAYLOAD
    statement = json.loads(base64.b64decode(envelope["payload"]))
    assert (statement["_type"], statement["predicateType"]) == (STATEMENT, PREDICATE)
    assert statement["subject"] == [{"name": "kit 1.2", "digest": {"sha256": "1" * 64}}]
    predicate = statement["predicate"]
    files = {one["name"]: one["digest"]["sha256"] for one in predicate["configuration"]}
    assert files.keys() == {"suite", "spec", "report.json"}
    assert files["report.json"] == hashlib.sha256(signed.read_bytes()).hexdigest()
    assert predicate["result"] == "PASSED"
    assert len(predicate["passedTests"]) == len(check(signed).results)
    assert predicate["warnedTests"] == predicate["failedTests"] == []


def test_the_result_of_the_statement() -> None:
    """The worst verdict decides; a run without any verdict passed nothing."""
    known = result(KNOWN, case="b", reason="r", reference="x")
    for results, expected in (
        ([result()], "PASSED"),
        ([result(), known], "WARNED"),
        ([result(), result(FAILED, case="b", message="m")], "FAILED"),
        ([], "FAILED"),
    ):
        assert signature.statement(report_of(*results), b"")["predicate"]["result"] == expected


def test_openssl_verifies_the_signature(signed: Path, keys: Keys, tmp_path: Path) -> None:
    """A program of other people agrees: the envelope's signature is over DSSE's encoding of type and payload."""
    if not shutil.which("openssl"):
        pytest.skip("this machine has no openssl")
    envelope = json.loads(signature.beside(signed).read_text())
    payload = base64.b64decode(envelope["payload"])
    (tmp_path / "pae").write_bytes(b"DSSEv1 %d %s %d %s" % (len(PAYLOAD), PAYLOAD.encode(), len(payload), payload))
    (tmp_path / "sig").write_bytes(base64.b64decode(envelope["signatures"][0]["sig"]))
    files = ["-in", str(tmp_path / "pae"), "-sigfile", str(tmp_path / "sig")]
    subprocess.run(["openssl", "pkeyutl", "-verify", "-pubin", "-inkey", str(keys[1]), "-rawin", *files], check=True)


def test_a_key_of_openssl(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """ECDSA on P-256, as docs/verify.md makes it."""
    if not shutil.which("openssl"):
        pytest.skip("this machine has no openssl")
    private, public = tmp_path / "ec.pem", tmp_path / "ec.pub.pem"
    curve = ["-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256"]
    subprocess.run(["openssl", "genpkey", *curve, "-out", str(private)], check=True)
    subprocess.run(["openssl", "pkey", "-in", str(private), "-pubout", "-out", str(public)], check=True)
    path = save(genuine("pvc"), tmp_path)
    assert main(["sign", str(path), "--key", str(private)]) == 0
    assert main(["verify", str(path), "--key", str(public)]) == 0
    assert "consistent, signed" in capsys.readouterr().out


def _edit(path: Path, edit: Callable[[dict[str, Any]], object]) -> None:
    data = json.loads(path.read_text())
    edit(data)
    path.write_text(json.dumps(data))


def _other_report(path: Path) -> None:
    """A consistent report of the same program, of another run."""
    report = genuine("pvc")
    save(replace(report, environment=replace(report.environment, cpus=8)), path.parent)


def _other_program(path: Path) -> None:
    report = genuine("pvc")
    save(replace(report, initializer=replace(report.initializer, digest="sha256:" + "9" * 64)), path.parent)


def _payload(path: Path) -> None:
    """The Statement of a better result, below the old signature."""
    envelope = signature.beside(path)
    statement = base64.b64decode(json.loads(envelope.read_text())["payload"]).replace(b"PASSED", b"FAILED")
    _edit(envelope, lambda data: data.update(payload=base64.b64encode(statement).decode()))


@pytest.mark.parametrize(
    ("tamper", "reason"),
    [
        (lambda path: signature.beside(path).unlink(), "there is no report.dsse.json"),
        (lambda path: signature.beside(path).write_text("{"), "is no DSSE envelope"),
        (lambda path: signature.beside(path).write_text("[]"), "is no DSSE envelope"),
        (lambda path: signature.beside(path).write_bytes(b"\0" * (17 << 20)), "larger than 16 MiB"),
        (lambda path: _edit(signature.beside(path), lambda d: d.update(payloadType="text")), "no in-toto Statement"),
        (lambda path: _edit(signature.beside(path), lambda d: d.update(signatures=[])), "none of its 0 signatures"),
        (lambda path: _edit(signature.beside(path), lambda d: d["signatures"][0].update(sig="?")), "no DSSE envelope"),
        (lambda path: _edit(signature.beside(path), lambda d: d["signatures"][0].update(sig="AAAA")), "none of its 1"),
        (_payload, "none of its 1 signatures is of the key"),
        (_other_report, "it is valid, but of another report: it has other digests of report.json"),
        (_other_program, "it is about a program with another digest"),
    ],
    ids=[
        "absent", "truncated", "list", "huge", "other type", "emptied", "no base64", "other bytes", "payload", "report",
        "program",
    ],
)  # fmt: skip
def test_a_signature_that_does_not_vouch(
    tamper: Callable[[Path], object], reason: str, signed: Path, keys: Keys, capsys: pytest.CaptureFixture[str]
) -> None:
    tamper(signed)
    capsys.readouterr()
    assert main(["verify", str(signed), "--key", str(keys[1])]) == 1
    output = capsys.readouterr().out
    assert reason in output
    assert "NOT VERIFIED: signature" in output


def test_a_foreign_key(signed: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["keygen", str(tmp_path / "foreign.pem")]) == 0
    capsys.readouterr()
    assert main(["verify", str(signed), "--key", str(tmp_path / "foreign.pub.pem")]) == 1
    assert "none of its 1 signatures is of the key" in capsys.readouterr().out


def test_a_key_id_of_another_program(signed: Path, keys: Keys) -> None:
    """DSSE leaves the id of a key to the signer: a signature counts whatever its id is."""
    _edit(signature.beside(signed), lambda data: data["signatures"][0].update(keyid="kit"))
    assert main(["verify", str(signed), "--key", str(keys[1])]) == 0


@pytest.mark.parametrize(
    ("content", "command", "reason"),
    [
        (None, "sign", "cannot be read"),
        (b"no key", "sign", "is no private key in PEM format"),
        (b"no key", "verify", "is no public key in PEM format"),
        ("rsa", "sign", "is neither an Ed25519 nor an ECDSA P-256 key"),
        ("encrypted", "sign", "is encrypted"),
    ],
)
def test_a_key_that_cannot_be_used(
    content: bytes | str | None, command: str, reason: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path, key = save(genuine("pvc"), tmp_path), tmp_path / "key.pem"
    signature.beside(path).write_text("{}")
    if isinstance(content, str):
        key.write_bytes(_key(content))
    elif content is not None:
        key.write_bytes(content)
    assert main([command, str(path), "--key", str(key)]) == 2
    error = capsys.readouterr().err
    assert reason in error
    assert error.count("\n") == 1


def _key(kind: str) -> bytes:
    from cryptography.hazmat.primitives import serialization  # noqa: PLC0415 - no other test needs it
    from cryptography.hazmat.primitives.asymmetric import ed25519, rsa  # noqa: PLC0415

    key = rsa.generate_private_key(65537, 2048) if kind == "rsa" else ed25519.Ed25519PrivateKey.generate()
    cipher: serialization.KeySerializationEncryption = serialization.NoEncryption()
    if kind == "encrypted":
        cipher = serialization.BestAvailableEncryption(b"password")
    return key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, cipher)


def test_no_key_is_overwritten(keys: Keys, capsys: pytest.CaptureFixture[str]) -> None:
    before = keys[0].read_bytes()
    assert main(["keygen", str(keys[0])]) == 2
    assert "give another file" in capsys.readouterr().err
    assert keys[0].read_bytes() == before


def test_only_a_whole_report_is_signed(tmp_path: Path, keys: Keys, capsys: pytest.CaptureFixture[str]) -> None:
    """The signer's name stands under it."""
    path = save(genuine("pvc", broken=BROKEN), tmp_path)
    path.write_text(path.read_text().replace('"outcome": "failed"', '"outcome": "passed"'))
    assert main(["sign", str(path), "--key", str(keys[0])]) == 1
    assert "edited after the run" in capsys.readouterr().err
    assert not signature.beside(path).exists()


def test_without_the_extra(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setitem(sys.modules, "securesystemslib", None)
    assert main(["keygen", str(tmp_path / "kit.pem")]) == 2
    assert "signatures need the extra sign: pip install" in capsys.readouterr().err
