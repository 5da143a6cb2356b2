"""Clusters that cannot be used as they are: each is said in one line, and nothing is left of the attempt.

The API server is an HTTP server with a few answers; the engine and kind are shell scripts.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
import yaml

from clusters.base import Cluster, Image, NoCluster
from clusters.engine import NoEngine, find_engine
from clusters.existing import Existing
from clusters.images.archive import write
from clusters.kserve import install
from clusters.kserve.adaptations import LABEL, MANAGER
from clusters.kserve.api import until
from clusters.kserve.controllers import CONTROLLERS
from clusters.kserve.install import _await_program, _await_webhooks, _refuse_foreign, _refuse_incomplete, _webhook_state
from clusters.kserve.installation import installed
from clusters.kserve.releases import NoKServe, find
from clusters.kserve.uninstall import _emptied, _left
from clusters.node import Node
from conformance.harness.cluster_environment import _installation
from conformance.harness.run_options import Options
from tests.clusters.stub_engine import ENDED_WITHIN_S, PAUSE, engine_that, program
from tests.processes import wait_until
from tests.serving import Handler, serving

Answers = dict[str, tuple[int, Any]]
VERSION: tuple[int, Any] = (200, {"gitVersion": "v1.34.4"})
REVIEWS = "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews"
DEPLOYMENTS, PODS = "/apis/apps/v1/deployments", "/api/v1/namespaces/default/pods"


class Api:
    """An API server that has these answers by path; a list of whatever else is asked for is empty."""

    def __init__(self, folder: Path) -> None:
        self.answers: Answers = {"/version": VERSION}
        answers = self.answers

        class Answering(Handler):
            def do_GET(self) -> None:  # noqa: N802 -- its name there
                self.rfile.read(int(self.headers.get("Content-Length", 0)))
                status, body = answers.get(urlsplit(self.path).path, (200, {"kind": "List", "items": []}))
                content = json.dumps(body).encode()
                self.send_response(status)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(content)))
                self.end_headers()
                self.wfile.write(content)

            do_POST = do_PATCH = do_GET  # noqa: N815 -- its name there

        self.handler = Answering
        self._file = folder / "kubeconfig"
        self.cluster = Cluster("theirs", "existing", "v1.34.4", self._file, "theirs", "published", "a test")

    def is_at(self, port: int) -> None:
        """Write the kubeconfig that leads there."""
        cluster = {"name": "c", "cluster": {"server": f"http://127.0.0.1:{port}"}}
        context = {"name": "theirs", "context": {"cluster": "c", "user": "u"}}
        users = [{"name": "u", "user": {"token": "t"}}]
        whole = {"apiVersion": "v1", "kind": "Config", "clusters": [cluster], "contexts": [context], "users": users}
        self._file.write_text(yaml.safe_dump({**whole, "current-context": "theirs"}))

    def lists(self, path: str, *items: Mapping[str, Any]) -> None:
        self.answers[path] = (200, {"kind": "List", "items": list(items)})


@pytest.fixture
def api(tmp_path: Path) -> Iterator[Api]:
    api = Api(tmp_path)
    with serving(api.handler) as port:
        api.is_at(port)
        yield api


def _status(code: int, message: str) -> tuple[int, Any]:
    return code, {"kind": "Status", "status": "Failure", "code": code, "message": message}


def _has_a_kserve(api: Api, release: str) -> None:
    """One that somebody else installed."""
    containers = [{"name": "manager", "image": f"kserve/kserve-controller:v{release}"}]
    metadata = {"name": MANAGER, "namespace": "kserve", "labels": {"control-plane": MANAGER}}
    api.lists(DEPLOYMENTS, {"metadata": metadata, "spec": {"template": {"spec": {"containers": containers}}}})
    home = "/api/v1/namespaces/kserve"
    api.answers[home] = (200, {"kind": "Namespace", "metadata": {"name": "kserve"}})
    api.answers[f"{home}/configmaps/inferenceservice-config"] = (200, {"kind": "ConfigMap", "data": {}})


@pytest.mark.parametrize(
    ("says", "told"),
    [
        ("echo 'permission denied while trying to connect to the socket' >&2; exit 1", "podman: permission denied"),
        ("exec sleep 30", "podman gave no answer within 0.5 s"),
    ],
    ids=["no-rights", "hangs"],
)
def test_an_engine_that_cannot_be_used(says: str, told: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    program(tmp_path / "bin" / "podman", says)
    (tmp_path / "bin" / "sleep").symlink_to("/bin/sleep")
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))
    monkeypatch.setenv("KSERVE_CONFORMANCE_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr("clusters.engine.ANSWER_WITHIN_S", 0.5)
    with pytest.raises(NoEngine, match=f"docker is not on PATH; {told}.*Install podman, or start docker"):
        find_engine.__wrapped__()


def test_a_cluster_that_wants_another_login(api: Api) -> None:
    api.answers[REVIEWS] = _status(401, "Unauthorized")
    with pytest.raises(
        NoCluster, match=r"theirs refuses the credentials: Unauthorized; log in, or use another --context"
    ):
        Existing(api.cluster.kubeconfig, None).start()


def test_rights_that_are_missing_are_named(api: Api) -> None:
    api.answers[REVIEWS] = (201, {"kind": "SelfSubjectAccessReview", "spec": {}, "status": {"allowed": False}})
    with pytest.raises(NoCluster, match=r"this user is not allowed to create  namespaces, .*; use a user"):
        Existing(api.cluster.kubeconfig, None).start()


def test_an_existing_cluster_without_kserve(api: Api) -> None:
    with pytest.raises(NoKServe, match="theirs has no KServe: install it there, or run with --cluster kind"):
        _installation(_options("0.20.0"), Existing(None, None), api.cluster)


def test_an_existing_cluster_with_another_release(api: Api) -> None:
    _has_a_kserve(api, "0.15.2")
    with pytest.raises(NoKServe, match=r"theirs has KServe 0\.15\.2, not 0\.20\.0: give --kserve 0\.15\.2"):
        _installation(_options("0.20.0"), Existing(None, None), api.cluster)


def _options(release: str) -> Options:
    options = Options.__new__(Options)
    object.__setattr__(options, "cluster", "existing")
    object.__setattr__(options, "kserve", release)
    return options


def test_a_kserve_of_somebody_else_is_not_replaced(api: Api) -> None:
    _has_a_kserve(api, "0.15.2")
    with pytest.raises(NoKServe, match=r"KServe 0\.15\.2 is already installed in namespace kserve, but not by"):
        _refuse_foreign(api.cluster)


@pytest.mark.parametrize("data", [None, {}, {"deploy": "no JSON"}], ids=["absent", "empty", "broken"])
def test_a_configuration_that_says_nothing_is_no_crash(api: Api, data: dict[str, str] | None) -> None:
    """The mode of somebody else's KServe is then unknown."""
    _has_a_kserve(api, "0.15.2")
    where = "/api/v1/namespaces/kserve/configmaps/inferenceservice-config"
    api.answers[where] = (200, {"kind": "ConfigMap"} | ({} if data is None else {"data": data}))
    found = installed(api.cluster)
    assert found is not None
    assert (found.release, found.deployment_mode) == ("0.15.2", "")


