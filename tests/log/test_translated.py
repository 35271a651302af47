"""The system's sentences in other languages are heard as in English, and only where they can mean nothing else."""

from __future__ import annotations

import pytest

from fixer.log.translated import english
from tests.log.heard import hear

GONE = "ImportError: libcublas.so.11: cannot open shared object file: No such file or directory"


@pytest.mark.parametrize(
    "text",
    [
        "ImportError: libcublas.so.11: Kann die Shared-Object-Datei nicht öffnen: Datei oder Verzeichnis nicht gefunden",
        "ImportError: libcublas.so.11: Ne peut ouvrir le fichier d'objet partagé: Aucun fichier ou dossier de ce type",
        "ImportError: libcublas.so.11: no se puede abrir el archivo del objeto compartido: No existe el archivo o el directorio",
        "ImportError: libcublas.so.11: 无法打开共享对象文件: 没有那个文件或目录",
        "ImportError: libcublas.so.11: 共有オブジェクトファイルを開けません: そのようなファイルやディレクトリはありません",
        "ImportError: libcublas.so.11: impossibile aprire il file oggetto condiviso: File o directory non esistente",
        "ImportError: libcublas.so.11: cannot open shared object file: Нет такого файла или каталога",
    ],
)
def test_a_library_that_is_not_there(text: str) -> None:
    assert english(text) == GONE
    assert hear(text).causes == hear(GONE).causes


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        ("bash: nvidia-smi: Kommando nicht gefunden.", "bash: nvidia-smi: command not found."),
        ("bash: nvidia-smi\u00a0: commande introuvable", "bash: nvidia-smi: command not found"),
        ("bash: nvidia-smi: 未找到命令", "bash: nvidia-smi: command not found"),
        ("bash: /usr/bin/nvidia-smi: Datei oder Verzeichnis nicht gefunden", "bash: /usr/bin/nvidia-smi: No such file or directory"),
    ],
)
def test_a_tool_that_is_not_there(text: str, meant: str) -> None:
    assert english(text.replace("\u00a0", " ")) == meant
    assert hear(text).causes == hear(meant).causes != []


@pytest.mark.parametrize(
    "text",
    ["train.py: Datei oder Verzeichnis nicht gefunden", "bash: conda: Kommando nicht gefunden.", "libcublas.so.11 => Datei oder Verzeichnis", GONE],
)
def test_what_else_the_system_says_stays(text: str) -> None:
    assert english(text) == text
