"""Every setting: the table, the places that it is read from, and what counts in the end."""
