"""Generated heads, as MR and CT."""
