"""Stores from outside the suite: a module that `--plugin` names, or an entry point of an installed package.

The module or package has a mapping `STORES`: store class -> the groups of rules that the store joins.
"""

from __future__ import annotations

import hashlib
import importlib
import importlib.metadata
import importlib.util
import sys
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
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
    digest  `sha256:` and the hexadecimal digest of the module's file, or of all files of the package with their names.
    stores  store -> the groups that it joins.
    schemes prefix of URIs -> the module of the reference initializer for them (`REFERENCE`). The mutants need it.
    """

    name: str
    digest: str
    stores: Mapping[str, Sequence[str]]
    schemes: Mapping[str, Path] = field(default_factory=dict)


_LOADED: dict[str, Plugin] = {}


def loaded() -> list[Plugin]:
    """The plugins of this process."""
    return list(_LOADED.values())


def groups() -> dict[str, Sequence[str]]:
    """Store of a plugin -> the groups that it joins."""
    return {store: joined for plugin in loaded() for store, joined in plugin.stores.items()}


def load(names: Iterable[str]) -> None:
    """Load the modules `names` and those of installed packages, and add their stores to STORES.

    A name is a module, or the path of a Python file or of a package's folder. A second call with the same names does
    nothing.

    Raises PluginError.
    """
    installed = {point.name: point.value for point in importlib.metadata.entry_points(group=ENTRY_POINTS)}
    for name, place in (installed | {name: name for name in names}).items():
        if name not in _LOADED:
            plugin, stores = _plugin(name, _module(name, place))
            STORES.update(stores)
            _LOADED[name] = plugin


def is_path(name: str) -> bool:
    """Whether a plugin's name is the path of a file or folder, not that of a module."""
    return name.endswith(".py") or "/" in name


def joined(name: str) -> Mapping[str, Sequence[str]]:
    """The stores of one plugin and the groups that each joins, without adding them to STORES. Raises PluginError."""
    plugin, _ = _plugin(name, _module(name, name))
    return plugin.stores


def _module(name: str, place: str) -> ModuleType:
    path = Path(place)
    try:
        if not is_path(place):
            return importlib.import_module(place)
        if not path.exists():
            raise PluginError(f"--plugin {name}: no such file")
        if path.is_dir() and not (path / "__init__.py").is_file():
            raise PluginError(f"--plugin {name}: the folder is no package; name a Python file, or add __init__.py")
        path = path.resolve()
        _import_from(path.parent)
        module = importlib.import_module(path.stem)
        if Path(str(module.__file__)) != (path / "__init__.py" if path.is_dir() else path):
            raise PluginError(f"--plugin {name}: another module has the name {path.stem}; rename the file")
        return module
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


def _plugin(name: str, module: ModuleType) -> tuple[Plugin, Mapping[str, type[Store]]]:
    stores = getattr(module, "STORES", None)
    if not isinstance(stores, Mapping) or not stores:
        raise PluginError(f"--plugin {name}: no mapping STORES: write STORES = {{YourStore: ['files', 'remote']}}")
    for kind, groups_of in stores.items():
        if not (isinstance(kind, type) and issubclass(kind, Store) and isinstance(getattr(kind, "name", None), str)):
            raise PluginError(f"--plugin {name}: {kind!r} in STORES is no subclass of Store with a name")
        if kind.name in STORES:
            raise PluginError(f"--plugin {name}: the suite has a store {kind.name!r} already: choose another name")
        if isinstance(groups_of, str) or not all(isinstance(group, str) for group in groups_of):
            raise PluginError(f"--plugin {name}: the groups of {kind.name} must be a list of names")
    described = {kind.name: tuple(groups_of) for kind, groups_of in stores.items()}
    schemes = getattr(module, "REFERENCE", {})
    if not isinstance(schemes, Mapping) or not all(
        isinstance(file, Path) and file.is_file() for file in schemes.values()
    ):
        raise PluginError(f"--plugin {name}: REFERENCE must map prefixes of URIs to Python files, as Path")
    return Plugin(name, _digest(module), described, schemes), {kind.name: kind for kind in stores}


def _digest(module: ModuleType) -> str:
    source = Path(str(module.__file__))
    found = hashlib.sha256()
    if source.name != "__init__.py":
        found.update(source.read_bytes())
    else:
        for path in sorted(path for path in source.parent.rglob("*") if path.is_file()):
            if "__pycache__" not in path.parts:
                name = str(path.relative_to(source.parent))
                found.update(f"{len(name)} {name}".encode() + hashlib.sha256(path.read_bytes()).digest())
    return f"sha256:{found.hexdigest()}"
