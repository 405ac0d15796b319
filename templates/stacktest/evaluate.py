"""Evaluates JSONata: one JSON object a line in, one out. jsonata-python is a port of the reference implementation."""
import json
import sys

import jsonata

for line in sys.stdin:
    request = json.loads(line)
    try:
        expression = jsonata.Jsonata(request["expression"])
        frame = expression.create_frame()
        for name, value in request["variables"].items():
            frame.bind(name, value)
        value = expression.evaluate(None, frame)
        answer = {"undefined": True} if value is None else {"value": value}
    except jsonata.JException as error:
        answer = {"error": str(error)}
    print(json.dumps(answer), flush=True)
