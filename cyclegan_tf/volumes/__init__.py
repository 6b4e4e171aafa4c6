"""MR and CT volumes: read, cut into slices, put together, viewed, written."""
