"""Gives what the system says in another language back in English: of a library that does not open, a file or a command that is not there.

The unit is ``english(text) -> text``. The sentences are those of the catalogues of glibc 2.36 and bash 5.2, and of reports from older
and newer ones. One is sought only behind a library's name or ``nvidia-smi``, where it can mean nothing else.
"""

from __future__ import annotations

import re

_CANNOT_OPEN = (
    "не ўдалося адкрыць супольны аб'ектны файл", "не може да се отвори файлът със споделения обект",
    "no s’ha pogut obrir el fitxer d’objecte compartit", "sdílený objektový soubor nelze otevřít",
    "kan ikke åbne delt objektfil", "Kann die Shared-Object-Datei nicht öffnen",
    "ne eblas malfermi komunan objektdosieron", "no se puede abrir el fichero del objeto compartido",
    "jaettua objektitiedostoa ei voi avata", "Ne peut ouvrir le fichier d'objet partagé",
    "non se pode abrir un ficheiro de obxecto compartido", "nije moguće otvoriti datoteku zajedničkoga objekta",
    "nem nyitható meg a megosztott objektumfájl", "impossibile de aperir un file de objecto condivise",
    "tidak dapat membuka berkas objek terbagi", "impossibile aprire il file oggetto condiviso", "共有オブジェクトファイルを開けません",
    "동적 오브젝트 파일을 열 수 없습니다", "nepavyko atverti bendrojo objekto failo", "kan gedeeld objectbestand niet openen",
    "nie można otworzyć pliku obiektu dzielonego", "impossível abrir ficheiro-objecto partilhado",
    "não é possível abrir arquivo compartilhado", "невозможно открыть разделяемый объектный файл",
    "nie je možné otvoriť súbor zdieľaného objektu", "deljene predmetne datoteke ni mogoče odpreti",
    "не могу да отворим датотеку дељеног објекта", "kan inte öppna delad objektfil",
    "paylaşımlı nesne dosyası açılamıyor", "не вдалося відкрити файл об’єктів спільного використання",
    "không thể mở tập tin đối tượng dùng chung", "无法打开共享对象文件", "無法開啟共用物件",
    "no se puede abrir el archivo del objeto compartido", "无法打开共享目标文件",
)  # fmt: skip
_NO_SUCH_FILE = (
    "Няма такога файла ці каталога", "Няма такъв файл или директория", "El fitxer o directori no existeix",
    "Adresář nebo soubor neexistuje", "Ingen sådan fil eller filkatalog", "Datei oder Verzeichnis nicht gefunden",
    "Δεν υπάρχει τέτοιο αρχείο ή κατάλογος", "Dosiero aŭ dosierujo ne ekzistas", "No existe el fichero o el directorio",
    "Tiedostoa tai hakemistoa ei ole", "Aucun fichier ou dossier de ce type", "Non hai tal ficheiro ou directorio",
    "Nema takve datoteke ili direktorija", "Nincs ilyen fájl vagy könyvtár", "Necun tal file o directorio",
    "Tidak ada berkas atau direktori seperti itu", "File o directory non esistente", "そのようなファイルやディレクトリはありません",
    "그런 파일이나 디렉터리가 없습니다", "Toks failas ar aplankas neegzistuoja", "Ingen slik fil eller filkatalog",
    "Bestand of map bestaat niet", "Nie ma takiego pliku ani katalogu", "Ficheiro ou pasta inexistente",
    "Arquivo ou diretório inexistente", "Нет такого файла или каталога", "Adresár alebo súbor neexistuje",
    "Datoteka ali imenik s tem imenom ne obstaja", "Нема такве датотеке или директоријума",
    "Filen eller katalogen finns inte", "Böyle bir dosya ya da dizin yok", "Немає такого файла або каталогу",
    "Không có tập tin hoặc thư mục như vậy", "没有那个文件或目录", "沒有此一檔案或目錄", "No existe el archivo o el directorio",
)  # fmt: skip
_NO_SUCH_COMMAND = (
    "bevel nie gevind nie", "командата не е открита", "no s'ha trobat l'ordre", "příkaz nenalezen",
    "kommando ikke fundet", "Kommando nicht gefunden", "εντολή δεν βρέθηκε", "Komando ne trovita",
    "orden no encontrada", "käsku ei ole", "komentoa ei löydy", "commande introuvable", "níor aimsíodh an t-ordú",
    "non se atopou a orde", "naredba nije pronađena", "parancs nem található", "perintah tidak ditemukan",
    "comando non trovato", "コマンドが見つかりません", "명령어를 찾을 수 없음", "komanda nerasta", "opdracht niet gevonden",
    "nie znaleziono polecenia", "comando não encontrado", "comandă negăsită", "команда не найдена", "príkaz nenájdený",
    "ukaza ni mogoče najti", "нема такве наредбе", "kommandot finns inte", "komut yok", "команду не знайдено",
    "không tìm thấy lệnh", "未找到命令", "指令找不到",
)  # fmt: skip
_TOOL = "nvidia-smi"


def _any(words: tuple[str, ...]) -> str:
    return "|".join(re.escape(one) for one in words)


_LIBRARY = re.compile(
    rf"(\.so(?:\.\d{{1,8}}){{0,4}}\s?): {{0,2}}(?:{_any(_CANNOT_OPEN)})(?: ?: ?(?:{_any(_NO_SUCH_FILE)}))?", re.IGNORECASE
)
_FILE = re.compile(rf"(cannot open shared object file|nvidia-smi) ?: ?(?:{_any(_NO_SUCH_FILE)})", re.IGNORECASE)
_COMMAND = re.compile(rf"(nvidia-smi) ?: ?(?:{_any(_NO_SUCH_COMMAND)})", re.IGNORECASE)


def english(text: str) -> str:
    """``text`` with the system's own sentences as its programs write them."""
    if ".so" in text:
        text = _LIBRARY.sub(r"\1: cannot open shared object file: No such file or directory", text)
        text = _FILE.sub(r"\1: No such file or directory", text)
    if _TOOL in text:
        text = _COMMAND.sub(r"\1: command not found", _FILE.sub(r"\1: No such file or directory", text))
    return text
