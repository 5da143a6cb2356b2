"""Install KServe in a cluster, and remove it: any release of releases.yaml, from its manifests or its Helm chart."""

from clusters.kserve.install import install
from clusters.kserve.installation import Installation, installed
from clusters.kserve.manifests import WAYS, How
from clusters.kserve.releases import NoKServe, installable, newest_installable
from clusters.kserve.uninstall import uninstall

__all__ = [
    "WAYS",
    "How",
    "Installation",
    "NoKServe",
    "install",
    "installable",
    "installed",
    "newest_installable",
    "uninstall",
]
