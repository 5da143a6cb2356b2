"""The options of a run on a cluster: each wrong one is one clear line, before anything is brought up."""

from pathlib import Path

import pytest
import yaml

from clusters.base import NoCluster
from clusters.existing import Existing
from conformance.harness.run_options import Options
from conformance.spec import current
from scenarios.servers.process import free_ports
from tests.suite_runs import run


@pytest.mark.parametrize(
    ("options", "complaint"),
    [
        (("--cluster", "moon"), "--cluster moon: unknown value; use one of none, kind, existing"),
        (("--cluster", "kind", "--install", "zip"), "--install zip: unknown value; use one of manifests, helm"),
        (("--cluster", "kind", "--images", "some"), "--images some: unknown value"),
        (("--cluster", "kind", "--kind-driver", "me"), "--kind-driver me: unknown value; use one of suite, pytest-"),
        (("--cluster", "kind", "--kserve", "0.21.0"), "the suite cannot install KServe 0.21.0"),
        (("--cluster", "kind", "--initializer", "command:/bin/true"), "build an image of command:/bin/true"),
        (("--cluster", "kind", "--servers", "container"), "--servers container"),
        (("--cluster", "existing", "--kubeconfig", "/no/such/file"), "--kubeconfig"),
    ],
)
def test_bad_input_is_one_clear_line(tmp_path: Path, options: tuple[str, ...], complaint: str) -> None:
    done = run(tmp_path, *options)
    assert done.code == pytest.ExitCode.USAGE_ERROR, done.text
    assert complaint in done.text
    assert "Traceback" not in done.text


def _kubeconfig(folder: Path, server: str) -> Path:
    file = folder / "kubeconfig"
    cluster = {"name": "c", "cluster": {"server": server}}
    context = {"name": "away", "context": {"cluster": "c", "user": "u"}}
    users = [{"name": "u", "user": {"token": "t"}}]
    whole = {"apiVersion": "v1", "kind": "Config", "clusters": [cluster], "contexts": [context], "users": users}
    file.write_text(yaml.safe_dump({**whole, "current-context": "away"}))
    return file


def test_a_cluster_that_does_not_answer(tmp_path: Path) -> None:
    (port,) = free_ports(1)
    with pytest.raises(NoCluster, match="away does not answer"):
        Existing(_kubeconfig(tmp_path, f"http://127.0.0.1:{port}"), None).start()


def test_a_context_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(NoCluster, match="no context home; use --context with one of: away"):
        Existing(_kubeconfig(tmp_path, "http://127.0.0.1:1"), "home").start()


@pytest.mark.parametrize(
    ("cluster", "rule", "route"),
    [
        ("none", "PLACE-001", "process"),
        ("none", "INJECT-001", None),
        ("kind", "PLACE-001", "pod"),
        ("kind", "INJECT-001", "admission"),
        ("kind", "FLOW-001", "pod"),
        ("kind", "CONTRACT-010", None),
        ("existing", "INJECT-001", "admission"),
        ("existing", "PLACE-001", None),
    ],
)
def test_a_rule_is_judged_where_it_shows(cluster: str, rule: str, route: str | None) -> None:
    class Subject:
        route = "process"

    options = Options.__new__(Options)
    object.__setattr__(options, "cluster", cluster)
    object.__setattr__(options, "initializer", Subject())
    assert options.route_of(current()[rule]) == route
