"""The claims of a storage container: one file that describes the container, and what a run is held to.

`read` needs neither the spec nor the stores, because the file can name plugins with more stores. `check` compares the
claims with both.
"""

from __future__ import annotations

import json
import shlex
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import chain
from pathlib import Path
from typing import Any

import jsonschema
import yaml

from conformance.claims.default_container import overlapping
from conformance.claims.violations import described, hint
from conformance.lint.problem import Path as Keys
from conformance.lint.problem import Problem
from conformance.spec import Spec
from reports.redact import printable
from scenarios.stores import plugins

SCHEMA = Path(__file__).with_name("schema.json")
#: Characters. Every report has the whole file.
LONGEST = 65536
#: The profiles about an initializer. The others are about KServe.
FAMILIES = ("download", "faults", "throughput", "security")


class ClaimsError(Exception):
    """The claims cannot be used. The message is one line: the file, the key, the problem and the remedy."""


@dataclass(frozen=True)
class Claims:
    """What one file claims. A text is "" and a list empty where the file has no such key.

    path        the file.
    content     its text, as reports show it.
    uris        (prefix, name of the store behind it) in order.
    overlap     why a prefix may overlap those of KServe's default container: disabled or by-name.
    command     a shell command in which the paths relative to the file's folder are absolute.
    """

    path: Path
    content: str
    name: str
    version: str
    uris: Sequence[tuple[str, str]]
    features: frozenset[str]
    image: str = ""
    command: str = ""
    user: str = ""
    show: tuple[str, ...] = ()
    plugins: tuple[str, ...] = ()
    kserve: str = ""
    overlap: str = ""
    profiles: tuple[str, ...] = ()
    environment: Mapping[str, str] = field(default_factory=dict)
    resources: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    known_failures: str = ""

    @property
    def initializers(self) -> list[str]:
        """The values of `--initializer` that fit, the default first."""
        return [
            *([f"image:{self.image}"] if self.image else []),
            *([f"command:{self.command}"] if self.command else []),
        ]

    @property
    def stores(self) -> list[str]:
        """The claimed stores, each once."""
        return list(dict.fromkeys(store for _, store in self.uris))


