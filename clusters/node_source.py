"""Whether a node image is pulled or assembled: decided once a run, because everything else follows it."""

from __future__ import annotations

import subprocess
from typing import Literal

from clusters.base import NoCluster, Source
from clusters.engine import Engine
from clusters.images import node
from clusters.toolchain.cache import ToolFailed

Choice = Literal["auto", "published", "assembled"]

#: The node image that kind v0.30.0 was released with; see `kubernetes.VERSION` for why it is not a newer one.
PUBLISHED = "kindest/node:v1.34.0@sha256:7416a61b42b1662ca6ca89f02028ac133a309a2a30ba309614e8ec94d976dc5a"
ANSWER_WITHIN_S = 8
PULL_WITHIN_S = 900
IMPORT_WITHIN_S = 600


def assembled_name() -> str:
    """The engine's name for the node image of this recipe."""
    return f"localhost/kserve-conformance/node:{node.recipe()}"


def choose(engine: Engine, choice: Choice) -> tuple[Source, str]:
    """Where images come from, and why. Raises NoCluster if what was asked for cannot be had."""
    if choice == "assembled":
        return "assembled", "assembled images were asked for"
    if engine.run("image", "inspect", PUBLISHED).returncode == 0:
        return "published", f"{engine.name} has {PUBLISHED} already"
    refusal = _call(engine, ["manifest", "inspect", _pulled(engine)], ANSWER_WITHIN_S)
    if not refusal:
        refusal = _call(engine, ["pull", "--quiet", _pulled(engine)], PULL_WITHIN_S)
    if not refusal:
        return "published", "a registry answers"
    if choice == "published":
        raise NoCluster(f"{PUBLISHED} cannot be pulled: {refusal}; reach a registry, or have images assembled")
    return "assembled", f"no registry gives {PUBLISHED.partition('@')[0]}: {refusal}"


def have(engine: Engine, source: Source) -> str:
    """The node image's name, present in the engine. Raises NoCluster."""
    if source == "published":
        return PUBLISHED
    name = assembled_name()
    if engine.run("image", "inspect", name).returncode != 0:
        try:
            archive = node.node_image()
        except ToolFailed as failure:
            raise NoCluster(str(failure)) from failure
        changes = [part for change in node.CHANGES for part in ("--change", change)]
        if refusal := _call(engine, ["import", *changes, str(archive), name], IMPORT_WITHIN_S):
            raise NoCluster(f"{engine.name} cannot import {archive}: {refusal}; check its free disk space")
    return name


def _pulled(engine: Engine) -> str:
    """The reference as `pull` takes it: podman asks back where a short name comes from, unless a transport is named."""
    return f"docker://{PUBLISHED}" if engine.name == "podman" else PUBLISHED


def _call(engine: Engine, arguments: list[str], timeout_s: float) -> str:
    """Why it failed, in one line; empty if it did not."""
    try:
        done = engine.run(*arguments, timeout_s=timeout_s)
    except subprocess.TimeoutExpired:
        return f"no answer within {timeout_s:.0f} s"
    return "" if done.returncode == 0 else (done.stderr.strip() or "no reason given").splitlines()[-1]
