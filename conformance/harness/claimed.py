"""`--claims FILE`: the claims of a container set the options that they cover, and no option may contradict them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import pytest

from conformance import claims
from conformance.claims import Claims, ClaimsError
from conformance.harness.run_options import Options, on_each_store, supported
from conformance.known_failures import KnownFailure
from conformance.spec import Spec
from reports.claims import Feature
from scenarios.initializers import known_releases

_CLAIMS = pytest.StashKey[Claims | None]()


def add(group: pytest.OptionGroup) -> None:
    """Declare the option."""
    group.addoption(
        "--claims",
        metavar="FILE",
        help="Hold the run to the claims in this file. They set --initializer, its name and version, --store, "
        "--profile, --kserve, --known-failures, --plugin, --show and --run-as-user. An option may narrow the claims, "
        "but not contradict them. Cases of a feature that is not claimed are unsupported. docs/claims.md explains the "
        "file.",
    )


def apply(config: pytest.Config) -> None:
    """Set the options that the claims cover. A second call does nothing. Raises pytest.UsageError."""
    if _CLAIMS in config.stash:
        return
    config.stash[_CLAIMS] = None
    if not (given := config.getoption("--claims")):
        return
    try:
        config.stash[_CLAIMS] = found = claims.read(Path(given))
    except ClaimsError as error:
        raise pytest.UsageError(f"--claims: {error}") from error
    _recognize(config, found)
    _one(config, found, "--initializer", *found.initializers)
    _one(config, found, "--initializer-name", found.name)
    _one(config, found, "--initializer-version", found.version)
    _one(config, found, "--kserve", found.kserve)
    _one(config, found, "--run-as-user", found.user)
    _one(config, found, "--known-failures", found.known_failures)
    for option, values in (("--show", found.show), ("--plugin", found.plugins)):
        given_too = config.getoption(option)
        _set(config, option, [*values, *(one for one in given_too if one not in values)])
    _some(config, found, "--store", found.stores)
    _some(config, found, "--profile", found.profiles)


def checked(config: pytest.Config, spec: Spec) -> Claims | None:
    """Return the claims of the run, compared with the spec. Raises pytest.UsageError."""
    found = config.stash[_CLAIMS]
    if found:
        try:
            claims.check(found, spec, known_releases())
        except ClaimsError as error:
            raise pytest.UsageError(f"--claims: {error}") from error
    return found


def described(config: pytest.Config, options: Iterable[str]) -> list[str]:
    """Return the options that describe the initializer, as on a command line: `--claims` for those that it covers."""
    found = config.stash[_CLAIMS]
    if found is None:
        return list(options)
    values = {"--initializer-name": [found.name], "--initializer-version": [found.version]}
    values |= {"--run-as-user": [found.user], "--show": list(found.show), "--plugin": list(found.plugins)}
    covered = {f"{option}={value}" for option in values for value in values[option]}
    return [f"--claims={found.path}", *(one for one in options if one not in covered)]


def narrowed(asked: Options, spec: Spec) -> Options:
    """Leave out the claimed profiles of which this run can observe no rule, such as `faults` on a cluster."""
    if asked.claims is None or asked.profiles != asked.claims.profiles:
        return asked
    seen = {rule.profile for rule, store in on_each_store(spec) if asked.observes(rule, store)}
    kept = tuple(name for name in asked.profiles if name.partition("/")[0] in seen)
    return replace(asked, profiles=kept or asked.profiles)


def refuse_unclaimed(entries: Iterable[KnownFailure], found: Claims | None, spec: Spec) -> None:
    """Raise pytest.UsageError for a known failure that needs a feature that is not claimed: it would excuse nothing."""
    if found is None:
        return
    for entry in entries:
        needed = spec[entry.rule].features.items()
        lacks = [name for name, cases in needed if cases == ("*",) and name not in found.features]
        if lacks:
            raise pytest.UsageError(
                f"--known-failures: {entry} needs the feature {lacks[0]}, which {found.path} does not claim; remove "
                "the entry, or claim the feature"
            )


def features(asked: Options, spec: Spec) -> Iterator[Feature]:
    """Yield the features of the spec for the report, with the profiles in which this run can judge them."""
    claimed = asked.claims.features if asked.claims else frozenset[str]()
    for name, sentence in spec.features.items():
        pairs = on_each_store([rule for rule in spec if name in rule.features])
        found = {
            rule.profile_on(store)
            for rule, store in pairs
            if asked.judges(rule, store) and (not store or supported(store, asked))
        }
        yield Feature(name, sentence, name in claimed, tuple(sorted(found)))


def _recognize(config: pytest.Config, found: Claims) -> None:
    """Give `--initializer command:LINE` the claims' form if its words name the same files, from the current folder."""
    scheme, _, line = str(config.getoption("--initializer") or "").partition(":")
    if scheme != "command":
        return
    with suppress(ValueError):  # the program's own message is better
        if (same := f"command:{claims.absolute(line, Path.cwd())}") in found.initializers:
            _set(config, "--initializer", same)


def _one(config: pytest.Config, found: Claims, option: str, *values: str) -> None:
    """Set an option with one value to the first of `values`, or accept any of them."""
    given = config.getoption(option)
    if not values or not values[0] or given in values:
        return
    if given is not None:
        raise pytest.UsageError(f"{option} {given}: {found.path} claims {' or '.join(values)}; remove the option")
    _set(config, option, values[0])


def _some(config: pytest.Config, found: Claims, option: str, values: Iterable[str]) -> None:
    """Set an option with a list of names to `values`, or accept names within them."""
    given = [part.strip() for text in config.getoption(option) for part in text.split(",") if part.strip()]
    names = list(values)
    for one in given if names else ():
        if not any(one == name or one.startswith(f"{name}/") for name in names):
            raise pytest.UsageError(
                f"{option} {one}: {found.path} claims only {', '.join(names)}; remove the option, or add to the claims"
            )
    _set(config, option, given or names)


def _set(config: pytest.Config, option: str, value: object) -> None:
    setattr(config.option, option.removeprefix("--").replace("-", "_"), value)
