"""`python -m app`: the command `ai-huggingface` in a folder or image in which it is not installed."""

import sys

from app.cli import main

if __name__ == "__main__":
    sys.exit(main())
