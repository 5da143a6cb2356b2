"""Images that come from no registry. The suite assembles and caches them, from packages and modules."""
