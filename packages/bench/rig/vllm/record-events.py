"""Prints what vLLM publishes of its KV cache, a JSON line a message: record-events.py EVENTS REPLAY

Each has its frames in hexadecimal as they came, and its payload as versions of vLLM before PR 42892 would have
encoded the same events: as arrays whose first element is the tag. A line on standard input asks for all again by
replay and ends the program.
"""

import json
import sys

import msgspec
import zmq

# The fields in their order, as vllm/distributed/kv_events.py of v0.11.0 has them.
EARLIER = {
    "BlockStored": ["block_hashes", "parent_block_hash", "token_ids", "block_size", "lora_id", "medium"],
    "BlockRemoved": ["block_hashes", "medium"],
    "AllBlocksCleared": [],
}

events, replay = sys.argv[1:3]
context = zmq.Context()
subscriber = context.socket(zmq.SUB)
subscriber.setsockopt(zmq.SUBSCRIBE, b"")
subscriber.connect(events)


def earlier(payload):
    time, listed, *rest = msgspec.msgpack.decode(payload)
    arrays = [[event["type"], *(event.get(name) for name in EARLIER[event["type"]])] for event in listed]
    return msgspec.msgpack.encode([time, arrays, *rest])


def tell(**fields):
    print(json.dumps(fields), flush=True)


poller = zmq.Poller()
poller.register(subscriber, zmq.POLLIN)
poller.register(sys.stdin, zmq.POLLIN)
tell(ready=True)
while True:
    ready = dict(poller.poll())
    if subscriber in ready:
        frames = subscriber.recv_multipart()
        kinds = [event["type"] for event in msgspec.msgpack.decode(frames[-1])[1]]
        tell(kinds=kinds, frames=[frame.hex() for frame in frames], earlier=earlier(frames[-1]).hex())
    elif sys.stdin.fileno() in ready:
        break

dealer = context.socket(zmq.DEALER)
dealer.connect(replay)
dealer.send_multipart([b"", (0).to_bytes(8, "big")])
frames = []
while not frames or int.from_bytes(frames[-1][-2], "big", signed=True) >= 0:
    if dealer.poll(5000) == 0:
        sys.exit("the replay did not end within 5 s")
    frames.append(dealer.recv_multipart())
tell(replay=[[frame.hex() for frame in message] for message in frames])
