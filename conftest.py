"""For all tests: Argand is imported as a whole before any of its files is collected.

pytest would import a file that is named alone with its packages, and then once more; and operations
must not be registered twice.
"""

import argand as argand
