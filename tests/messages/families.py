"""Real programs, and the conditions that they are run in: what `python -m tests.messages.collect` goes through."""

from __future__ import annotations

import importlib.metadata
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from tests.messages.conditions import EMPTY, NOWHERE, Case, World

PROGRAMS = Path(__file__).parent / "programs"
#: Kinds of the compiled programs that unpack, and the archive that they are given.
ARCHIVES = {"tar": "m.tar", "tgz": "m.tgz", "gunzip": "m.tgz", "zip": "m.zip", "unzip": "m.zip"}

#: Packages, and what clients.py calls them.
HTTP_CLIENTS = [
    ("requests", "requests"),
    ("requests", "requests_retries"),
    ("urllib3", "urllib3"),
    ("python", "urllib"),
    ("httpx", "httpx"),
    ("aiohttp", "aiohttp"),
    ("dulwich", "dulwich"),
]
#: The same, with the dialect of a store.
STORE_CLIENTS = [
    ("boto3", "boto3", "s3"),
    ("boto3", "boto3_listing", "s3"),
    ("minio", "minio", "s3"),
    ("azure-storage-blob", "azure", "azure"),
    ("google-cloud-storage", "gcs", "gcs"),
    ("huggingface-hub", "hub", "hub"),
]
#: Archives, and the programs of the command line that unpack them.
UNPACKERS = [
    ("m.tar", ["tar", "-xf"]),
    ("m.tgz", ["tar", "-xzf"]),
    ("m.tgz", ["gzip", "-t"]),
    ("m.zip", ["unzip", "-o", "-q"]),
    ("m.tar", ["busybox", "tar", "-xf"]),
    ("m.tgz", ["busybox", "gunzip", "-t"]),
    ("m.zip", ["busybox", "unzip", "-o", "-q"]),
]


def python(world: World) -> Iterator[tuple[str, Case]]:
    """The clients of clients.py."""

    def of(package: str, name: str) -> tuple[str, list[str]]:
        version = sys.version.split()[0] if package == "python" else importlib.metadata.version(package)
        return f"{package} {version} ({name})", [sys.executable, str(PROGRAMS / "clients.py"), name]

    for package, name in HTTP_CLIENTS:
        program, words = of(package, name)
        yield from ((program, case) for case in world.get(*words))
    for package, name, flavour in STORE_CLIENTS:
        program, words = of(package, name)
        yield from ((program, case) for case in world.store(flavour, *words))
    for package in ("azure-identity", "google-auth"):
        program, words = of(package, package.replace("-", "_"))
        yield program, Case("unauthenticated", "no credentials", words)
    for kind, name in [("m.tar", "tarfile"), ("m.tgz", "tarfile"), ("m.zip", "zipfile")]:
        program, words = of("python", name)
        yield from ((program, case) for case in world.unpack(kind, *words))
    program, words = of("python", "open")
    yield from ((program, case) for case in world.files(words, [*words[:2], "read"]))
    absent, garbage = str(world.folder / "absent.crt"), str(world.folder / "garbage.pem")
    url = f"https://127.0.0.1:{world.bad_certificates['unknown authority']}"
    for name, given, variable in [
        ("requests", [f"{url}/model"], "REQUESTS_CA_BUNDLE"),
        ("boto3", [url, "bucket"], "AWS_CA_BUNDLE"),
    ]:
        program, words = of(name, name)
        yield program, Case("ca-bundle", "a missing CA bundle", [*words, *given], {variable: absent})
        yield program, Case("ca-bundle", "a CA bundle that is none", [*words, *given], {variable: garbage})
    for name, wanted in [("subprocess", "absent-tool"), ("shell", "absent-tool"), ("import", "absent_module")]:
        program, words = of("python", name)
        yield program, Case("not started", "it is not installed", [*words, wanted])


def compiled(
    world: World, words: Sequence[str], programs: Mapping[str, Sequence[str]], starts: str
) -> Iterator[tuple[str, Case]]:
    """Go's, Rust's, Node's and the JVM's programs, whose first argument is a kind."""
    for label, kinds in programs.items():
        for kind in kinds:
            if kind == "files":
                cases = world.files([*words, "write"], [*words, "read"])
                yield label, Case("not started", "a tool is not installed", [*words, starts, "absent-tool"])
            elif kind in ("s3", "minio", "object_store", "opendal"):
                cases = world.store("s3", *words, kind)
            elif kind in ARCHIVES:
                cases = world.unpack(ARCHIVES[kind], *words, kind)
            else:
                cases = world.get(*words, kind)
            yield from ((label, case) for case in cases)


