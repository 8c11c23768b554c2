"""The record in the middle: what an application did, independent of any framework or backend."""
