"""Labels made while a model trains: the cache of batches, whose turn it is, and when the training has gone wrong."""
