"""One file per method: its options, its networks if no other has them, its losses, its presets."""
