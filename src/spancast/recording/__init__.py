"""Opens and closes operations: ids, parents, times, trace fields, sampling, and the bounded snapshot."""
