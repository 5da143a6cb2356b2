"""Objects on a Kubernetes cluster: namespaces, InferenceServices, pods, KServe's configuration."""
