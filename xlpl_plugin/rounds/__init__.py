"""Rounds of labelling and training: options, plan, state and the driver that runs them."""
