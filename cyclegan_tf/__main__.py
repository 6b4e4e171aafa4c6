"""`python -m cyclegan_tf` is the command `cyclegan-tf`."""

import sys

from cyclegan_tf.cli.main import main

sys.exit(main())
