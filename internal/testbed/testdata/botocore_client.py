"""Calls AWS as botocore does: a line of JSON in, a line of JSON out.

In: {"endpoint": URL, "service": "cloudformation", "operation": "DescribeStacks", "in": {...}}.
Out: {"response": {...}}, and for an error "error": its text. A time is "time:" and its text.
"""
import datetime
import json
import sys

import botocore.config
import botocore.exceptions
import botocore.session

session = botocore.session.get_session()
config = botocore.config.Config(parameter_validation=False, s3={"addressing_style": "path"})
clients = {}


def client(service, endpoint):
    key = (service, endpoint)
    if key not in clients:
        clients[key] = session.create_client(service, endpoint_url=endpoint, config=config)
    return clients[key]


def plain(value):
    if isinstance(value, datetime.datetime):
        return "time:" + value.isoformat()
    raise TypeError(type(value))


def call(request):
    try:
        # What create_stack and its like call in turn, by the name that the service has for it.
        response = client(request["service"], request["endpoint"])._make_api_call(request["operation"], request["in"])
        return {"response": response}
    except botocore.exceptions.ClientError as error:
        return {"response": error.response, "error": str(error)}


for line in sys.stdin:
    answer = call(json.loads(line))
    metadata = answer["response"]["ResponseMetadata"]
    answer["response"]["ResponseMetadata"] = {"HTTPHeaders": {}, "HTTPStatusCode": metadata["HTTPStatusCode"]}
    print(json.dumps(answer, default=plain), flush=True)
