"""`python -m gateway.simulator`."""

import sys

from .cli import main

sys.exit(main())