def test_kinds_that_another_kserve_left(api: Api) -> None:
    name = "inferenceservices.serving.kserve.io"
    definition = {"metadata": {"name": name}, "spec": {"group": "serving.kserve.io"}}
    api.lists("/apis/apiextensions.k8s.io/v1/customresourcedefinitions", definition)
    with pytest.raises(NoKServe, match=f"the cluster still has kinds of another KServe, such as {name}"):
        _refuse_foreign(api.cluster)


@pytest.mark.parametrize(
    "said",
    ["failed calling webhook: connection refused", "failed calling webhook: context deadline exceeded"],
    ids=["refuses", "times-out"],
)
def test_a_webhook_that_does_not_answer(api: Api, said: str) -> None:
    api.answers[PODS] = _status(500, said)
    with pytest.raises(NoKServe, match=f"{said}.*its log ends"):
        until(lambda: _webhook_state(api.cluster.client()), 0, "KServe's webhook answers", lambda: "its log ends: x")


def test_a_webhook_that_lets_everything_through(api: Api) -> None:
    api.answers[PODS] = (201, {"kind": "Pod", "metadata": {"name": "probe"}, "spec": {"containers": []}})
    assert _webhook_state(api.cluster.client()) == "a pod is let through without an init container"


LLMISVC, PROGRAM = CONTROLLERS[0], "llmisvc-controller-manager"
_DEPLOYMENT = {
    "kind": "Deployment",
    "metadata": {"name": PROGRAM},
    "spec": {"template": {"spec": {"containers": [{"name": "manager", "image": "kserve/llmisvc-controller:v0.20.0"}]}}},
}
_DEFINITION = {
    "kind": "CustomResourceDefinition",
    "metadata": {"name": "llminferenceservices.serving.kserve.io"},
    "spec": {
        "group": "serving.kserve.io",
        "scope": "Namespaced",
        "names": {"kind": "LLMInferenceService", "plural": "llminferenceservices"},
        "versions": [{"name": "v1alpha1", "storage": False}, {"name": "v1alpha2", "storage": True}],
    },
}


