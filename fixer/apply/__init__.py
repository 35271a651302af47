"""Carrying a plan out and taking it back: state folder, locks, journal, transaction, undo. It decides nothing."""
