"""Read the objects that a release's own manifests, or its Helm chart, would apply."""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml

from clusters.images.manager import MODULE
from clusters.kserve import helm
from clusters.kserve.adaptations import NAMESPACE, Object
from clusters.kserve.controllers import Controller, owner
from clusters.kserve.releases import How, NoKServe, Release
from clusters.toolchain.cache import once
from clusters.toolchain.module_files import module_files

#: Helm values besides those of the caller. Until 0.14 the chart also installs ModelMesh by default.
_VALUES = {"kserve.modelmesh.enabled": False}


def rendered(
    release: Release, how: How, values: Mapping[str, Any], controllers: Collection[Controller] = ()
) -> list[Object]:
    """Every object of `release`, as upstream ships it.

    controllers  the optional controllers whose charts are rendered too, with the kinds of other projects that they use.
                 The manifests of a release have all controllers.
    values  helm: by the dotted names that `--set` takes. manifests: fields of the ConfigMap `inferenceservice-config`,
            as `section.field`.
    Raises NoKServe for values that do not fit, and ToolFailed.
    """
    found = _charts(release, values, controllers) if how == "helm" else _files(release, values)
    return _once([*found, *(one for controller in controllers for one in _definitions(release, controller))])


def _charts(release: Release, values: Mapping[str, Any], controllers: Collection[Controller]) -> list[Object]:
    crds = _kept(f"{release.release}-crds", lambda: [helm.render(release, helm.CRDS, NAMESPACE, {})])
    rest = helm.render(release, helm.RESOURCES, NAMESPACE, {**_VALUES, **values})
    beside = [one for controller in controllers for one in _of_controller(release, controller)]
    # `helm install --create-namespace` makes it, and gives it no label.
    return [_namespace(), *crds, *_objects([rest]), *beside]


def _of_controller(release: Release, controller: Controller) -> list[Object]:
    """The objects of a controller in its own charts, which also have copies of what the main chart has."""
    charts = controller.charts_of(release)

    def read() -> list[str]:
        return [helm.render(release, one.name, NAMESPACE, one.values) for one in charts]

    found = _kept(f"{release.release}-{controller.name}", read) if charts else []
    return [one for one in found if owner(one) == controller or one["kind"] == "CustomResourceDefinition"]


def _definitions(release: Release, controller: Controller) -> list[Object]:
    """The kinds of other projects that a controller uses."""
    wanted = controller.definitions_of(release)

    def read() -> list[str]:
        files = [module_files(one.module, one.version, [one.path]) / one.path for one in wanted]
        return [file.read_text(encoding="utf-8") for file in files]

    return _kept(f"{release.release}-{controller.name}-beside", read) if wanted else []


def _files(release: Release, values: Mapping[str, Any]) -> list[Object]:
    paths = [f"install/{release.tag}/{name}" for name in release.manifests]

    def read() -> list[str]:
        folder = module_files(MODULE, release.tag, paths)
        return [(folder / path).read_text(encoding="utf-8") for path in paths]

    objects = _kept(f"{release.release}-manifests", read)
    if not any(one["kind"] == "Namespace" for one in objects):
        # Since 0.19 the file has none: its installation scripts call `kubectl create namespace`.
        objects.insert(0, _namespace())
    _configure(next(one for one in objects if one["kind"] == "ConfigMap"), values)
    return objects


def _once(objects: list[Object]) -> list[Object]:
    """Each object once: 0.16 repeats presets in its files, and kinds of LLMInferenceServices in its charts."""
    return list(
        {(one["kind"], one["metadata"]["name"], one["metadata"].get("namespace")): one for one in objects}.values()
    )


def _configure(configuration: Object, values: Mapping[str, Any]) -> None:
    for name, value in values.items():
        section, _, field = name.partition(".")
        if section not in configuration["data"] or not field:
            known = ", ".join(sorted(set(configuration["data"]) - {"_example"}))
            raise NoKServe(f"no section for {name!r} in inferenceservice-config: write SECTION.FIELD, with {known}")
        fields = json.loads(configuration["data"][section])
        configuration["data"][section] = json.dumps({**fields, field: value}, indent=2)


def _namespace() -> Object:
    return {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": NAMESPACE}}


def _kept(key: str, read: Callable[[], Sequence[str]]) -> list[Object]:
    """The objects of the YAML that `read` returns: kept as JSON, for 7 MB of YAML take three seconds to read."""

    def build(folder: Path) -> None:
        (folder / "objects.json").write_text(json.dumps(_objects(read())), encoding="utf-8")

    folder = once(f"kserve/{key}", build, f"objects of KServe {key}")
    objects: list[Object] = json.loads((folder / "objects.json").read_text(encoding="utf-8"))
    return objects


def _objects(texts: Sequence[str]) -> list[Object]:
    return [one for text in texts for one in yaml.load_all(text, yaml.CSafeLoader) if one]
