"""One training step, and a run in its folder."""
