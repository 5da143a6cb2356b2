"""Reasons for which the kubelet keeps a container waiting, and which waiting does not cure."""

from __future__ import annotations

#: The kubelet cannot create the container from what the pod asks for.
NEVER_CREATED = frozenset(
    {"CreateContainerConfigError", "CreateContainerError", "ErrImageNeverPull", "InvalidImageName"}
)
#: The kubelet cannot get the image, or the container does not start. A registry may still come back.
NOT_STARTED = frozenset({"ErrImagePull", "ImagePullBackOff", "RunContainerError"})
HOPELESS = NEVER_CREATED | NOT_STARTED
