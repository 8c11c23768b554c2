"""The record in the middle: what an application did, in no framework's and no backend's words."""
