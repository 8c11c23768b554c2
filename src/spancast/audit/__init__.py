"""The proof of privacy mode: programs with canaries, and the search for them in everything that was sent."""
