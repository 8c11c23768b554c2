"""The pipeline, the default one, and the life of the process around them."""
