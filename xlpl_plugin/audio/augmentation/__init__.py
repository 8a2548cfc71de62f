"""Training audio as other rooms, microphones and lines would have given it. Its length and its words stay."""
