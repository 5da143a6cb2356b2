"""Requests to an API server and its responses, formatted for a report."""

from __future__ import annotations

import json

import yaml

from scenarios.cluster.kubernetes import Object

#: Fields with defaults from the API server, which reports leave out.
_FILLED_IN = {"terminationMessagePath", "imagePullPolicy"}


def summarize(pod: Object) -> Object:
    """The parts of a pod that matter for injection: labels, annotations, containers and volumes, without defaults."""
    metadata = {key: pod["metadata"][key] for key in ("labels", "annotations") if pod["metadata"].get(key)}
    spec = pod["spec"]
    told = ("serviceAccountName", "imagePullSecrets", "shareProcessNamespace", "securityContext")
    brief: Object = {key: spec[key] for key in told if spec.get(key)}
    for kind in ("initContainers", "containers"):
        if spec.get(kind):
            brief[kind] = [_container(one) for one in spec[kind]]
    volumes = [one for one in spec.get("volumes") or () if not one["name"].startswith("kube-api-access-")]
    return {"metadata": metadata, "spec": {**brief, **({"volumes": volumes} if volumes else {})}}


def _container(one: Object) -> Object:
    mounts = [mount for mount in one.get("volumeMounts") or () if not mount["name"].startswith("kube-api-access-")]
    kept = {key: value for key, value in one.items() if key not in {*_FILLED_IN, "volumeMounts"} and value}
    return {**kept, **({"volumeMounts": mounts} if mounts else {})}


def without_values(manifest: Object) -> Object:
    """A Secret without its values. Other objects are unchanged."""
    if manifest["kind"] != "Secret":
        return manifest
    return {**manifest, "data": dict.fromkeys(manifest["data"], "(not shown)")}


def in_yaml(manifest: Object) -> str:
    """An object as YAML, with its keys in their original order."""
    return yaml.safe_dump(json.loads(json.dumps(manifest, default=str)), sort_keys=False, width=1000)
