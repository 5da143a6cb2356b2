"""A storage initializer that is correct for every store, small enough to copy its shape."""
