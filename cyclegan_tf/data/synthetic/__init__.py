"""Images that are drawn by code: cartoon faces, their sketches, digits."""