def _has_a_controller_that(api: Api, restarts: int, state: dict[str, Any]) -> None:
    """Let the pod of the optional controller be in this state, with a log."""
    pods = "/api/v1/namespaces/kserve/pods"
    status = {"name": "manager", "ready": False, "restartCount": restarts, "state": state}
    api.lists(pods, {"metadata": {"name": "pod"}, "status": {"phase": "Running", "containerStatuses": [status]}})
    api.answers[f"{pods}/pod/log"] = (200, "unable to find the certificate")


def test_a_controller_that_crashes(api: Api) -> None:
    waiting = {"reason": "CrashLoopBackOff", "message": "back-off 10s restarting failed container"}
    _has_a_controller_that(api, 2, {"waiting": waiting})
    with pytest.raises(
        NoKServe,
        match=r"llmisvc-controller-manager cannot start: CrashLoopBackOff back-off.*its log ends: .*certificate",
    ):
        _await_program(api.cluster.client(), _DEPLOYMENT)


def test_a_controller_that_is_never_ready(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(install, "MANAGER_WITHIN_S", 0)
    _has_a_controller_that(api, 0, {"running": {}})
    with pytest.raises(NoKServe, match=r"gave up .* until KServe's llmisvc-controller-manager is ready.*its log ends"):
        _await_program(api.cluster.client(), _DEPLOYMENT)


def test_a_webhook_of_a_controller_that_times_out(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    """Other refusals are answers: the webhook has judged the object."""
    monkeypatch.setattr(install, "WEBHOOK_WITHIN_S", 0)
    services = "/apis/serving.kserve.io/v1alpha2/namespaces/default/llminferenceservices"
    api.answers[services] = _status(500, 'failed calling webhook "x": context deadline exceeded')
    with pytest.raises(NoKServe, match=r"until the webhooks of llmisvc-controller-manager answer: .*deadline exceeded"):
        _await_webhooks(api.cluster.client(), LLMISVC, PROGRAM, [_DEFINITION])
    api.answers[services] = _status(403, 'admission webhook "x" denied the request: model name')
    _await_webhooks(api.cluster.client(), LLMISVC, PROGRAM, [_DEFINITION])


@pytest.mark.parametrize(
    ("objects", "absent"),
    [([_DEPLOYMENT], "LLMInferenceService"), ([_DEFINITION], "Deployment of llmisvc")],
    ids=["kind", "program"],
)
def test_manifests_without_a_part_of_a_controller(objects: list[dict[str, Any]], absent: str) -> None:
    with pytest.raises(NoKServe, match=rf"what KServe 0\.20\.0 ships has no {absent}, which its controller"):
        _refuse_incomplete(find("0.20.0"), objects, [LLMISVC])


def test_a_namespace_that_is_stuck_in_deletion(api: Api) -> None:
    """What the API server says stands in its way is passed on."""
    stuck = {"type": "NamespaceFinalizersRemaining", "status": "True", "message": "some content has finalizers"}
    metadata = {"name": "kserve", "labels": {LABEL: "0.20.0"}, "deletionTimestamp": "2026-01-31T12:00:00Z"}
    api.lists("/api/v1/namespaces", {"metadata": metadata, "status": {"conditions": [stuck]}})
    with pytest.raises(NoKServe, match="Namespace kserve is still there: some content has finalizers"):
        until(lambda: _left(api.cluster.client(), []), 0, "KServe is removed")


def test_an_object_that_is_stuck_on_its_finalizer(api: Api) -> None:
    """Its controller is gone, and another program restores the finalizer that the suite removes."""
    metadata = {
        "name": "model",
        "namespace": "theirs",
        "deletionTimestamp": "2026-01-31T12:00:00Z",
        "finalizers": ["serving.kserve.io/llmisvc-finalizer"],
    }
    services = "/apis/serving.kserve.io/v1alpha2/{}llminferenceservices"
    api.lists(services.format(""), {"kind": "LLMInferenceService", "metadata": metadata})
    where = f"{services.format('namespaces/theirs/')}/model"
    api.answers[where] = (200, {"kind": "LLMInferenceService", "metadata": metadata})
    with pytest.raises(NoKServe, match=r"LLMInferenceService model is still there, held by .*/llmisvc-finalizer"):
        until(lambda: _emptied(api.cluster.client(), _DEFINITION), 0, "the objects of KServe's kinds are removed")


def test_a_node_that_is_not_ready_says_why(api: Api, tmp_path: Path) -> None:
    """As the kubelet reports it."""
    lacking = {"type": "Ready", "status": "False", "reason": "KubeletNotReady", "message": "cni plugin not initialized"}
    api.lists("/api/v1/nodes", {"metadata": {"name": "n"}, "status": {"conditions": [lacking]}})
    with pytest.raises(NoCluster, match=r"Ready=False \(KubeletNotReady: cni plugin not initialized\)"):
        Node(engine_that(tmp_path, ""), "n").wait_until_ready(api.cluster.client(), 0)


def test_an_image_that_cannot_be_loaded(tmp_path: Path) -> None:
    """The node's disk is full; its own words are passed on."""
    write(tmp_path / "image.tar", "suite/any:1", [], {})
    engine = engine_that(tmp_path, 'case "$*" in *import*) echo "no space left on device" >&2; exit 1;; esac')
    with pytest.raises(NoCluster, match=r"suite/any:1 cannot be loaded into node from .*: no space left on device"):
        Node(engine, "node").load([Image("suite/any:1", tmp_path / "image.tar")])


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGKILL], ids=["ctrl-c", "kill-9"])
def test_a_run_that_ends_while_kind_is_at_work_leaves_nothing(number: signal.Signals, tmp_path: Path) -> None:
    """kind itself is ended, and what it has made until then is removed."""
    program(tmp_path / "bin" / "kind", '[ "$1" = version ] && echo kind v0.33.0 && exit\necho $$ >"$PID"; sleep 60')
    engine = engine_that(tmp_path, '[ "$1 $2" != "container inspect" ]')
    script = f"""
from clusters import kind
from clusters.engine import Engine
kind.find_engine = lambda: {engine!r}
kind._check_room = lambda engine: None
kind.Kind("cut", images="assembled").start()
"""
    pid = tmp_path / "pid"
    own = {"KSERVE_CONFORMANCE_CACHE": str(tmp_path / "cache"), "PID": str(pid)}
    environment = {**os.environ, **own, "PATH": f"{tmp_path / 'bin'}:{os.environ['PATH']}"}
    with subprocess.Popen(
        [sys.executable, "-c", script], cwd=PAUSE.parents[2], env=environment, stderr=subprocess.DEVNULL
    ) as run:
        wait_until(lambda: pid.exists() and pid.read_text(), "kind to start", ENDED_WITHIN_S)
        os.kill(run.pid, number)
    wait_until(lambda: not (tmp_path / "cache" / "clusters" / "cut").exists(), "the cleanup watchdog", ENDED_WITHIN_S)
    assert "network rm cut" in (tmp_path / "calls").read_text()
    if number == signal.SIGKILL:  # on Ctrl-C the terminal tells kind too
        wait_until(lambda: not Path(f"/proc/{pid.read_text().strip()}").exists(), "kind to end", ENDED_WITHIN_S)
