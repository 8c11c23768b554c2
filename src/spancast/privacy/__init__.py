"""What a destination may see: the allow-list of privacy mode, redaction, media, and what looks like a secret."""
