"""Create Secrets and ServiceAccounts as users do, for the tests of injected credentials."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence

from conformance.api.admission import Admission
from conformance.api.exceptions import RuleViolation
from conformance.api.pod import InjectedPod
from scenarios.cluster.kubernetes import secret, service_account

SERVING = "serving.kserve.io"
GOOGLE = "gcloud-application-credentials.json"
S3 = {"AWS_ACCESS_KEY_ID": "canary-id", "AWS_SECRET_ACCESS_KEY": "canary-key"}
AZURE = {
    "AZURE_CLIENT_ID": "canary-client",
    "AZURE_CLIENT_SECRET": "canary-secret",
    "AZURE_SUBSCRIPTION_ID": "canary-subscription",
    "AZURE_TENANT_ID": "canary-tenant",
}


def new_secret(admission: Admission, data: Mapping[str, str], **annotations: str) -> str:
    """Create a Secret and return its name. Give annotations as `s3_endpoint="..."`."""
    name = admission.name("keys")
    named = {f"{SERVING}/{key.replace('_', '-')}": value for key, value in annotations.items()}
    admission.create(secret(name, data, named))
    return name


def new_account(admission: Admission, secrets: Sequence[str], annotations: Mapping[str, str] | None = None) -> str:
    """Create a ServiceAccount and return its name."""
    name = admission.name("account")
    admission.create(service_account(name, secrets, annotations))
    return name


def inject_with(admission: Admission, data: Mapping[str, str], **annotations: str) -> tuple[InjectedPod, str]:
    """Return the admitted pod of a ServiceAccount with one new Secret, and the Secret's name."""
    name = new_secret(admission, data, **annotations)
    pod = admission.inject(serviceAccountName=new_account(admission, [name]))
    leaked = [value for value in data.values() if value.startswith("canary") and value in json.dumps(pod.spec)]
    if leaked:
        raise RuleViolation(f"the pod contains values of the Secret: {leaked}")
    return pod, name
