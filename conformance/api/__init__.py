"""The interface that tests use: fetches, admission, pods, messages, budgets."""
