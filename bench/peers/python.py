"""asyncio on its own loop or on uvloop: `python3 python.py asyncio|uvloop`.

A line of JSON for each question, on standard input, and one for each answer, on standard output: serve.ts in Python.
"""
import asyncio
import gc
import json
import math
import platform
import sys
import time

TASKS = 100  # cases.ts


def begin():
    started = time.process_time_ns()
    return lambda sum: {"cpuMilliseconds": (time.process_time_ns() - started) / 1e6, "sum": sum}


async def waits(count, depth=1):
    if depth > 1:
        return await waits(count, depth - 1)
    sum = 0
    for i in range(count):
        await asyncio.sleep(0)
        sum += i
    return sum


async def returns(value):
    return value


async def waits_once(value):
    await asyncio.sleep(0)
    return value


async def one_task(count):
    end = begin()
    sum = 0
    for i in range(count):
        await asyncio.sleep(0)
        sum += i
    return end(sum)


async def hundred_tasks(count):
    end = begin()
    return end(sum(await asyncio.gather(*[waits(count // TASKS) for _ in range(TASKS)])))


async def five_deep(count):
    end = begin()
    return end(await waits(count, 4))


async def twenty_deep(count):
    end = begin()
    return end(await waits(count, 19))


async def spawn_join(count):
    end = begin()
    sum = 0
    for i in range(count):
        sum += await asyncio.create_task(returns(i))
    return end(sum)


async def spawn_waits_once(count):
    end = begin()
    sum = 0
    for i in range(count):
        sum += await asyncio.create_task(waits_once(i))
    return end(sum)


async def gather(count):
    end = begin()
    return end(sum(await asyncio.gather(*[waits_once(i) for i in range(count)])))


async def cancel(count):
    end = begin()
    size = math.isqrt(count)
    loop = asyncio.get_running_loop()
    all_wait = loop.create_future()
    waiting = 0
    ended = 0

    async def waits_forever():
        nonlocal waiting, ended
        waiting += 1
        if waiting == count:
            all_wait.set_result(None)
        try:
            await loop.create_future()
        finally:
            ended += 1

    async def branch():
        async with asyncio.TaskGroup() as group:
            for _ in range(1, size):
                group.create_task(waits_forever())
            await waits_forever()

    async def trunk():
        async with asyncio.TaskGroup() as group:
            for _ in range(size):
                group.create_task(branch())

    root = asyncio.create_task(trunk())
    await all_wait
    root.cancel()
    await asyncio.wait([root])
    return end(ended if root.cancelled() else math.nan)


async def ping_pong(count):
    end = begin()
    there = asyncio.Queue()
    back = asyncio.Queue()

    async def answer():
        for _ in range(count):
            await back.put(await there.get() + 1)

    other = asyncio.create_task(answer())
    sum = 0
    for i in range(count):
        await there.put(i)
        sum += await back.get()
    await other
    return end(sum)


async def lock(count):
    end = begin()
    lock = asyncio.Lock()
    sum = 0

    async def increments():
        nonlocal sum
        for _ in range(count // TASKS):
            async with lock:
                seen = sum
                await asyncio.sleep(0)
                sum = seen + 1

    await asyncio.gather(*[increments() for _ in range(TASKS)])
    return end(sum)


WORKS = {
    "one task": one_task,
    "100 tasks": hundred_tasks,
    "5 deep": five_deep,
    "20 deep": twenty_deep,
    "spawn, join": spawn_join,
    "waits once": spawn_waits_once,
    "gather 10,000": gather,
    "ping-pong": ping_pong,
    "lock": lock,
}
if hasattr(asyncio, "TaskGroup"):
    WORKS["cancel 10,000"] = cancel

version = f"Python {platform.python_version()}"
new_event_loop = asyncio.new_event_loop
if sys.argv[1] == "uvloop":
    import uvloop

    version = f"uvloop {uvloop.__version__}"
    new_event_loop = uvloop.new_event_loop

print(json.dumps({"version": version, "cases": list(WORKS)}), flush=True)
for line in sys.stdin:
    request = json.loads(line)
    gc.collect()
    loop = new_event_loop()
    asyncio.set_event_loop(loop)
    try:
        sample = loop.run_until_complete(WORKS[request["case"]](request["count"]))
    finally:
        loop.close()
    print(json.dumps(sample), flush=True)
