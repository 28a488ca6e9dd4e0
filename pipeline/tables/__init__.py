"""Tables of results: many trainings, their means and deviations, beside published numbers."""
