"""Images that no registry is asked for: assembled on this machine from packages and modules, and kept in the cache."""
