"""The compatibility dataset: JSON files, each listed with its hash in manifest.json; read by ``fixer.dataset``."""
