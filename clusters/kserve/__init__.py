"""Install KServe in a cluster, and remove it: any release of releases.yaml, from its manifests or its Helm chart."""