def read(path: Path) -> Claims:
    """Read the file and compare it with its schema. Raises ClaimsError."""
    try:
        content = printable(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not UTF-8"
        raise ClaimsError(
            f"{path}: cannot be read: {reason}; `python -m conformance init` writes a first one"
        ) from error
    return parse(path, content)


def parse(path: Path, content: str) -> Claims:
    """Return the claims in `content`, which is or will be the text of `path`. Raises ClaimsError."""
    if len(content) > LONGEST:
        raise ClaimsError(f"{path}: has more than {LONGEST} characters; remove what is no claim")
    try:
        if any(isinstance(token, yaml.AliasToken) for token in yaml.scan(content, yaml.CSafeLoader)):
            raise ClaimsError(f"{path}: has an alias (*name); write the value itself")
        if twice := next(_twice(yaml.compose(content, yaml.CSafeLoader), ()), None):
            raise _error(path, twice, "the key is there twice; remove one of them")
        data = yaml.load(content, yaml.CSafeLoader)
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        raise ClaimsError(f"{path}: is no YAML: {' '.join(str(error).split())}") from error
    flaw = jsonschema.exceptions.best_match(_validator().iter_errors(data))
    if flaw is not None:
        raise _error(path, *described(flaw))
    return _claims(path, content, data)


def _validator() -> jsonschema.Draft202012Validator:
    return jsonschema.Draft202012Validator(json.loads(SCHEMA.read_text(encoding="utf-8")))


def _claims(path: Path, content: str, data: Mapping[str, Any]) -> Claims:
    folder = path.parent
    return Claims(
        path=path,
        content=content,
        name=data["name"],
        version=data["version"],
        uris=tuple((one["prefix"], one["store"]) for one in data["uris"]),
        features=frozenset(data["features"]),
        image=data.get("image", ""),
        command=_command(path, data.get("command", "")),
        user=data.get("run-as-user", ""),
        show=tuple(str(folder / one) for one in data.get("show", ())),
        plugins=tuple(str(folder / one) if plugins.is_path(one) else one for one in data.get("plugins", ())),
        kserve=data.get("kserve", ""),
        overlap=data.get("default-container", ""),
        profiles=tuple(data.get("profiles", ())),
        environment=data.get("environment", {}),
        resources={kind: {name: str(n) for name, n in of.items()} for kind, of in data.get("resources", {}).items()},
        known_failures=str(folder / data["known-failures"]) if "known-failures" in data else "",
    )


def _command(path: Path, line: str) -> str:
    try:
        return absolute(line, path.parent)
    except ValueError as error:
        raise _error(path, ("command",), f"{error}; quote it as for a shell") from error


def absolute(line: str, folder: Path) -> str:
    """Return a shell command with absolute paths for the words that name a file in `folder`. Raises ValueError."""
    words = shlex.split(line)
    return shlex.join(str((folder / word).absolute()) if _beside(folder, word) else word for word in words)


def _beside(folder: Path, word: str) -> bool:
    place = folder / word
    return not Path(word).is_absolute() and (place.is_file() or ("/" in word and place.exists()))


def check(claims: Claims, spec: Spec, releases: Sequence[str]) -> None:
    """Compare the claims with the spec and the known releases of KServe. Raises ClaimsError."""
    for keys, text in chain(_uris(claims, spec), _choices(claims, spec, releases)):
        raise _error(claims.path, keys, text)


def _uris(claims: Claims, spec: Spec) -> Iterator[tuple[Keys, str]]:
    stores = spec.groups["all"]
    for number, (prefix, store) in enumerate(claims.uris):
        if store not in stores:
            text = f"unknown store {store!r}{hint(store, stores)}; a store of your own needs a plugin (docs/plugins.md)"
            yield ("uris", number, "store"), text
        if not claims.overlap and overlapping(prefix):
            text = (
                f"KServe's own storage container `default` matches {prefix} URIs too, and KServe uses either; use a "
                "prefix of your own, or add `default-container: disabled` or `by-name`"
            )
            yield ("uris", number, "prefix"), text


def _choices(claims: Claims, spec: Spec, releases: Sequence[str]) -> Iterator[tuple[Keys, str]]:
    if claims.kserve and claims.kserve not in releases:
        yield ("kserve",), f"unknown release {claims.kserve}; use one of {', '.join(releases)}"
    for number, profile in enumerate(claims.profiles):
        family, _, store = profile.partition("/")
        if family not in FAMILIES:
            yield (
                ("profiles", number),
                f"unknown profile {profile}; use one of {', '.join(FAMILIES)}, or one on a store",
            )
        elif store and store not in claims.stores:
            text = f"no URI has the store {store}; use one of {', '.join(claims.stores)}, or add a URI"
            yield ("profiles", number), text
    for name in sorted(claims.features):
        if not any(name in rule.features and set(rule.stores) & set(claims.stores) for rule in spec):
            text = f"no rule on {', '.join(claims.stores)} needs {name}, so no case can exercise it; remove it"
            yield ("features",), text
    if claims.known_failures and not Path(claims.known_failures).is_file():
        yield ("known-failures",), f"{claims.known_failures}: no such file; write the list, or remove the key"


def _twice(node: yaml.Node | None, above: Keys) -> Iterator[Keys]:
    """Yield the keys that a mapping has twice. YAML keeps the last one in silence."""
    if isinstance(node, yaml.MappingNode):
        names = [str(key.value) for key, _ in node.value]
        for number, (name, (_, value)) in enumerate(zip(names, node.value, strict=True)):
            if name in names[:number]:
                yield (*above, name)
            yield from _twice(value, (*above, name))
    elif isinstance(node, yaml.SequenceNode):
        for number, value in enumerate(node.value):
            yield from _twice(value, (*above, number))


def _error(path: Path, keys: Keys, text: str) -> ClaimsError:
    place = f"{Problem(keys, text).place}: " if keys else ""
    return ClaimsError(f"{path}: {place}{text}")
