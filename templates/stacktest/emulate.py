"""Serves SNS, SQS, SSM, EventBridge and Step Functions by moto, on a free port of loopback, until stdin ends.

Prints the server's URL, then answers calls: {"service", "operation", "parameters"} a line in, an answer a line out, as
boto3 has it. A call with "later" is made, and not answered, when a state machine waits next; "rest" is answered when no
state machine runs any more; null forgets everything.

What moto lacks for the machines of the stack is put in from outside, all of it here: JSONata by jsonata-python, the
names of members, Image Builder at AWS_ENDPOINT_URL_IMAGEBUILDER. Waits take no time. Another service that has an
endpoint in the environment is asked there, too.
"""
import functools
import json
import logging
import os
import sys
import threading
import urllib.request

import boto3
import jsonata
from moto import backends
from moto.core.config import default_user_config
from moto.moto_server.threaded_moto_server import ThreadedMotoServer
from moto.sns.models import Subscription
from moto.stepfunctions.parser.asl.component.common.retry import retrier_decl
from moto.stepfunctions.parser.asl.component.state.exec.state_task.service import state_task_service_aws_sdk as aws_sdk
from moto.stepfunctions.parser.asl.component.state.exec.state_task.service.state_task_service import StateTaskService
from moto.stepfunctions.parser.asl.component.state.wait.wait_function.wait_function import WaitFunction
from moto.stepfunctions.parser.asl.eval import states, variable_store
from moto.stepfunctions.parser.asl.jsonata import jsonata as evaluator
from moto.stepfunctions.parser.backend.execution_worker import ExecutionWorker


making = threading.Lock()  # boto3's own session is not for several threads; what it makes is


@functools.cache
def made(service):
    return boto3.client(service, endpoint_url=os.environ.get("AWS_ENDPOINT_URL_" + service.upper(), URL))


def client(service):
    """Every endpoint is named: none is AWS. A client is made once: it reads the service's whole model."""
    with making:
        return made(service)


def declared(bindings):
    """Variables as JSONata declares them. moto's own forgets to escape texts."""
    return "".join(f"{name}:={json.dumps(value, default=str)};" for name, value in bindings.items())


def model(task):
    """The operation that a task calls."""
    api = client(task._get_boto_service_name())
    return api.meta.service_model.operation_model(api.meta.method_to_api_mapping[task._get_boto_service_action()])


def asked(task, parameters, **_):
    """A state machine shows every member with a capital, whatever the service calls it."""
    task._to_boto_request(parameters, model(task).input_shape)


def answered(task, response, **_):
    task._from_boto_response(response, model(task).output_shape)


def perform(call):
    return getattr(client(call["service"]), call["operation"])(**call["parameters"])


def start(execution):
    """Starts an execution, and notes its thread so that its end can be waited for."""
    thread = threading.Thread(target=execution._execution_logic, daemon=True)
    thread.start()
    running.append(thread)


later = []
running = []
logging.getLogger("werkzeug").setLevel(logging.ERROR)
default_user_config["stepfunctions"]["execute_state_machine"] = True
evaluator._eval_jsonata = lambda expression: jsonata.Jsonata(expression).evaluate(None)
states.encode_jsonata_variable_declarations = variable_store.encode_jsonata_variable_declarations = declared
StateTaskService._normalise_parameters, StateTaskService._normalise_response = asked, answered
aws_sdk.boto_client_for = lambda region, service, state_credentials: client(service)
aws_sdk._SERVICE_ERROR_NAMES["imagebuilder"] = "Imagebuilder"
WaitFunction._wait_interval = lambda self, env, wait_seconds: later and perform(later.pop(0))
ExecutionWorker.start = start
retrier_decl.time = type("time", (), {"sleep": staticmethod(lambda seconds: None)})
# Slow, and always the same: its packages, listed at each request; a key to sign with, one for each subscription.
backends.list_of_moto_modules = functools.partial(tuple, list(backends.list_of_moto_modules()))
Subscription.private_key = functools.partial(Subscription.private_key, None)

server = ThreadedMotoServer("127.0.0.1", 0, verbose=False)
server.start()
URL = "http://%s:%d" % server.get_host_and_port()
os.environ["MOTO_PORT"] = URL.rsplit(":", 1)[1]
print(json.dumps(URL), flush=True)
for line in sys.stdin:
    call = json.loads(line)
    if call is None:
        later.clear()
        urllib.request.urlopen(URL + "/moto-api/reset", b"")
        continue
    if call == "rest":
        while running:  # what an execution starts is noted before its own thread ends
            running.pop().join(60)
        print(json.dumps({}), flush=True)
        continue
    if call.get("later"):
        later.append(call)
        continue
    try:
        answer = {"Result": perform(call)}
    except Exception as error:
        answer = {"Error": str(error)}
    print(json.dumps(answer, default=str), flush=True)
