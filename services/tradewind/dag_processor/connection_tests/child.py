"""`python -m tradewind.dag_processor.connection_tests.child`: one connection on stdin, what its hook says on stdout.

Both are JSON. What the hook prints goes to stderr, which nobody reads.
"""

import json
import os
import sys
from typing import Any


def main() -> None:
    """Test the connection; whatever the hook does, there is an answer."""
    answer = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
    fields: dict[str, Any] = json.load(sys.stdin)

    from tradewind.sdk.aliases import install
    from tradewind.sdk.connection import Connection
    from tradewind.sdk.masking import MASKER

    install()
    is_good, message = Connection(**fields).test_connection()
    json.dump({"is_good": bool(is_good), "message": MASKER.redact(str(message))}, answer)
    answer.close()


if __name__ == "__main__":
    main()
