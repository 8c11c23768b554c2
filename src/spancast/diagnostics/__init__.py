"""Tests of a connection: steps and their codes, mistakes that are recognised, and what surrounds the application."""
