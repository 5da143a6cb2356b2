"""Read the YAML documents of a file, and find the line of each field."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from conformance.lint.problem import Path as FieldPath


class UnreadableManifest(Exception):
    """A file cannot be read as YAML; the message is one line with the file."""


@dataclass(frozen=True)
class Document:
    """One object of a manifest. Fields of the wrong type count as absent."""

    file: Path
    node: yaml.Node
    data: dict[str, Any]

    @property
    def kind(self) -> str:
        return str(self.data.get("kind", ""))

    @property
    def group(self) -> str:
        """The group of its apiVersion; "" for the core group."""
        return str(self.data.get("apiVersion", "")).rpartition("/")[0]

    @property
    def version(self) -> str:
        return str(self.data.get("apiVersion", "")).rpartition("/")[2]

    @property
    def data_name(self) -> str:
        """The object's own name; "" if it has none."""
        metadata = self.data.get("metadata")
        return str(metadata.get("name", "")) if isinstance(metadata, dict) else ""

    @property
    def name(self) -> str:
        return f"{self.kind}/{self.data_name}"

    def line(self, path: FieldPath) -> int:
        """Return the line of the field at `path`, or of its innermost parent that exists."""
        node, line = self.node, self.node.start_mark.line
        for part in path:
            if isinstance(node, yaml.MappingNode):
                pair = next(((key, value) for key, value in node.value if key.value == part), None)
                if pair is None:
                    break
                line, node = pair[0].start_mark.line, pair[1]
            elif isinstance(node, yaml.SequenceNode) and isinstance(part, int) and part < len(node.value):
                node = node.value[part]
                line = node.start_mark.line
            else:
                break
        return line + 1


def documents(file: Path) -> Iterator[Document]:
    """Yield the objects in `file`, those of a `List` one by one. Raises UnreadableManifest."""
    try:
        text = file.read_text(encoding="utf-8")
        for node in yaml.compose_all(text, yaml.CSafeLoader):
            yield from _objects(file, node)
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        reason = " ".join(str(error).split())
        raise UnreadableManifest(f"{file}: not a readable YAML file: {reason}") from error


def _objects(file: Path, node: yaml.Node | None) -> Iterator[Document]:
    if node is None:
        return
    data = yaml.load(yaml.serialize(node), yaml.CSafeLoader)
    if not isinstance(data, dict):
        raise UnreadableManifest(f"{file}:{node.start_mark.line + 1}: the document is no object with a kind")
    if data.get("kind") == "List" and isinstance(node, yaml.MappingNode):
        items = next((value for key, value in node.value if key.value == "items"), None)
        for item in items.value if isinstance(items, yaml.SequenceNode) else []:
            yield from _objects(file, item)
    else:
        yield Document(file, node, data)
