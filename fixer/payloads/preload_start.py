"""What the line of the ``.pth`` runs: a finder that costs each Python start little, and calls the hook for tensorflow.

It is compiled at every start, so it is as short as can be; all else waits in the module that it imports when
tensorflow is asked for. Python runs it inside ``site``, in a virtual environment twice: the line looks for the
class by its name first. A hook that vanished is passed over in silence. Standard library only, Python 3.6 or newer.
"""

import sys


class ConvfixPreload:
    @classmethod
    def find_spec(cls, name, path=None, target=None):
        if name != "tensorflow":
            return None
        try:
            from _convfix_preload import find_spec
        except Exception:
            return None
        return find_spec(cls, name, path, target)


sys.meta_path.insert(0, ConvfixPreload)
