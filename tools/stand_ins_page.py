"""Generate docs/stand-ins.md: what each stand-in and emulator answers, from the docstrings of the modules."""

from __future__ import annotations

import ast
import inspect
from collections.abc import Iterator, Mapping
from pathlib import Path

SERVERS = Path(__file__).parents[1] / "scenarios" / "servers"
#: Module -> its heading.
MODULES: Mapping[str, str] = {
    "aws_accounts": "Temporary keys of S3",
    "aws_identity": "Identity services of AWS",
    "azure_files": "Azure Files",
    "azurite": "Azure Blob Storage",
    "azure_accounts": "Tokens for Azure Blob Storage",
    "azure_identity": "Identity services of Azure",
    "git_http": "Git",
    "git_lfs": "Git LFS",
    "google_accounts": "Accounts and tokens of Google",
    "google_identity": "Identity services of Google",
    "gcp_storage_app": "Google Cloud Storage, embedded",
    "gcp_storage_strict": "Refusals of the embedded Cloud Storage",
    "fake_gcs_server": "Google Cloud Storage, native and in a container",
    "hub": "Hugging Face Hub",
    "identity_services": "How identity services answer",
    "model_registry": "Model registry",
    "moto_app": "S3, embedded",
    "oci_registry": "OCI registry",
    "webhdfs": "HDFS",
    "http_server": "Web server",
}


def page(folder: Path = SERVERS) -> Iterator[str]:
    """Yield the lines of the page."""
    yield from ("# Stand-ins and emulators", "")
    yield "Where a service cannot run on a machine, the suite has an emulator of other people or a stand-in of its own."
    yield "A report marks both. A server that is kinder than the service hides defects: a client passes here and fails"
    yield "there. So each part below has the differences that are known. Tests in `tests/scenarios/servers` hold the"
    yield "servers to the official clients, and to what the services refuse."
    yield from ("", "The texts are those of the modules in `scenarios/servers`.")
    for module, title in MODULES.items():
        text = ast.get_docstring(ast.parse((folder / f"{module}.py").read_text())) or ""
        yield from ("", f"## {title}", "", f"Module `{module}`.", "", *inspect.cleandoc(text).splitlines())
    yield ""
