"""What was learned, in use: translate, sample, export."""
