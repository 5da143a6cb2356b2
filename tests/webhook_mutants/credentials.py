"""Mutants of credentials: which data of Secrets, ServiceAccounts and storage configs reaches which container."""

from __future__ import annotations

from scenarios.cluster.kubernetes import MODEL_SERVER, Object
from tests.webhook_mutants.parts import (
    by_reference,
    containers,
    env,
    initializers,
    keep_variables,
    mounts,
    named,
    references,
    variables,
    volumes,
)
from tests.webhook_mutants.seams import namings, pods

REGION, URL = "AWS_DEFAULT_REGION", "AWS_ENDPOINT_URL"
#: Values in the tests' Secrets for variables that refer to a key; each such Secret has one of these.
KNOWN = {
    "AWS_ACCESS_KEY_ID": "canary-id",
    "AZURE_CLIENT_ID": "canary-client",
    "AZURE_STORAGE_ACCESS_KEY": "canary-key",
    "HF_TOKEN": "canary-token",
}


@pods("ICRED-001", "ICRED-005", "ICRED-023[azure]", "ICRED-024", "ICRED-029", "URIS-011")
def secrets_stand_in_the_pod(pod: Object) -> None:
    """Keys of Secrets are copied into the pod, where everybody may read them who may read pods."""
    for one in variables(pod):
        if one.pop("valueFrom", None):
            one["value"] = KNOWN.get(one["name"], "canary")


@pods(
    "ICRED-001", "ICRED-005", "ICRED-018", "ICRED-019", "ICRED-023", "ICRED-024", "ICRED-026", "ICRED-029", "ICRED-031",
    "ICRED-033", "ICRED-038", "CSC-006", "URIS-011",
)  # fmt: skip
def another_key_is_referred_to(pod: Object) -> None:
    """References lead to keys that the Secret does not have."""
    for one in references(pod):
        one["key"] = f"{one['key']}-of-old"


@pods("ICRED-001", "ICRED-005", "ICRED-031", "ICRED-038", "NS-006", "URIS-011", "ICRED-030", "ICRED-018")
def references_are_lost(pod: Object) -> None:
    """Nothing of any Secret reaches the initializer."""
    for one in initializers(pod):
        keep_variables(one, lambda variable: "valueFrom" not in variable)


@pods("ICRED-002", "ICRED-016", "ICRED-035")
def everybody_gets_the_keys(pod: Object) -> None:
    """Pods are given keys that are not their account's, or not for this way to name a model."""
    for one in initializers(pod):
        env(one).append(by_reference("AWS_ACCESS_KEY_ID", "somebody", "AWS_ACCESS_KEY_ID"))


@pods("ICRED-003", "PVC-007")
def the_server_gets_the_keys(pod: Object) -> None:
    """The variables of Secrets reach the model server too."""
    env(named(pod, MODEL_SERVER)[0]).append(by_reference("AWS_ACCESS_KEY_ID", "keys", "AWS_ACCESS_KEY_ID"))


@pods("ICRED-003", "PVC-007")
def another_container_gets_the_files(pod: Object) -> None:
    """The volume with the key file is mounted into the last container of the pod."""
    volumes(pod).append({"name": "user-gcp-sa", "secret": {"secretName": "google"}})
    mount = {"name": "user-gcp-sa", "mountPath": "/var/secrets/"}
    containers(pod)[-1].setdefault("volumeMounts", []).append(mount)


@pods("ICRED-004")
def the_servers_variables_are_handed_on(pod: Object) -> None:
    """The initializer gets the variables of the model server."""
    for one in initializers(pod):
        env(one).extend(env(named(pod, MODEL_SERVER)[0]))


@pods("ICRED-005")
def the_accounts_secrets_count_too(pod: Object) -> None:
    """Beside the Secret that is named those of the account are used."""
    for one in initializers(pod):
        env(one).append({"name": "GOOGLE_APPLICATION_CREDENTIALS", "value": "/var/secrets/key.json"})


@pods("ICRED-005", "ICRED-031", "ICRED-038", "ICRED-001")
def the_usual_secret_is_used(pod: Object) -> None:
    """Whatever Secret is named, references lead to the one with the usual name."""
    for one in references(pod):
        one["name"] = "storage-config"


@namings("ICRED-040")
def the_annotation_has_another_key(found: dict[str, str]) -> dict[str, str]:
    """The installation reads another annotation than the documented one."""
    return {f"own-{key}": secret for key, secret in found.items()}


@pods(
    "ICRED-008", "ICRED-009", "ICRED-010", "ICRED-014", "ICRED-015", "ICRED-016", "ICRED-017",
    "ICRED-020", "ICRED-021",
)  # fmt: skip
def settings_are_lost(pod: Object) -> None:
    """What describes a store, and is no secret, does not reach the initializer."""
    for one in initializers(pod):
        keep_variables(one, lambda variable: "valueFrom" in variable)


@pods("ICRED-008")
def settings_keep_their_defaults(pod: Object) -> None:
    """The annotations of a Secret change nothing."""
    usual = {REGION: "us-east-1", "S3_VERIFY_SSL": "1", "S3_USER_VIRTUAL_BUCKET": "false", "AWS_CA_BUNDLE": ""}
    for one in variables(pod):
        if one["name"] in usual or one["name"] == "awsAnonymousCredential":
            one["value"] = usual.get(one["name"], "false")


