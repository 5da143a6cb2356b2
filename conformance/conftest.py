pytest_plugins = ("conformance.harness.plugin", "conformance.harness.fixtures", "conformance.harness.cluster_fixtures")
