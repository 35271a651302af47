"""What glibc's dynamic loader will do for a soname, and why: ELF files, ld.so.cache, the search.

Nothing here runs a library. ``docs/loader.md`` has the rules in plain words with their sources.
"""
