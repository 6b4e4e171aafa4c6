"""`python -m cyclegan_tf` is the command `cyclegan-tf`."""

import sys

from cyclegan_tf.cli import main

sys.exit(main())
