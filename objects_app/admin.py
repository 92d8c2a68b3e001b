"""Django admin: look at everything, change next to nothing, quick on millions of rows."""
