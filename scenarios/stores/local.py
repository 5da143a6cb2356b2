"""A path that already exists on the machine: `file://` URIs and bare absolute paths."""

from __future__ import annotations

from scenarios.stores.folder import Folder


class Local(Folder):
    """A folder at /srv/models. KServe's initializer creates symbolic links to it."""

    name = "local"
    mount = "/srv/models"

    def uri(self, path: str = "") -> str:
        return f"file://{self._seen(path)}"

    def exact_uri(self, path: str) -> str:
        """Without a scheme: programs differ on percent-encoding in `file://` URIs."""
        return self.bare(path)

    def bare(self, path: str = "") -> str:
        """The path of `uri`, without a scheme."""
        return self._seen(path)
