"""Sources of images to a data set, and a data set to batches."""
