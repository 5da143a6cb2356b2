"""Declare and validate the options of `pytest conformance/`. An invalid option gives a one-line error."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from fnmatch import fnmatchcase
from pathlib import Path
from typing import cast, get_args

import pytest

from clusters.base import Source
from clusters.kserve.releases import WAYS, How, installable, newest_installable
from conformance import known_failures
from conformance.harness import claimed, exploring
from conformance.harness.run_options import Clusters, Driver, Options, on_each_store
from conformance.known_failures import KnownFailure, KnownFailuresError
from conformance.spec import Spec
from scenarios.initializers import initializer, known_releases, newest
from scenarios.initializers.base import Initializer, NoInitializer, Wanted
from scenarios.servers.base import Mode
from scenarios.stores import STORES, plugins

#: Options whose text value must not be empty.
_WITH_VALUE = (
    *("--initializer", "--kserve", "--servers", "--profile", "--store", "--rule", "--known-failures", "--cluster"),
    *("--install", "--images", "--kind-driver", "--kubeconfig", "--context", "--report-dir", "--explain"),
    *("--isolation", "--initializer-name", "--initializer-version", "--show", "--run-as-user", "--plugin"),
    *("--explore", "--explore-seed", "--claims"),
)


#: Option group -> its title in `--help` and in docs/options.md.
GROUPS = {
    "conformance": "storage initializer conformance",
    "conformance-cluster": "storage initializer conformance on a cluster",
}


def add(parser: pytest.Parser) -> None:
    """Declare the options. Each help text ends with the default, if the option has one."""
    group, cluster = (parser.getgroup(name, title) for name, title in GROUPS.items())
    group.addoption(
        "--initializer",
        metavar="SPEC",
        help="The program under test. kserve:VERSION runs the published code of that release. kserve:PATH runs the "
        "storage package of a checkout of KServe. command:ARGV calls any executable with SRC DEST. image:REF runs an "
        "image with podman or docker. Default: the newest release that the suite knows; with --cluster, the release of "
        "--kserve.",
    )
    claimed.add(group)
    group.addoption(
        "--initializer-name",
        metavar="NAME",
        help="The name of the program under test in reports and in its list of known failures. Default: the name of "
        "the file or of the image.",
    )
    group.addoption(
        "--initializer-version", metavar="VERSION", help="The version of the program under test in reports."
    )
    group.addoption(
        "--show",
        action="append",
        default=[],
        metavar="PATH",
        help="Make this file or folder visible to `command:ARGV`, read-only, at the same path. Its sandbox otherwise "
        "hides /home, /root, /tmp, /mnt and /run, except for the program itself. Repeat the option for more.",
    )
    group.addoption(
        "--run-as-user",
        metavar="UID[:GID]",
        help="Run `image:REF` as this user, as runAsUser does in a pod. Default: the image's own user.",
    )
    group.addoption(
        "--plugin",
        action="append",
        default=[],
        metavar="MODULE",
        help="Add the stores of this module, Python file or package's folder. Installed packages add theirs by "
        "an entry point. Repeat the option for more. docs/plugins.md is a tutorial.",
    )
    group.addoption(
        "--kserve",
        metavar="VERSION",
        help="The KServe release whose rules apply. With --cluster kind, the run installs this release. Default: the "
        "initializer's own release, else the newest.",
    )
    group.addoption(
        "--servers",
        metavar="MODE",
        help="The programs that play the stores. embedded: programs that pip installs. native: the real programs, "
        "built from source. container: published images. Default: embedded; with --cluster, native.",
    )
    group.addoption(
        "--profile",
        action="append",
        default=[],
        metavar="NAME",
        help="Run only this profile, such as download or download/s3. Repeat the option, or give a list: a,b.",
    )
    group.addoption(
        "--store",
        action="append",
        default=[],
        metavar="NAME",
        help=f"Run only the cases of this store. Repeat the option, or give a list: s3,gcs. The stores are "
        f"{', '.join(STORES)}.",
    )
    group.addoption(
        "--rule",
        action="append",
        default=[],
        metavar="ID",
        help="Run only this rule. ID may be a pattern, such as 'ERR-*'. Repeat the option, or give a list.",
    )
    group.addoption(
        "--smoke",
        action="store_true",
        help="Run one case for each store and area. A smoke run never ends with the verdict conformant.",
    )
    exploring.add(group)
    group.addoption(
        "--isolation",
        default="auto",
        metavar="HOW",
        help="How the suite isolates `kserve:VERSION` and `command:ARGV`. `auto`: in a sandbox of bubblewrap or "
        "unshare if one works, else not at all. `sandbox`: in a sandbox; the run stops if none works. `none`: not at "
        "all. Without a sandbox, cases that need one are not-run. Default: auto.",
    )
    group.addoption(
        "--known-failures",
        metavar="FILE",
        help="Expect the failures that this list declares. none: expect no failure. Default: the suite's own list for "
        "kserve:VERSION and kserve:PATH, none for any other initializer.",
    )
    cluster.addoption(
        "--cluster",
        default="none",
        metavar="WHICH",
        help="Where pods run. none: the run starts no pods. kind: on a cluster that the run creates with podman or "
        "docker, and removes. existing: on the cluster of --kubeconfig; the run touches only namespaces that it "
        "creates. Default: none.",
    )
    cluster.addoption(
        "--install",
        default="manifests",
        metavar="WAY",
        help="How the run installs KServe. manifests: from the release's rendered manifests. helm: from its chart. "
        "Default: manifests.",
    )
    cluster.addoption(
        "--images",
        default="auto",
        metavar="SOURCE",
        help="Where images come from. published: the nodes pull them from their registries. assembled: the run builds "
        "them on this machine from packages and modules. auto: published where a registry answers, else assembled. "
        "Default: auto.",
    )
    cluster.addoption(
        "--kind-driver",
        default="suite",
        metavar="WHO",
        help="The code that calls kind. suite: the suite's own. pytest-kind: KindCluster of the package pytest-kind, "
        "which the extra pytest-kind installs. "
        "Default: suite.",
    )
    cluster.addoption("--keep-cluster", action="store_true", help="Keep the kind cluster. The next run uses it.")
    cluster.addoption(
        "--keep-failed",
        type=int,
        default=0,
        metavar="N",
        help="Keep the Kubernetes objects of the first N failed cases. Default: 0.",
    )
    cluster.addoption(
        "--kubeconfig",
        metavar="FILE",
        help="The kubeconfig file of the existing cluster. Default: the file that kubectl uses.",
    )
    cluster.addoption(
        "--context", metavar="NAME", help="The context in the kubeconfig file. Default: its current context."
    )
    group.addoption(
        "--report-dir",
        default="conformance-report",
        metavar="DIR",
        help="Write the report to this folder. Default: conformance-report.",
    )
    group.addoption(
        "--list-rules",
        action="store_true",
        help="Print the rules and exit. --profile, --store, --rule and --kserve select the rules.",
    )
    group.addoption("--explain", metavar="ID", help="Print one rule with its references and messages, and exit.")


def read(config: pytest.Config, spec: Spec) -> Options:
    """Return the options of this run. Raises pytest.UsageError with one line and the remedy."""
    option = config.getoption
    _refuse_empty(config)
    stores = _split(option("--store"))
    _known("store", stores, STORES)
    rules = _split(option("--rule"))
    for pattern in rules:
        if not any(fnmatchcase(rule.id, pattern) for rule in spec):
            raise pytest.UsageError(f"--rule {pattern}: no such rule; --list-rules prints all rules")
    named = _split(option("--profile"))
    _known("profile", named, _profiles(spec))
    cluster = option("--cluster")
    _known("cluster", [cluster], get_args(Clusters))
    mode = option("--servers") or ("embedded" if cluster == "none" else "native")
    _known("servers", [mode], get_args(Mode))
    _known("install", [option("--install")], WAYS)
    _known("images", [option("--images")], ["auto", *get_args(Source)])
    driver = option("--kind-driver")
    _known("kind-driver", [driver], get_args(Driver))
    asked = option("--kserve")
    _known("kserve", [asked] if asked else [], known_releases())
    isolation = option("--isolation")
    _known("isolation", [isolation], get_args(Wanted))
    explore, seed = exploring.read(config)
    latest = newest() if cluster == "none" else asked or newest_installable()
    try:
        subject = initializer(
            option("--initializer") or f"kserve:{latest}",
            isolation,
            name=option("--initializer-name") or "",
            version=option("--initializer-version") or "",
            shown=list(map(Path, option("--show"))),
            user=option("--run-as-user") or "",
        )
    except NoInitializer as error:
        raise pytest.UsageError(f"--initializer: {error}") from error
    claims = claimed.checked(config, spec)
    if claims:
        subject.environment, subject.resources = claims.environment, claims.resources
    release = asked or subject.release or latest
    known_from = _list_file(option("--known-failures"), subject)
    known = _list(known_from, subject, spec, release)
    claimed.refuse_unclaimed(known, claims, spec)
    if cluster != "none":
        _fits_a_cluster(cluster, subject, release, mode, isolation)
    made = Options(
        initializer=subject,
        described=tuple(claimed.described(config, _described(config))),
        kserve=release,
        mode=cast("Mode", mode),
        profiles=tuple(named),
        stores=tuple(stores),
        rules=tuple(rules),
        smoke=option("--smoke"),
        isolation=isolation,
        known=tuple(known),
        known_from=known_from,
        report_dir=Path(option("--report-dir")),
        cluster=cast("Clusters", cluster),
        install=cast("How", option("--install")),
        images=option("--images"),
        driver=cast("Driver", driver),
        keep_cluster=option("--keep-cluster"),
        keep_failed=option("--keep-failed"),
        kubeconfig=Path(option("--kubeconfig")) if option("--kubeconfig") else None,
        context=option("--context"),
        explore=explore,
        explore_seed=seed,
        claims=claims,
    )
    return claimed.narrowed(made, spec)


def refuse_unobservable(asked: Options, spec: Spec) -> None:
    """Raise pytest.UsageError for a profile of which the run can observe no rule."""
    for name in asked.profiles:
        rules = [rule for rule in spec if rule.profile == name.partition("/")[0]]
        remedy = asked.elsewhere(on_each_store(rules))
        if remedy:
            raise pytest.UsageError(
                f"--profile {name}: --cluster {asked.cluster} can check none of its rules; use {remedy}"
            )


def _fits_a_cluster(cluster: str, subject: Initializer, release: str, mode: str, isolation: str) -> None:
    if subject.unreleased:
        raise pytest.UsageError(
            f"--cluster runs published releases of KServe, and {subject.spec} is a checkout; build its image, and use "
            "--initializer image:REF, or remove --cluster"
        )
    if cluster == "kind" and release not in installable():
        raise pytest.UsageError(
            f"the suite cannot install KServe {release}, because no Go module has its source; use --kserve with one of "
            f"{', '.join(installable())}"
        )
    if subject.route == "process" and subject.name != "kserve":
        raise pytest.UsageError(
            f"--cluster runs only container images; build an image of {subject.spec}, and use --initializer image:REF"
        )
    if isolation == "none":
        raise pytest.UsageError("--isolation none applies to processes on this machine; remove it, or remove --cluster")
    if mode == "container":
        raise pytest.UsageError("--servers container does not work with --cluster; use embedded or native")
    if loaded := plugins.loaded():
        raise pytest.UsageError(
            f"--plugin {loaded[0].name}: stores of plugins do not run in a cluster; remove --cluster"
        )


def _described(config: pytest.Config) -> Iterator[str]:
    """Yield the options that describe the initializer under test, as on a command line."""
    for name in ("--initializer-name", "--initializer-version", "--run-as-user", "--show", "--plugin"):
        yield from (f"{name}={value}" for value in _given(config, name))


def _list_file(given: str | None, subject: Initializer) -> Path | None:
    """Return the list of known failures that applies to this run. None for no list."""
    if given == "none" or (given is None and subject.name != "kserve"):
        return None
    return Path(given) if given else known_failures.OF_KSERVE


def _list(path: Path | None, subject: Initializer, spec: Spec, release: str) -> list[KnownFailure]:
    if path is None:
        return []
    try:
        return known_failures.load(path, spec, release, program=subject.name)
    except KnownFailuresError as error:
        raise pytest.UsageError(f"--known-failures: {error}") from error


def _profiles(spec: Spec) -> list[str]:
    names = {rule.profile for rule in spec}
    return sorted(names | {rule.profile_on(store) for rule in spec for store in rule.stores})


def _given(config: pytest.Config, name: str) -> list[str]:
    """Return the values of an option, whether it can be repeated or not. Empty if it is not given."""
    given = config.getoption(name)
    return given if isinstance(given, list) else [] if given is None else [given]


def _refuse_empty(config: pytest.Config) -> None:
    for name in _WITH_VALUE:
        if any(not _split([value]) for value in _given(config, name)):
            raise pytest.UsageError(f"{name} is empty; give it a value, or remove it")


def _split(given: Iterable[str]) -> list[str]:
    return [part.strip() for text in given for part in text.split(",") if part.strip()]


def _known(option: str, given: Iterable[str], known: Iterable[str]) -> None:
    for value in given:
        if value not in known:
            raise pytest.UsageError(f"--{option} {value}: unknown value; use one of {', '.join(known)}")
