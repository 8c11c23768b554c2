"""Scripted models, retrievers and servers that several folders of tests share."""
