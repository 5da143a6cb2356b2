"""The optional controllers of KServe: beside its manager, an installation has those that the run needs."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeVar

from packaging.specifiers import SpecifierSet

from clusters.kserve.releases import NoKServe, Release

T = TypeVar("T")

WEBHOOKS = ("MutatingWebhookConfiguration", "ValidatingWebhookConfiguration")


@dataclass(frozen=True)
class Chart:
    """A Helm chart of KServe's module, with the values that it needs besides its defaults."""

    name: str
    values: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Definition:
    """A CustomResourceDefinition of another project: a file of its Go module, at a version with its `v`."""

    module: str
    version: str
    path: str


@dataclass(frozen=True)
class Controller:
    """One optional controller.

    name         its program: `cmd/NAME` of KServe's module.
    kserve       the releases that have it.
    owns         matches the start of the names of the objects that only it needs. A webhook belongs to its Service. One
                 Deployment or DaemonSet among them runs the program, in a container called `manager`.
    charts       releases -> the charts that hold these objects. Other releases have them in KServe's main chart.
    definitions  releases -> kinds of other projects that it uses. The suite installs the definitions alone, and reads
                 the objects that the controller makes.
    probe        a kind that its webhooks validate, and a valid `spec`; None if it has no webhooks.
    """

    name: str
    kserve: SpecifierSet
    owns: re.Pattern[str]
    charts: Mapping[SpecifierSet, Sequence[Chart]] = field(default_factory=dict)
    definitions: Mapping[SpecifierSet, Sequence[Definition]] = field(default_factory=dict)
    probe: tuple[str, Mapping[str, Any]] | None = None

    def charts_of(self, release: Release) -> Sequence[Chart]:
        """Return the charts that hold its objects besides KServe's main chart."""
        return _of(self.charts, release)

    def definitions_of(self, release: Release) -> Sequence[Definition]:
        """Return the definitions of other projects that it uses, in the versions of KServe's go.mod."""
        return _of(self.definitions, release)


def _of(choices: Mapping[SpecifierSet, Sequence[T]], release: Release) -> Sequence[T]:
    return next((found for releases, found in choices.items() if releases.contains(release.release)), ())


def _leader_worker_sets(version: str) -> Sequence[Definition]:
    path = "config/crd/bases/leaderworkerset.x-k8s.io_leaderworkersets.yaml"
    return [Definition("sigs.k8s.io/lws", version, path)]


CONTROLLERS = (
    Controller(
        name="llmisvc",
        kserve=SpecifierSet(">=0.16"),
        owns=re.compile(r"(kserve-)?llmisvc-|llminferenceservice|kserve-config-llm-|\w+\.llm-d\.ai|leaderworkersets\."),
        charts={
            SpecifierSet("<0.17"): [Chart("llmisvc-crd"), Chart("llmisvc-resources")],
            SpecifierSet(">=0.17"): [
                Chart("kserve-llmisvc-crd"),
                Chart("kserve-llmisvc-resources"),
                Chart("kserve-runtime-configs", {"kserve.llmisvcConfigs.enabled": True}),
            ],
        },
        definitions={
            SpecifierSet("<0.17"): _leader_worker_sets("v0.6.2"),
            SpecifierSet(">=0.17,<0.18"): _leader_worker_sets("v0.7.0"),
            SpecifierSet(">=0.18"): _leader_worker_sets("v0.8.0"),
        },
        probe=("LLMInferenceService", {"model": {"uri": "s3://bucket/model"}}),
    ),
    Controller(
        name="localmodel",
        kserve=SpecifierSet(">=0.15"),
        owns=re.compile(r"kserve-localmodel-|localmodel-"),
        charts={SpecifierSet(">=0.17"): [Chart("kserve-localmodel-crd"), Chart("kserve-localmodel-resources")]},
        probe=("LocalModelCache", {"sourceModelUri": "s3://bucket/model", "modelSize": "1Mi", "nodeGroups": ["none"]}),
    ),
    Controller(
        name="localmodelnode",
        kserve=SpecifierSet(">=0.15"),
        owns=re.compile(r"kserve-localmodelnode-"),
        charts={SpecifierSet(">=0.17"): [Chart("kserve-localmodel-resources")]},
    ),
)


def controllers_of(release: Release) -> list[Controller]:
    """Return the optional controllers that a release has."""
    return [one for one in CONTROLLERS if one.kserve.contains(release.release)]


def chosen(names: Collection[str], release: Release) -> list[Controller]:
    """Return the controllers with these names. Raises NoKServe for a name that the release does not have."""
    known = {one.name: one for one in controllers_of(release)}
    if absent := sorted(set(names) - set(known)):
        which = f"it has {', '.join(known)}" if known else "it has no optional controller"
        raise NoKServe(f"KServe {release.release} has no controller {absent[0]}: {which}")
    return [one for name, one in known.items() if name in names]


def owner(one: Mapping[str, Any]) -> Controller | None:
    """Return the optional controller that an object of an installation belongs to; None for an object of the manager.

    The manager of some releases serves the webhook of LocalModelCaches: the Service of the webhook decides.
    """
    if one["kind"] in WEBHOOKS:
        return owner_of(one["webhooks"][0]["clientConfig"]["service"]["name"])
    return owner_of(one["metadata"]["name"])


def owner_of(name: str) -> Controller | None:
    """Return the optional controller that an object of this name belongs to; not for the objects of webhooks."""
    return next((controller for controller in CONTROLLERS if controller.owns.match(name)), None)
