"""The keys under which the dataset's GPUs are found by a name, as drivers, shops and people write it.

Words of the vendor and the brand are passed over; the names of PCI ids and those of the driver meet in one key.
"""

from __future__ import annotations

import re

_VENDOR_WORDS = {"nvidia", "corporation", "corp", "gpu", "graphics", "card", "r", "tm"}
_BRAND_WORDS = {"geforce", "tesla", "quadro", "generation"}
_MEMORY = re.compile(r"\d+gb|hbm\d?e?")
# A virtual GPU is called by its card and its profile: GRID T4-16Q, NVIDIA A10-8Q, NVIDIA A100-40C.
_VGPU = re.compile(r"(?:nvidia )?(?:grid )?([a-z0-9 -]+?)-\d{1,3}[abcq]")
_MODEL = re.compile(r"[a-z]{1,2}\d{1,3}[a-z]?")


def name_keys(name: str) -> tuple[str, ...]:
    """The keys under which a GPU's name is indexed: with its brand, then without it."""
    words = _name_words(name)
    full, loose = "".join(words), "".join(word for word in words if word not in _BRAND_WORDS)
    return tuple(dict.fromkeys(key for key in (full, loose) if key))


def short_names(name: str) -> tuple[str, ...]:
    """Shorter keys under which a GPU is looked for at last: without memory sizes, then a data-center model alone ("v100")."""
    words = [word for word in _name_words(name) if word not in _BRAND_WORDS and not _MEMORY.fullmatch(word)]
    found = ["".join(words)]
    if words and _MODEL.fullmatch(words[0]):
        found.append(words[0])
    return tuple(dict.fromkeys(key for key in found if key))


def _name_words(name: str) -> list[str]:
    # pci.ids writes "Mobile / Max-Q 8GB/16GB" where the driver writes "Laptop GPU".
    text = re.split(r"\s/\s", name.lower().replace("max-q / mobile", "laptop").replace("mobile", "laptop"))[0]
    profile = _VGPU.fullmatch(text)
    text = profile[1] if profile else text
    return [word for word in re.split(r"[^a-z0-9]+", text) if word and word not in _VENDOR_WORDS]
