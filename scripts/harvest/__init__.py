"""Makes ``compat_data``: reads the package index, the wheels themselves, and the curated tables beside this file."""
