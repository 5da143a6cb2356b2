"""What was sent to an API server and what it answered, as people read it in a report."""

from __future__ import annotations

import json

import yaml

from scenarios.cluster.kubernetes import Object

#: What the API server fills in, and nobody asks about.
_FILLED_IN = {"terminationMessagePath", "imagePullPolicy"}


def summarize(pod: Object) -> Object:
    """What of a pod concerns injection: labels and annotations, containers and volumes, without what is filled in."""
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
    """A Secret without what it keeps; anything else as it is."""
    if manifest["kind"] != "Secret":
        return manifest
    return {**manifest, "data": dict.fromkeys(manifest["data"], "(not shown)")}


def in_yaml(manifest: Object) -> str:
    """An object as YAML, in the order that it was written in."""
    return yaml.safe_dump(json.loads(json.dumps(manifest, default=str)), sort_keys=False, width=1000)
