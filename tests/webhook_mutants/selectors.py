"""Mutants of selectors: of the webhook, of namespaces, and of the installation's own storage container."""

from __future__ import annotations

from scenarios.cluster.kubernetes import Object
from tests.webhook_mutants.parts import strip
from tests.webhook_mutants.seams import defaults, pods, webhooks


@webhooks("INJECT-009")
def is_never_invoked_again(webhook: Object) -> None:
    """The webhook does not see what other webhooks changed."""
    webhook["reinvocationPolicy"] = "Never"


@webhooks("INJECT-009")
def acts_on_updates(webhook: Object) -> None:
    """The webhook acts on pods that exist, whose containers cannot change."""
    webhook["rules"][0]["operations"] = ["CREATE", "UPDATE"]


@webhooks("INJECT-010")
def pods_are_made_without_it(webhook: Object) -> None:
    """While the webhook is down, pods are made without a model."""
    webhook["failurePolicy"] = "Ignore"


@webhooks("INJECT-010")
def has_side_effects(webhook: Object) -> None:
    """The webhook changes something outside of the pod that it is asked about."""
    webhook["sideEffects"] = "Some"


@webhooks("INJECT-010")
def is_asked_about_every_pod(webhook: Object) -> None:
    """The webhook, when it is down, stops all pods of the cluster."""
    webhook["objectSelector"] = {}


@webhooks("NS-002[kserve]")
def leaves_out_namespaces_in_silence(webhook: Object) -> None:
    """The configuration says nothing of the namespaces that are left alone."""
    webhook["namespaceSelector"] = {}


@pods("NS-003")
def names_like_kserves_are_left_alone(pod: Object) -> None:
    """Namespaces whose name begins like that of KServe are not served."""
    if pod["metadata"]["namespace"].startswith("kserve"):
        strip(pod)


@pods("NS-004")
def a_label_is_never_forgotten(pod: Object) -> None:
    """A namespace that had the label once stays unserved."""
    strip(pod)


@defaults("CSC-017")
def the_default_knows_s3_only(spec: Object) -> None:
    """The storage container that the installation brings declares S3 alone."""
    spec["supportedUriFormats"] = [{"prefix": "s3://"}]


@defaults("CSC-017[*hdfs]")
def the_default_does_not_know_hdfs(spec: Object) -> None:
    """The storage container that the installation brings has lost its formats for HDFS."""
    formats = spec["supportedUriFormats"]
    spec["supportedUriFormats"] = [one for one in formats if "hdfs" not in one.get("prefix", "") + one.get("regex", "")]


@defaults("CSC-018")
def the_default_does_not_know_the_hub(spec: Object) -> None:
    """The storage container that the installation brings does not declare `hf://`."""
    spec["supportedUriFormats"] = [one for one in spec["supportedUriFormats"] if one.get("prefix") != "hf://"]


@defaults("CFG-014")
def the_default_is_of_another_release(spec: Object) -> None:
    """The storage container that the installation brings has the image of a former release."""
    spec["container"]["image"] = "kserve/storage-initializer:v0.0.1"
