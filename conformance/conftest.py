pytest_plugins = ("conformance.plugin", "conformance.fixtures")
