"""The content of stores: sample models and hostile ones."""
