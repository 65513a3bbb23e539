"""Train any detector."""
