"""What every room needs: errors, atomic files, value ranges, checks, plotting."""
