"""Hears a log: bytes in, facts with their place in the log out; it reads once, in bounded memory, and judges nothing.

``reader`` makes lines of whatever was pasted, ``prefixes`` takes off what a service puts before each, ``templates`` turns the
dataset's wordings into patterns that cannot blow up, ``matcher`` finds them, ``facts`` writes what they state into Facts.
"""
