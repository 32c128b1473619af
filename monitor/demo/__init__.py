"""The synthetic demo feed and the grammar that writes it."""
