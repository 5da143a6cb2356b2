pytest_plugins = ("conformance.harness.plugin", "conformance.harness.fixtures")
