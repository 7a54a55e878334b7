"""Does not even start: what it needs is not there. Its daemon tries three times again, and then only a person can."""

import sys

if __name__ == "__main__":
    sys.exit("PUBLISH_TOKEN is not set: no credentials for the package index")