@pods("ICRED-009")
def nothing_is_accelerated(pod: Object) -> None:
    """An accelerated endpoint cannot be asked for."""
    for one in variables(pod, "S3_USE_ACCELERATE"):
        one["value"] = "false"


@pods("ICRED-010[off]", "ICRED-011[http]", "ICRED-015")
def always_tls(pod: Object) -> None:
    """The endpoint's URL says https, whatever was asked for."""
    for one in variables(pod, URL):
        one["value"] = one["value"].replace("http://", "https://")


@pods("ICRED-010[default]", "ICRED-010[on]", "ICRED-011[https]")
def never_tls(pod: Object) -> None:
    """The endpoint's URL says http, whatever was asked for."""
    for one in variables(pod, URL):
        one["value"] = one["value"].replace("https://", "http://")


@pods("ICRED-011")
def a_scheme_before_the_scheme(pod: Object) -> None:
    """An endpoint that has a scheme gets another one."""
    for one in variables(pod, URL):
        one["value"] = f"https://{one['value']}"


@pods("ICRED-012")
def an_endpoint_is_forced(pod: Object) -> None:
    """An endpoint is set although nobody named one."""
    for one in initializers(pod):
        env(one).append({"name": URL, "value": "https://s3.amazonaws.com"})


@pods("ICRED-008[region]", "ICRED-014", "ICRED-015", "ICRED-016")
def the_wider_setting_wins(pod: Object) -> None:
    """The region of the cluster, the account or the key wins over the annotation of the Secret."""
    for one in variables(pod, REGION):
        one["value"] = "eu-south-9"


def _secret_volumes(pod: Object) -> list[Object]:
    return [one for one in volumes(pod) if "secret" in one]


@pods("ICRED-020", "ICRED-021", "ICRED-028")
def key_files_are_writable(pod: Object) -> None:
    """Files of Secrets are not mounted read-only."""
    names = {one["name"] for one in _secret_volumes(pod)}
    for one in initializers(pod):
        for mount in mounts(one, lambda mount: mount["name"] in names):
            mount["readOnly"] = False


@pods("ICRED-020", "ICRED-021", "ICRED-028")
def key_files_of_another_secret(pod: Object) -> None:
    """The files that are mounted are another Secret's."""
    for one in _secret_volumes(pod):
        one["secret"]["secretName"] = "another"


@pods("ICRED-020", "ICRED-028", "ICRED-030")
def key_files_at_another_place(pod: Object) -> None:
    """Files of Secrets are mounted where the initializer does not look."""
    names = {one["name"] for one in _secret_volumes(pod)}
    for one in initializers(pod):
        for mount in mounts(one, lambda mount: mount["name"] in names):
            mount["mountPath"] = f"/secrets/{mount['name']}"


@pods("ICRED-021")
def the_google_file_has_its_usual_name(pod: Object) -> None:
    """The setting of the key file's name is ignored."""
    for one in variables(pod, "GOOGLE_APPLICATION_CREDENTIALS"):
        one["value"] = "/var/secrets/gcloud-application-credentials.json"


@pods("ICRED-023", "ICRED-024")
def azure_has_its_old_names(pod: Object) -> None:
    """The initializer gets the names of Azure's variables that the first releases had."""
    for one in variables(pod):
        one["name"] = one["name"].replace("AZURE_", "AZ_")


@pods("ICRED-023", "ICRED-025")
def a_client_secret_is_a_must(pod: Object) -> None:
    """The pod refers to a password that the Secret of a workload identity does not have."""
    for one in initializers(pod):
        env(one).append(by_reference("AZURE_CLIENT_PASSWORD", "keys", "AZURE_CLIENT_PASSWORD"))


@pods("ICRED-026")
def headers_stand_in_the_pod(pod: Object) -> None:
    """The bearer token of a web server is copied into the pod."""
    for one in variables(pod, "files.example-headers"):
        one.pop("valueFrom", None)
        one["value"] = '{"Authorization": "canary-bearer"}'


@pods("ICRED-027")
def headers_are_lost(pod: Object) -> None:
    """The headers for a web server do not reach the initializer."""
    for one in initializers(pod):
        keep_variables(one, lambda variable: not variable["name"].endswith("-headers"))


@pods("ICRED-030")
def one_secret_is_enough(pod: Object) -> None:
    """Of several Secrets only the first is used."""
    first = next(references(pod))["name"]
    for one in initializers(pod):
        keep_variables(one, lambda variable: variable.get("valueFrom", {}).get("secretKeyRef", {}).get("name") == first)


@pods("ICRED-032")
def parameters_are_lost(pod: Object) -> None:
    """The parameters of the service do not reach the initializer."""
    for one in initializers(pod):
        keep_variables(one, lambda variable: variable["name"] != "STORAGE_OVERRIDE_CONFIG")


@pods("ICRED-032")
def the_stored_bucket_wins(pod: Object) -> None:
    """A bucket among the parameters is not in the URI."""
    for one in initializers(pod):
        one["args"] = [argument.replace("s3://other/", "s3://mine/") for argument in one["args"]]


@pods("ICRED-033[type]")
def one_default_for_all_types(pod: Object) -> None:
    """The key `default` is used although the parameters give a type."""
    for one in references(pod):
        one["key"] = "default"


@pods("ICRED-036")
def the_bucket_is_forgotten(pod: Object) -> None:
    """The URI of a storage config has no bucket."""
    for one in initializers(pod):
        one["args"] = [argument.replace("s3://mine/", "s3://") for argument in one["args"]]
