"""The key of a cache entry: everything that shapes the entry is in it, and nothing else."""

from __future__ import annotations

import importlib.util
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType

import pytest

from clusters.images import node
from clusters.toolchain.recipe import recipe

_RECIPE = '''
from __future__ import annotations
from pathlib import Path
import shutil

VERSION = "1.0"
OPTIONS = ("--strip",)

def helper(folder):
    """Lay out the folder."""
    (folder / "layout").mkdir()  # first

def make(name):
    def build(folder: Path) -> None:
        """Fill the folder."""
        helper(folder)
        shutil.copy(name, folder / f"{VERSION}{OPTIONS[0]}")
    return build
'''


def _module(folder: Path, source: str) -> ModuleType:
    """`source` as a module of this project's."""
    file = folder / f"recipe_{abs(hash(source))}.py"
    file.write_text(source)
    specification = importlib.util.spec_from_file_location(f"tests.{file.stem}", file)
    assert specification
    assert specification.loader
    module = importlib.util.module_from_spec(specification)
    specification.loader.exec_module(module)
    return module


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ('"1.0"', '"1.1"'),
        ('("--strip",)', '("--skip=output/dev",)'),
        ('"layout"', '"other"'),
        ("shutil.copy(", "shutil.move("),
    ],
    ids=["version", "option", "helper", "step"],
)
def test_what_shapes_an_entry_changes_its_key(tmp_path: Path, old: str, new: str) -> None:
    """A version, an option, the code of a helper or a step of the build."""
    before = _module(tmp_path, _RECIPE).make("x")
    after = _module(tmp_path, _RECIPE.replace(old, new)).make("x")
    assert recipe(before, tmp_path) != recipe(after, tmp_path)


def test_an_argument_changes_the_key(tmp_path: Path) -> None:
    """A value of the function around the build."""
    make = _module(tmp_path, _RECIPE).make
    assert recipe(make("x"), tmp_path) != recipe(make("y"), tmp_path)


@pytest.mark.parametrize(
    ("old", "new"),
    [("  # first", ""), ("Fill the folder.", "Fill it."), ("\ndef helper", "\n\n\ndef helper")],
    ids=["comment", "docstring", "layout"],
)
def test_words_about_the_code_keep_the_key(tmp_path: Path, old: str, new: str) -> None:
    """Nobody compiles Kubernetes again for a better sentence."""
    before = _module(tmp_path, _RECIPE).make("x")
    after = _module(tmp_path, _RECIPE.replace(old, new)).make("x")
    assert recipe(before, tmp_path) == recipe(after, tmp_path)


def test_files_count_by_content_and_entries_by_name(tmp_path: Path) -> None:
    """A checkout or a cache that lies elsewhere has the same keys."""

    def keys(folder: Path, content: str) -> str:
        root, file = folder / "cache", folder / "main.go"
        folder.mkdir()
        file.write_text(content)
        return recipe(_using(file, root / "go" / "tool-0123456789"), root)

    assert keys(tmp_path / "a", "package main") == keys(tmp_path / "b", "package main")
    assert keys(tmp_path / "c", "package main") != keys(tmp_path / "d", "package other")


def _using(*paths: Path) -> Callable[[Path], None]:
    def build(folder: Path) -> None:
        for path in paths:
            (folder / path.name).touch()

    return build


def test_a_value_without_a_text_is_refused(tmp_path: Path) -> None:
    """It might shape the entry, and nobody would know."""
    thing = object()

    def build(_: Path) -> None:
        print(thing)  # noqa: T201

    with pytest.raises(TypeError, match="thing is a object, which has no text"):
        recipe(build, tmp_path)


@dataclass(frozen=True)
class _Release:
    version: str

    def tag(self) -> str:
        return f"v{self.version}"


def test_values_of_own_classes_count_with_their_code(tmp_path: Path) -> None:
    """Their fields and their methods."""

    def keys(release: _Release) -> str:
        def build(folder: Path) -> None:
            (folder / release.tag()).touch()

        return recipe(build, tmp_path)

    assert keys(_Release("1")) != keys(_Release("2"))
    assert 'return f"v{self.version}"' in keys(_Release("1"))


def test_the_node_image_is_made_of_all_its_parts(tmp_path: Path) -> None:
    """What left a folder out of the node once: the options of mmdebstrap, three functions away from the build."""
    text = recipe(node._build, tmp_path)
    for part in ("--skip=output/dev", "--dpkgopt=force-unsafe-io", node.KIND_VERSION, "mount --rbind /dev", "main.go"):
        assert part in text


def test_another_process_has_the_same_key(tmp_path: Path) -> None:
    """No address, no order of a set and no hash seed gets into it."""
    code = (
        "from pathlib import Path; from clusters.images import node; from clusters.toolchain.recipe import recipe;"
        f"print(recipe(node._build, Path({str(tmp_path)!r})), end='')"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=Path(__file__).parents[2], capture_output=True, check=True, text=True
    )
    assert done.stdout == recipe(node._build, tmp_path)
