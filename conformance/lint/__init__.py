"""Check manifests of ClusterStorageContainers and InferenceServices without a cluster: `python -m conformance lint`."""
