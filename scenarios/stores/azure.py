"""Code shared by the stores of an Azure account."""

from __future__ import annotations

from scenarios.network.faults import expiring

#: The variable for the account's key.
KEY = "AZURE_STORAGE_ACCESS_KEY"
EXPIRY = expiring(
    403,
    "<?xml version='1.0'?><Error><Code>AuthenticationFailed</Code><Message>Signature not valid in the specified time "
    "frame: the token has expired.</Message></Error>",
    content_type="application/xml",
    x_ms_error_code="AuthenticationFailed",
)
