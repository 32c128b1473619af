"""Early-warning alerts: the rules, their limits, and the states of an alert from open to closed."""
