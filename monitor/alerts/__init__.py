"""Early-warning alerts: the rules, their limits, and the life of an alert from open to closed."""
