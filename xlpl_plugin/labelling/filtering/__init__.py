"""What a student learns from of all labels: filters of labels, what they measure, and words that are cut out."""
