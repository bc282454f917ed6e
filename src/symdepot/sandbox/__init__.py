"""Strangers' files are parsed here: a warm child process with limits."""
