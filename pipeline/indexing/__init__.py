"""What the index of a dataset is corrected by, and counted against."""
