"""Saves the files of completed jobs to disk."""
