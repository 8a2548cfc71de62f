"""What is known of each round without references: signals, alarms, the best round."""