def tools(world: World) -> Iterator[tuple[str, Case]]:
    """Programs of the command line."""
    out = str(world.folder / "fetched")
    quiet = {"GIT_TERMINAL_PROMPT": "0", "AWS_MAX_ATTEMPTS": "2", "RCLONE_CONFIG": "/dev/null"}
    bad_certificates = f"https://127.0.0.1:{world.bad_certificates['unknown authority']}/model"
    absent, garbage = str(world.folder / "absent.crt"), str(world.folder / "garbage.pem")

    def version(*words: str, word: int) -> str:
        done = subprocess.run(words, capture_output=True, text=True, check=True)
        return f"{words[0]} {(done.stdout or done.stderr).split()[word].strip(',')}"

    curl, wget, git = (
        version("curl", "--version", word=1),
        version("wget", "--version", word=2),
        version("git", "--version", word=2),
    )
    for program, words in [
        (curl, ["curl", "-fsS", "-m", "3", "-o", out]),
        (wget, ["wget", "-nv", "-T", "3", "-t", "2", "-O", out]),
        (git, ["git", "ls-remote"]),
    ]:
        for case in world.get(*words):
            setting = {**quiet, **case.setting}
            extra = ["--ca-certificate", case.setting["SSL_CERT_FILE"]] if program is wget and case.setting else []
            yield program, Case(case.cause, case.when, [*case.words[:-1], *extra, case.words[-1]], setting)
    for program, words in [(curl, ["curl", "-fsS", "-m", "3"]), (git, ["git", "ls-remote"])]:
        yield program, Case("unsupported", "a scheme that is not known", [*words, "foo://host/model"], quiet)
        yield program, Case("malformed", "no host", [*words, "http:///model"], quiet)
    yield curl, Case("ca-bundle", "a missing CA bundle", ["curl", "-sS", "--cacert", absent, bad_certificates])
    yield curl, Case("ca-bundle", "a CA bundle that is none", ["curl", "-sS", "--cacert", garbage, bad_certificates])
    yield wget, Case("ca-bundle", "a missing CA bundle", ["wget", "-nv", "--ca-certificate", absent, bad_certificates])
    yield (
        git,
        Case(
            "ca-bundle",
            "a missing CA bundle",
            ["git", "ls-remote", bad_certificates],
            {**quiet, "GIT_SSL_CAINFO": absent},
        ),
    )
    yield curl, Case("disk-full", "a full disk", ["curl", "-fsS", "-o", "/dev/full", f"file://{__file__}"])
    yield curl, Case("read-only", "a read-only file system", ["curl", "-sS", "-o", f"{world.folder}/sealed/m", f"file://{__file__}"],
                     where=f"{world.folder}/sealed")  # fmt: skip
    stores = {
        version("aws", "--version", word=0).replace("/", " ").removeprefix("aws "): [
            "aws",
            "--cli-read-timeout",
            "3",
            "s3",
            "cp",
        ],
        "s5cmd "
        + subprocess.run(["s5cmd", "version"], capture_output=True, text=True, check=True).stdout.split("-")[0]: [
            "s5cmd",
            "-r",
            "1",
        ],
        version("rclone", "version", word=1): ["rclone", "copy", "--retries", "2", "--low-level-retries", "2"],
    }
    for program, words in stores.items():
        for cause, when, endpoint, bucket in world.buckets("s3"):
            trust = {"SSL_CERT_FILE": world.trust["SSL_CERT_FILE"]} if words[0] == "rclone" else world.trust
            setting = {**quiet, **(trust if cause == "certificate" else {})}
            yield program, Case(cause, when, _copy(words, endpoint, f"{bucket}/model", out), setting)
        endpoint = f"http://127.0.0.1:{world.ports['s3']}"
        yield program, Case("malformed", "no bucket", _copy(words, endpoint, "/model", out), quiet)
        yield (
            program,
            Case(
                "empty", "a prefix without objects", _copy(words, endpoint, f"{EMPTY}/model/*", f"{out}-folder/"), quiet
            ),
        )
        yield (
            program,
            Case(
                "unsupported",
                "a scheme that is not known",
                [*words, *(["cp"] if words[0] == "s5cmd" else []), "foo://bucket/model", out],
                quiet,
            ),
        )
        yield program, Case("usage", "no argument", [*words, *(["cp"] if words[0] == "s5cmd" else [])], quiet)
    for kind, words in UNPACKERS:
        yield from (
            (f"{' '.join(words[:2]) if words[0] == 'busybox' else words[0]} (Debian 12)", case)
            for case in world.unpack(kind, *words)
        )
    yield "cp (Debian 12)", Case("disk-full", "a full disk", ["cp", __file__, "/dev/full"])
    yield "cp (Debian 12)", Case("not-found", "a missing file", ["cp", str(world.folder / "absent"), out])
    yield (
        "cp (Debian 12)",
        Case(
            "read-only",
            "a read-only file system",
            ["cp", __file__, f"{world.folder}/sealed/m"],
            where=f"{world.folder}/sealed",
        ),
    )
    yield (
        "busybox wget (Debian 12)",
        Case("unreachable", "a closed port", ["busybox", "wget", f"http://127.0.0.1:{world.closed}/"]),
    )
    yield (
        "busybox wget (Debian 12)",
        Case("unreachable", "a name that does not resolve", ["busybox", "wget", f"http://{NOWHERE}/"]),
    )
    yield (
        "busybox wget (Debian 12)",
        Case("not-found", "HTTP 404", ["busybox", "wget", f"http://127.0.0.1:{world.ports['plain']}/amber/"]),
    )
    for shell in ("dash", "bash", "zsh"):
        for form in ("absent-tool s3 cp", "/usr/bin/absent-tool s3 cp", "exec absent-tool s3 cp"):
            yield f"{shell} (Debian 12)", Case("not started", form, [shell, "-c", form])
    for form in ("absent-tool s3 cp", "/usr/bin/absent-tool s3 cp"):
        yield "busybox sh (Debian 12)", Case("not started", form, ["busybox", "sh", "-c", form])
    yield "env (Debian 12)", Case("not started", "absent-tool", ["env", "absent-tool"])
    yield "timeout (Debian 12)", Case("not started", "absent-tool", ["timeout", "9", "absent-tool"])
    yield "nice (Debian 12)", Case("not started", "absent-tool", ["nice", "absent-tool"])
    yield "xargs (Debian 12)", Case("not started", "absent-tool", ["sh", "-c", "echo | xargs absent-tool"])


