"""The AWS CLI, loaded once: each call is a fork of this process, which has the caller's arguments, environment, directory,
process group and standard files, and is the CLI from there on. Its start costs half a second of processor time otherwise.

Serves at the socket that is its argument until stdin ends, and prints a line when it is ready. A call is one message: JSON,
and the three files; the answer is the exit status, or nothing if a signal ended the call. aws_call.py makes them.
"""
import json
import os
import signal
import socket
import sys
import threading

import awscli.clidriver


def become(call, files):
    """Makes this process what the caller would have started."""
    os.setpgid(0, call["group"])
    os.chdir(call["directory"])
    os.environ.clear()
    os.environ.update(call["environment"], AWS_DATA_PATH=data)  # awscli sets that when it is loaded
    for number, file in enumerate(files):
        os.dup2(file, number)
        os.close(file)
    sys.argv = ["aws", *call["arguments"]]
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)


def answer(connection):
    """Is a process of its own, and does not return."""
    status = 255
    try:
        text, files, _, _ = socket.recv_fds(connection, 1 << 20, 3)
        become(json.loads(text), files)
        status = awscli.clidriver.main()
    except SystemExit as end:
        status = end.code or 0
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        connection.send(bytes([status]))
        os._exit(status)


def end_with_stdin():
    while os.read(0, 1):
        pass
    os._exit(0)


data = os.environ["AWS_DATA_PATH"]
awscli.clidriver.create_clidriver()  # loads what every call needs
server = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
server.bind(sys.argv[1])
server.listen()
signal.signal(signal.SIGCHLD, signal.SIG_IGN)
threading.Thread(target=end_with_stdin, daemon=True).start()
print("ready", flush=True)
while True:
    connection, _ = server.accept()
    if os.fork() == 0:
        server.close()
        answer(connection)
    connection.close()
