"""Labels as pictures and pages to look at."""