def _copy(words: Sequence[str], endpoint: str, place: str, out: str) -> list[str]:
    if words[0] == "rclone":
        remote = f":s3,provider=Other,access_key_id=key,secret_access_key=word,endpoint='{endpoint}':"
        return [*words, remote + place.removesuffix("/*"), f"{out}-folder"]
    before = ["--endpoint-url", endpoint]
    return [*words[:1], *before, *words[1:], *(["cp"] if words[0] == "s5cmd" else []), f"s3://{place}", out]


#: Family -> kinds of the program messages-FAMILY, by the name and version of what they use; and the kind that starts
#: another program.
COMPILED: dict[str, tuple[dict[str, tuple[str, ...]], str]] = {
    "go": (
        {
            "go 1.26": ("get", "tar", "tgz", "zip", "files"),
            "aws-sdk-go-v2 1.48.0": ("s3",),
            "minio-go 7.4.1": ("minio",),
        },
        "exec",
    ),
    "rust": (
        {
            "rust std 1.9": ("files",),
            "reqwest 0.12": ("get",),
            "object_store 0.12": ("object_store",),
            "opendal 0.54": ("opendal",),
            "tar 0.4, flate2 1": ("tar", "tgz"),
            "zip 4": ("zip",),
        },
        "exec",
    ),
    "node": (
        {
            "node 20.20": ("fetch", "http", "files"),
            "@aws-sdk/client-s3 3.1175": ("s3",),
            "axios 1.21": ("axios",),
            "tar 7.5": ("tar",),
        },
        "spawn",
    ),
    "jvm": ({"openjdk 17": ("client", "connection", "unzip", "gunzip", "files")}, "exec"),
}


def families(world: World, family: str) -> Iterator[tuple[str, Case]]:
    """The programs and cases of a family."""
    if family in COMPILED:
        programs, starts = COMPILED[family]
        return compiled(world, [f"messages-{family}"], programs, starts)
    return {"python": python, "tools": tools}[family](world)
