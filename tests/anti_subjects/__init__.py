"""Programs that cheat: they do less than the contract asks, and try to look as if they did it."""
