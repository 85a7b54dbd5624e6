"""What every Python peer does all day: a JSON request a line in, a JSON answer a line out."""

import json
import sys


def answer_requests(do):
    """Answers each line of standard input by do[request["do"]](request), errors included, until it ends."""
    for line in sys.stdin:
        asked = json.loads(line)
        try:
            answer = do[asked["do"]](asked)
        except Exception as error:  # the driver reports it
            answer = {"error": f"{type(error).__name__}: {error}"}
        print(json.dumps(answer), flush=True)
