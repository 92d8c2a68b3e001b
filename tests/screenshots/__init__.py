"""Pictures of every screen, of a store with something to show."""
