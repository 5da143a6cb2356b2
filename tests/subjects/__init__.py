"""Programs of other people as initializers, and the outcomes that people found right for them."""
