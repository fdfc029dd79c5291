"""
A peer of ZeroMQ by pyzmq, which does what it is told: JSON in, JSON out, at a socket of which it prints the endpoint. Parts of
messages are hexadecimal. It ends with its standard input.
"""
import json
import sys

import zmq

context = zmq.Context()
sockets = {}


def do(command):
    name = command.get("socket")
    match command["do"]:
        case "open":
            socket = sockets[name] = context.socket(getattr(zmq, command["kind"].upper()))
            socket.linger = 0
            socket.rcvtimeo = socket.sndtimeo = 10_000
            for option, value in command.get("options", {}).items():
                if isinstance(value, str):
                    socket.setsockopt_string(getattr(zmq, option.upper()), value)
                else:
                    setattr(socket, option, value)
        case "bind":
            sockets[name].bind(command["endpoint"])
            return sockets[name].getsockopt_string(zmq.LAST_ENDPOINT)
        case "connect":
            sockets[name].connect(command["endpoint"])
        case "subscribe":
            sockets[name].setsockopt_string(zmq.SUBSCRIBE, command["prefix"])
        case "send":
            for message in command["messages"]:
                sockets[name].send_multipart([bytes.fromhex(part) for part in message])
        case "receive":
            count = command["count"]
            return [[part.hex() for part in sockets[name].recv_multipart()] for _ in range(count)]
        case "echo":
            for _ in range(command["count"]):
                sockets[name].send_multipart(sockets[name].recv_multipart())
        case "close":
            sockets.pop(name).close()
        case "version":
            return zmq.zmq_version()


control = context.socket(zmq.REP)
control.bind("tcp://127.0.0.1:*")
poller = zmq.Poller()
poller.register(control, zmq.POLLIN)
poller.register(sys.stdin.fileno(), zmq.POLLIN)
print(control.getsockopt_string(zmq.LAST_ENDPOINT), flush=True)
while all(ready is control for ready, _ in poller.poll()):
    try:
        answer = {"value": do(json.loads(control.recv()))}
    except Exception as error:
        answer = {"error": repr(error)}
    control.send_string(json.dumps(answer))
context.destroy(linger=0)
