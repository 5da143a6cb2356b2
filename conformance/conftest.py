pytest_plugins = ("conformance.plugin", "conformance.fixtures", "conformance.cluster_fixtures")
