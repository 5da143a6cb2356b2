"""What the local model cache needs of a cluster: a folder on the nodes, and a namespace for download jobs."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from clusters.base import Cluster

#: The DaemonSet of the agents, which look after the models on their nodes.
AGENT = "kserve-localmodelnode-agent"
#: The namespace of download jobs, by the default of KServe's ConfigMap. No manifest creates it.
JOBS = "kserve-localmodel-jobs"
_NOTES = (
    "the agents of the model cache run on every node, on a folder of the suite; a namespace is made for their jobs",
    "the model cache is enabled, as its users do",
)
#: Anybody may write there: the agents and the jobs run as users of their own.
_OPEN = 0o777


def model_folder(cluster: Cluster) -> Path | None:
    """The folder of cached models, at the same path on this machine and on the nodes; None if they share no folder."""
    return cluster.shared / "cached-models" if cluster.shared else None


def with_agents(objects: Sequence[dict[str, Any]], cluster: Cluster) -> tuple[list[dict[str, Any]], list[str]]:
    """Return the objects of an installation, fit for agents on this cluster, and the reasons of the changes.

    Creates the folder of the models.
    """
    folder = model_folder(cluster)
    if folder is None or not any(map(_is_agent, objects)):
        return list(objects), []
    folder.mkdir(exist_ok=True)
    folder.chmod(_OPEN)
    namespace = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": JOBS}}
    return [namespace, *(_enabled(_on(one, folder) if _is_agent(one) else one) for one in objects)], list(_NOTES)


def _is_agent(one: dict[str, Any]) -> bool:
    return (one["kind"], one["metadata"]["name"]) == ("DaemonSet", AGENT)


def _on(agent: dict[str, Any], folder: Path) -> dict[str, Any]:
    """The agent's DaemonSet without its nodeSelector, which names a label of the user's nodes, and on this folder."""
    template = agent["spec"]["template"]
    pod = {name: value for name, value in template["spec"].items() if name != "nodeSelector"}
    here = {"hostPath": {"path": str(folder), "type": "Directory"}}
    pod["volumes"] = [{"name": one["name"], **here} if "hostPath" in one else one for one in pod["volumes"]]
    return {**agent, "spec": {**agent["spec"], "template": {**template, "spec": pod}}}


def _enabled(one: dict[str, Any]) -> dict[str, Any]:
    """KServe's ConfigMap with the cache enabled. Without that, no service reads from it."""
    if (one["kind"], one["metadata"]["name"]) != ("ConfigMap", "inferenceservice-config"):
        return one
    section = {**json.loads(one["data"]["localModel"]), "enabled": True}
    return {**one, "data": {**one["data"], "localModel": json.dumps(section, indent=2)}}
