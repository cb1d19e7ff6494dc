"""For all tests: Argand is imported as a whole before any of its files is collected.

pytest would import a file that is named alone with its packages, and then once more; and operations
must not be registered twice.
"""

import signal

import argand as argand

# A shell that runs the tests in the background has processes ignore interrupts, and those that the
# tests start would inherit it.
signal.signal(signal.SIGINT, signal.default_int_handler)
