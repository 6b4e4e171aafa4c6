"""How good a run is: scores, tables, comparison of methods."""
