"""Files whatever is in them: whole or not there, the same bytes twice, known by a key."""
