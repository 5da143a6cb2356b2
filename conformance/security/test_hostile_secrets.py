"""Credentials, beyond CRED-025: in files, at other hosts, and in URIs."""

from conformance import rule
from conformance.api.fetcher import Fetcher
from conformance.api.samples import Sample
from reports.redact import forms_of
from scenarios.network.view import Gateway
from scenarios.reasons import NotOffered
from scenarios.stores.base import Access, Store


@rule("SEC-018")
def test_no_credential_stays_in_a_file(store: Store, initializer: Fetcher, sample: Sample) -> None:
    """The model server can read the destination and can serve its files to clients."""
    access = store.private()
    run = initializer.fetch(sample.uri, access=access, way="private")
    _assert_in_no_file(initializer, access)
    assert run.tree == sample.tree


@rule("SEC-018", stores=("userinfo",))
def test_no_credential_of_the_uri_stays_in_a_file(store: Store, initializer: Fetcher, sample: Sample) -> None:
    """Clients such as Git store the URL that a clone came from."""
    uri, access = store.with_login(sample.tree)
    run = initializer.fetch(uri, access=access)
    _assert_in_no_file(initializer, access)
    run.require()


def _assert_in_no_file(initializer: Fetcher, access: Access) -> None:
    secrets = [form.encode() for form in forms_of(access.planted())]
    trees = (tree for fetch in initializer.fetches for tree in fetch.outcome.trees.values())
    files = {path: entry.content for tree in trees for path, entry in tree.items() if entry.content}
    holding = [path for path, content in files.items() if any(secret in content for secret in secrets)]
    assert not holding, f"these delivered files contain a credential: {', '.join(holding)}"


@rule("SEC-019")
def test_no_credential_goes_to_another_host(
    store: Store, initializer: Fetcher, sample: Sample, gateway: Gateway
) -> None:
    """The initializer sends no credential to a host of another provider, neither directly nor in a Referer header."""
    access, since = store.private(), gateway.position()
    run = initializer.fetch(sample.uri, access=access, way="private")
    forms, leaks = forms_of(access.planted()), []
    for request in gateway.requests(since):
        told = request.path + "".join(request.headers.values()) if request.server != store.server.server else ""
        if any(form in told + request.headers.get("referer", "") for form in forms):
            leaks.append(request.host)
    assert not leaks, f"the initializer sent a credential to {', '.join(leaks)}"
    assert run.tree == sample.tree


@rule("SEC-024")
def test_no_host_is_asked_but_the_sources(store: Store, initializer: Fetcher, sample: Sample, gateway: Gateway) -> None:
    """Any other host would learn what the call fetches, and in a cluster without egress the call would wait for it."""
    since = gateway.position()
    run = initializer.fetch(sample.uri, access=store.access("valid"), environment=gateway.named(store.case))
    if run.outcome.exit_code != 0:
        run.require()
        raise NotOffered(
            "the download fails through a proxy with user names, so the suite cannot identify its requests"
        )
    assert run.tree == sample.tree
    mine = [request for request in gateway.requests(since) if request.caller == store.case]
    if not mine and store.proxied:
        raise NotOffered("the client sends no user name to the proxy, so the suite cannot identify its requests")
    known = {_provider(request.host) for request in mine if request.server == store.server.server}
    others = sorted({request.host for request in mine if _provider(request.host) not in known})
    assert not others, f"the initializer contacted other hosts: {', '.join(others)}"


def _provider(host: str) -> str:
    """Return the last two labels of the host name: a cloud provider has one host for each service below them."""
    return ".".join(host.partition(":")[0].split(".")[-2:])


@rule("SEC-020", stores=("session",))
def test_no_temporary_credential_is_printed(store: Store, initializer: Fetcher, sample: Sample) -> None:
    """Session tokens and shared access signatures give as much access as keys, until they expire."""
    _assert_not_printed(initializer, sample.uri, store.access("session"))


@rule("SEC-020", stores=("userinfo",))
def test_no_password_of_the_uri_is_printed(store: Store, initializer: Fetcher, sample: Sample) -> None:
    """The source is `https://user:password@host/...`. Each log line that prints the URI must omit the password."""
    _assert_not_printed(initializer, *store.with_login(sample.tree))


def _assert_not_printed(initializer: Fetcher, uri: str, access: Access) -> None:
    run = initializer.fetch(uri, access=access, timeout_s=150)
    run.assert_secret()
    run.require()
