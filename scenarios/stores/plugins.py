"""Stores from outside the suite: a module that `--plugin` names, or an entry point of an installed package.

The module has a mapping `STORES`: store class -> the groups of rules that the store joins.
"""

from __future__ import annotations

import hashlib
import importlib
import importlib.metadata
import importlib.util
import sys
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType

from scenarios.servers import process
from scenarios.stores import STORES
from scenarios.stores.base import Store

#: The group of entry points. Each names a module.
ENTRY_POINTS = "storage_initializer_conformance.stores"


class PluginError(Exception):
    """A plugin cannot be loaded; the message is one line with the plugin and the remedy."""


@dataclass(frozen=True)
class Plugin:
    """A loaded plugin.

    name    as given to `--plugin`, or the name of the entry point.
    digest  `sha256:` and the hexadecimal digest of the module's file.
    stores  store -> the groups that it joins.
    """

    name: str
    digest: str
    stores: Mapping[str, Sequence[str]]


_LOADED: dict[str, Plugin] = {}


def loaded() -> list[Plugin]:
    """The plugins of this process."""
    return list(_LOADED.values())


def groups() -> dict[str, Sequence[str]]:
    """Store of a plugin -> the groups that it joins."""
    return {store: joined for plugin in loaded() for store, joined in plugin.stores.items()}


def load(names: Iterable[str]) -> None:
    """Load the modules `names` and those of installed packages, and add their stores to STORES.

    A name is a module, or the path of a Python file. A second call with the same names does nothing.

    Raises PluginError.
    """
    installed = {point.name: point.value for point in importlib.metadata.entry_points(group=ENTRY_POINTS)}
    for name, place in (installed | {name: name for name in names}).items():
        if name not in _LOADED:
            _LOADED[name] = _plugin(name, _module(name, place))


def _module(name: str, place: str) -> ModuleType:
    path = Path(place)
    try:
        if path.suffix == ".py":
            if not path.is_file():
                raise PluginError(f"--plugin {name}: no such file")
            _import_from(path.resolve().parent)
            return importlib.import_module(path.stem)
        return importlib.import_module(place)
    except PluginError:
        raise
    except Exception as error:
        reason = f"{type(error).__name__}: {error}".splitlines()[0]
        raise PluginError(f"--plugin {name}: cannot be imported: {reason}") from error


def _import_from(folder: Path) -> None:
    """Let this process and the servers import modules from `folder`."""
    if str(folder) not in sys.path:
        sys.path.insert(0, str(folder))
    process.import_also(folder)


def _plugin(name: str, module: ModuleType) -> Plugin:
    stores = getattr(module, "STORES", None)
    if not isinstance(stores, Mapping) or not stores:
        raise PluginError(f"--plugin {name}: no mapping STORES: write STORES = {{YourStore: ['files', 'remote']}}")
    for kind, joined in stores.items():
        if not (isinstance(kind, type) and issubclass(kind, Store) and isinstance(getattr(kind, "name", None), str)):
            raise PluginError(f"--plugin {name}: {kind!r} in STORES is no subclass of Store with a name")
        if kind.name in STORES:
            raise PluginError(f"--plugin {name}: the suite has a store {kind.name!r} already: choose another name")
        if isinstance(joined, str) or not all(isinstance(group, str) for group in joined):
            raise PluginError(f"--plugin {name}: the groups of {kind.name} must be a list of names")
    STORES.update({kind.name: kind for kind in stores})
    source = Path(str(module.__file__)).read_bytes()
    joined_by = {kind.name: tuple(joined) for kind, joined in stores.items()}
    return Plugin(name, f"sha256:{hashlib.sha256(source).hexdigest()}", joined_by)
