"""Mutants of the settings in storage containers and the ConfigMap: the initializer's image, requests and limits."""

from __future__ import annotations

from scenarios.cluster.kubernetes import Object
from tests.webhook_mutants.parts import containers, initializers
from tests.webhook_mutants.seams import pods

#: The image of the storage containers that the tests create.
IMAGE = "registry.example/team/initializer:2"


@pods(
    "CSC-001", "CSC-002", "CSC-003", "CSC-010", "CSC-012", "CSC-015", "CSC-016",
    "CFG-001[digest]", "CFG-002", "CFG-004", "CFG-007", "CFG-009", "CFG-016",
)  # fmt: skip
def the_image_is_fixed(pod: Object) -> None:
    """Whatever image is declared, the initializer is always the same."""
    for one in initializers(pod):
        one["image"] = "kserve/storage-initializer:v0.0.1"


@pods("CSC-002", "CSC-008", "CSC-009", "CSC-015")
def what_must_not_be_used_is_used(pod: Object) -> None:
    """A storage container is used that does not match, is disabled, is gone, or is for other work."""
    for one in initializers(pod):
        one["image"] = IMAGE


@pods("CSC-010")
def the_first_is_chosen(pod: Object) -> None:
    """The storage container chosen by name is passed over for another one that matches."""
    for one in initializers(pod):
        one["image"] = one["image"].replace("second-", "first-")


@pods("CSC-012")
def two_storage_containers_are_mixed(pod: Object) -> None:
    """The image is that of one storage container, the variables are those of the other."""
    other = {"first": "second", "second": "first"}
    for one in initializers(pod):
        kind, _, rest = one["image"].partition("-")
        one["image"] = f"{other[kind]}-{rest}"


@pods("CSC-015")
def a_change_is_seen_late(pod: Object) -> None:
    """The next pod still has the image of before."""
    for one in initializers(pod):
        one["image"] = one["image"].removesuffix("-next")


class _Sticky:
    """Keeps using an image after it occurred once."""

    def __init__(self, image: str) -> None:
        self._image = image
        self._seen = False

    def __call__(self, container: Object) -> None:
        self._seen = self._seen or container["image"] == self._image
        if self._seen:
            container["image"] = self._image


_stick = _Sticky("registry.example/broken:1")


@pods("CFG-004")
def the_new_image_stays(pod: Object) -> None:
    """After the ConfigMap was restored, pods go on with the image that did not work out."""
    for one in initializers(pod):
        _stick(one)


@pods("CFG-001[digest]")
def digests_are_cut_off(pod: Object) -> None:
    """An image given by its digest is asked for by name alone."""
    for one in initializers(pod):
        one["image"] = one["image"].partition("@")[0]


@pods("CFG-001[tag]", "CFG-016")
def tags_are_cut_off(pod: Object) -> None:
    """An image given with a tag is asked for by name alone."""
    for one in initializers(pod):
        one["image"] = one["image"].rpartition(":")[0]


@pods("CFG-002")
def there_is_no_default_image(pod: Object) -> None:
    """Without a setting the initializer has no image."""
    initializers(pod)[0]["image"] = ""


@pods("CFG-009")
def the_configmap_wins(pod: Object) -> None:
    """The image of the ConfigMap is used for URIs of a storage container too."""
    initializers(pod)[0]["image"] = "registry.example/mine:1"


@pods("CSC-003", "CSC-004", "CFG-003", "CFG-018", "MODELCAR-006[set]")
def resources_are_dropped(pod: Object) -> None:
    """What the webhook adds has neither requests nor limits."""
    for one in [*initializers(pod), *containers(pod)]:
        one["resources"] = {}


@pods("CSC-003", "CSC-004", "CFG-003", "CFG-018")
def requests_are_the_limits(pod: Object) -> None:
    """The initializer asks for as much as it may have."""
    for one in initializers(pod):
        one["resources"]["requests"] = dict(one["resources"]["limits"])
