"""A backup holds everything and keeps it; a restore gives all of it back."""
