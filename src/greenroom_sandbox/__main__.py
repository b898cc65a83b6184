"""``python -m greenroom_sandbox``."""

from greenroom_sandbox.cli import main

if __name__ == "__main__":
    main()
