"""What each round is told by without references: signals, alarms, the best round."""
