"""``python -m fixer``: the same as the ``convfix`` command."""

import signal

if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
    # Ctrl-C while modules are imported ends the process as the shell expects, without a traceback; main() takes over.
    signal.signal(signal.SIGINT, signal.SIG_DFL)

from fixer.cli import main  # noqa: E402

if __name__ == "__main__":
    main()
