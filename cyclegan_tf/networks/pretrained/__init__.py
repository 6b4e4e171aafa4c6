"""Published classifiers and their weights."""
