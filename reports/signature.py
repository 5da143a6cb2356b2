"""Sign reports: an in-toto Statement with the test-result predicate, in a DSSE envelope beside the report.

https://github.com/in-toto/attestation (Statement v1, test-result v0.1), https://github.com/secure-systems-lab/dsse.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from reports.model import Outcome, Report, Verdict

if TYPE_CHECKING:
    from securesystemslib.dsse import Envelope

    # The package has no __all__, so that mypy takes its names for private.
    from securesystemslib.signer import CryptoSigner, SSlibKey  # type: ignore[attr-defined]

STATEMENT = "https://in-toto.io/Statement/v1"
PREDICATE = "https://in-toto.io/attestation/test-result/v0.1"
PAYLOAD = "application/vnd.in-toto+json"
#: The extra with the libraries.
EXTRA = "pip install 'storage-initializer-conformance[sign]'"
_BROKEN = {Outcome.FAILED, Outcome.ERROR, Outcome.FIXED}
#: An envelope has the names of all cases, and no messages.
_LARGEST = 16 << 20


class Unsigned(Exception):
    """The report cannot be signed, or a key cannot be used; the message is one line with the remedy."""


class BadSignature(Exception):
    """The signature does not vouch for the report; the message is one line with the reason."""


def beside(report: Path) -> Path:
    """Return the path of the signature of a report: `report.dsse.json` for `report.json`."""
    return report.with_name(f"{report.stem}.dsse.json")


def statement(report: Report, content: bytes) -> dict[str, Any]:
    """Return the Statement about a report.

    content  the bytes of report.json.

    The subject is the program under test, by its digest: for an image, that of its manifest. The configuration is the
    suite, the spec, claims, known failures, and report.json itself, which has all options, servers and results.
    """
    subject = report.initializer
    files = {"suite": report.suite.build, "spec": report.spec.digest, "claims": report.claims.sha256}
    files["known-failures"] = report.known_failures.digest
    files["report.json"] = f"sha256:{hashlib.sha256(content).hexdigest()}"
    return {
        "_type": STATEMENT,
        "subject": [_descriptor(f"{subject.name} {subject.version}".strip(), subject.digest)],
        "predicateType": PREDICATE,
        "predicate": {
            "result": _result(report),
            "configuration": [_descriptor(name, digest) for name, digest in files.items() if digest],
            "passedTests": _names(report, {Outcome.PASSED}),
            "warnedTests": _names(report, {Outcome.KNOWN_FAILURE}),
            "failedTests": _names(report, _BROKEN),
        },
    }


def sign(report: Report, path: Path, key: Path) -> tuple[Path, str]:
    """Sign a report with a private key in a PEM file. Return the path of the signature, and the id of the key.

    Raises Unsigned.
    """
    from securesystemslib.dsse import Envelope  # noqa: PLC0415 - `_signer` has found the library

    if not report.initializer.digest:
        raise Unsigned(f"{path} has no digest of the program under test: run the suite again")
    signer = _signer(key)
    payload = json.dumps(statement(report, path.read_bytes()), sort_keys=True).encode()
    envelope = Envelope(payload, PAYLOAD, {})
    signature = envelope.sign(signer)
    target = beside(path)
    try:
        target.write_text(json.dumps(envelope.to_dict(), indent=1) + "\n", encoding="utf-8")
    except OSError as error:
        raise Unsigned(f"{target} cannot be written: {error.strerror}") from error
    return target, signature.keyid


def verify(report: Report, path: Path, key: Path) -> str:
    """Verify the signature beside a report with a public key in a PEM file. Return the id of the key.

    Raises Unsigned for a key that cannot be used, and BadSignature.
    """
    public, envelope = _public(key), _envelope(beside(path))
    if envelope.payload_type != PAYLOAD:
        raise BadSignature("the envelope contains no in-toto Statement")
    if not _signed_by(public, envelope):
        raise BadSignature(f"none of its {len(envelope.signatures)} signatures is of the key {public.keyid[:16]}")
    _agree(envelope.payload, statement(report, path.read_bytes()))
    return public.keyid


def generate(private: Path) -> Path:
    """Write a new Ed25519 key to `private`, and its public half beside it. Return the path of the public one.

    Raises Unsigned, also if a file exists already.
    """
    _library()
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey  # noqa: PLC0415
    from cryptography.hazmat.primitives.serialization import (  # noqa: PLC0415
        Encoding,
        NoEncryption,
        PrivateFormat,
        PublicFormat,
    )

    key, public = Ed25519PrivateKey.generate(), private.with_suffix(".pub.pem")
    for path, mode, content in (
        (private, 0o600, key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())),
        (public, 0o644, key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)),
    ):
        try:
            path.touch(mode, exist_ok=False)
            path.write_bytes(content)
        except OSError as error:
            raise Unsigned(f"{path} cannot be written: {error.strerror}; give another file") from error
    return public


def _descriptor(name: str, digest: str) -> dict[str, Any]:
    return {"name": name, "digest": {"sha256": digest.removeprefix("sha256:")}}


def _result(report: Report) -> str:
    verdicts = {profile.verdict for profile in report.profiles}
    if not verdicts or Verdict.NONCONFORMANT in verdicts:
        return "FAILED"
    return "PASSED" if verdicts == {Verdict.CONFORMANT} else "WARNED"


def _names(report: Report, outcomes: Iterable[Outcome]) -> list[str]:
    chosen = [result for result in report.results if result.outcome in outcomes]
    return [" ".join(filter(None, (result.rule, result.store, result.name))) for result in chosen]


def _envelope(path: Path) -> Envelope:
    from securesystemslib.dsse import Envelope  # noqa: PLC0415 - `_public` has found the library
    from securesystemslib.exceptions import FormatError  # noqa: PLC0415

    try:
        if path.stat().st_size > _LARGEST:
            raise BadSignature(f"{path.name} is larger than {_LARGEST >> 20} MiB; no signature of a report is")
        return Envelope.from_dict(json.loads(path.read_bytes()))
    except OSError as error:
        raise BadSignature(f"{path.name} cannot be read: {error.strerror}") from error
    except (FormatError, ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise BadSignature(f"{path.name} is no DSSE envelope: {type(error).__name__}") from error


def _signed_by(key: SSlibKey, envelope: Envelope) -> bool:
    """Return whether the key made one of the signatures. Other programs give the same key another id."""
    from securesystemslib.exceptions import UnverifiedSignatureError  # noqa: PLC0415
    from securesystemslib.signer import Signature  # type: ignore[attr-defined]  # noqa: PLC0415

    for signature in envelope.signatures.values():
        try:
            key.verify_signature(Signature(key.keyid, signature.signature), envelope.pae())
        except UnverifiedSignatureError:
            continue
        return True
    return False


def _agree(payload: bytes, expected: dict[str, Any]) -> None:
    """Compare the signed Statement with the one that follows from the report. Raises BadSignature."""
    try:
        signed = json.loads(payload)
        if signed == expected:
            return
        digests = [one["digest"] for one in signed["subject"]]
        files = {one["name"]: one["digest"] for one in signed["predicate"]["configuration"]}
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise BadSignature("it is valid, but the signed text is no Statement about a report") from error
    if digests != [one["digest"] for one in expected["subject"]]:
        raise BadSignature("it is valid, but it is about a program with another digest")
    now = {one["name"]: one["digest"] for one in expected["predicate"]["configuration"]}
    other = sorted(name for name in files.keys() | now.keys() if files.get(name) != now.get(name))
    words = f"other digests of {', '.join(other)}" if other else "another result"
    raise BadSignature(f"it is valid, but of another report: it has {words}")


def _library() -> Any:  # noqa: ANN401 - a module
    try:
        import cryptography  # noqa: F401, PLC0415 - an extra has both
        from securesystemslib import signer  # noqa: PLC0415
    except ImportError as error:
        raise Unsigned(f"signatures need the extra sign: {EXTRA}") from error
    return signer


def _signer(path: Path) -> CryptoSigner:
    signers, content = _library(), _pem(path)
    from cryptography.hazmat.primitives.serialization import load_pem_private_key  # noqa: PLC0415

    try:
        key = load_pem_private_key(content, None)
    except TypeError as error:
        raise Unsigned(f"{path} is encrypted: decrypt it with `openssl pkey -in {path} -out KEY.pem`") from error
    except ValueError as error:
        raise Unsigned(f"{path} is no private key in PEM format: `python -m reports keygen` makes one") from error
    _refuse_other_kinds(path, key.public_key())
    signer: CryptoSigner = signers.CryptoSigner(key)
    return signer


def _public(path: Path) -> SSlibKey:
    signers, content = _library(), _pem(path)
    from cryptography.hazmat.primitives.serialization import load_pem_public_key  # noqa: PLC0415

    try:
        key = load_pem_public_key(content)
    except ValueError as error:
        raise Unsigned(f"{path} is no public key in PEM format: `openssl pkey -in KEY -pubout` prints it") from error
    _refuse_other_kinds(path, key)
    public: SSlibKey = signers.SSlibKey.from_crypto(key)
    return public


def _pem(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise Unsigned(f"{path} cannot be read: {error.strerror}") from error


def _refuse_other_kinds(path: Path, key: object) -> None:
    from cryptography.hazmat.primitives.asymmetric import ec, ed25519  # noqa: PLC0415

    curve = isinstance(key, ec.EllipticCurvePublicKey) and isinstance(key.curve, ec.SECP256R1)
    if not curve and not isinstance(key, ed25519.Ed25519PublicKey):
        raise Unsigned(f"{path} is neither an Ed25519 nor an ECDSA P-256 key: `python -m reports keygen` makes one")
