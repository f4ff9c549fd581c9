"""CPython's two pools as contestants: asked one question of one pool, prints one line of JSON. Each row's work as in the Rust rows.

The questions are put in ThreadPool's words; ThreadPoolExecutor has its own, which stand at the top.
"""

import json
import os
import resource
import socket
import sys
import threading
import time
from concurrent.futures import Future, ThreadPoolExecutor, as_completed
from concurrent.futures import wait as wait_for
from multiprocessing.pool import ThreadPool

WORKERS = int(os.environ["MILLPOND_BENCH_WORKERS"])
# Empty unless that was asked for.
SUBMITTERS = int(os.environ["MILLPOND_BENCH_SUBMITTERS"] or 0)
WIDE = 1024


# AsyncResult's names, on the future itself: a wrapper would cost.
Future.get = Future.result
Future.ready = Future.done
Future.wait = lambda self, timeout=None: wait_for([self], timeout)


class Executor(ThreadPoolExecutor):
    """The executor in its own idiom: submit, map, as_completed. A stream in order is its map."""

    def apply_async(self, function, arguments=()):
        return self.submit(function, *arguments)

    def apply(self, function):
        return self.submit(function).result()

    def map(self, function, items):
        return list(super().map(function, items))

    def imap(self, function, items):
        return super().map(function, items)

    def imap_unordered(self, function, items):
        futures = [self.submit(function, item) for item in items]
        return (future.result() for future in as_completed(futures))


POOLS = {"ThreadPool": ThreadPool, "ThreadPoolExecutor": Executor}


def same(what, got, should):
    """A contestant that computes something else is no contestant."""
    if got != should:
        print(json.dumps({"error": f"wrong result: {what} is {got!r}, should be {should!r}"}))
        sys.exit(0)


def median(values):
    """The upper one of two."""
    return sorted(values)[len(values) // 2]


def clock():
    return time.perf_counter_ns()


def one():
    return 1


def double(i):
    return 2 * i


def round_trip(gap=0.0, turns=4000):
    with Pool(WORKERS) as pool:
        for i in range(200):
            same("a result", pool.apply_async(double, (i,)).get(), 2 * i)
        lengths = []
        before = time.process_time_ns()
        for _ in range(turns):
            if gap:
                time.sleep(gap)
            start = clock()
            pool.apply_async(one).get()
            lengths.append(clock() - start)
        cpu = (time.process_time_ns() - before) / turns
        return {"p50": median(lengths), "cpu": cpu}


def p1():
    return round_trip()


def p2():
    os.sched_setaffinity(0, {0})
    return round_trip()


def p3():
    return round_trip(gap=250e-6, turns=1000)


def stream(threads, tasks=50_000):
    """A twentieth of the tasks, as it is a rate: the queue is no slower for being longer."""
    bounds = [tasks * at // threads for at in range(threads + 1)]
    sums = [0] * threads

    def submit(pool, at):
        handles = [pool.apply_async(double, (i,)) for i in range(bounds[at], bounds[at + 1])]
        sums[at] = sum(handle.get() for handle in handles)

    with Pool(WORKERS) as pool:
        start = clock()
        others = [threading.Thread(target=submit, args=(pool, at)) for at in range(1, threads)]
        for other in others:
            other.start()
        submit(pool, 0)
        for other in others:
            other.join()
        nanos = clock() - start
    same("the sum of the results", sum(sums), tasks * (tasks - 1))
    return {"rate": tasks / nanos * 1e9}


def p4():
    return stream(1)


def p5():
    return stream(SUBMITTERS or 4)


def p6(tasks=50_000):
    with Pool(WORKERS) as pool:

        def spawn_all():
            return [pool.apply_async(one) for _ in range(tasks)]

        start = clock()
        handles = pool.apply(spawn_all)
        # First in, first out: when the last one is done, so is all but one of the rest.
        handles[-1].wait()
        nanos = clock() - start
        same("the number of tasks run", sum(handle.get() for handle in handles), tasks)
    return {"rate": tasks / nanos * 1e9}


def steps(seed, number):
    """The work of the Rust rows."""
    state = seed | 1
    for _ in range(number):
        state = ((state ^ (state >> 29)) * 0x9E3779B97F4A7C15) & 0xFFFFFFFFFFFFFFFF
    return state


def mapped(items, f):
    """Python's items are as dear as Python makes them, so only the quotient says something."""
    shares = []
    with Pool(WORKERS) as pool:
        for _ in range(4):
            start = clock()
            should = [f(i) for i in range(items)]
            between = clock()
            values = pool.map(f, range(items))
            shares.append((clock() - between) / (between - start))
            same("the values", values == should, True)
    return {"share": median(shares[1:])}


def p7(items=1_000_000):
    """An item of a nanosecond takes Python many: what is left to compare is the map."""
    values = list(range(items))
    should = [double(i) for i in values]
    lengths = []
    with Pool(WORKERS) as pool:
        for _ in range(3):
            start = clock()
            got = pool.map(double, values)
            lengths.append((clock() - start) / items)
            same("the values", got == should, True)
    return {"item": median(lengths)}


def p8():
    return mapped(10_000, lambda i: steps(i, 2))


def p9():
    return mapped(10_000, lambda i: steps(i, 10_000 // (i + 1)))


def p10(turns=1500):
    with Pool(WORKERS) as pool:
        same("the values", pool.map(double, range(64)), [2 * i for i in range(64)])
        lengths = []
        before = time.process_time_ns()
        for _ in range(turns):
            start = clock()
            pool.map(double, range(64))
            lengths.append(clock() - start)
        cpu = (time.process_time_ns() - before) / turns
    return {"wall": median(lengths), "cpu": cpu}


def streamed(imap, items=20_000):
    """Without a single step, an item of Python's takes as long as the others' items."""

    def work(i):
        return steps(i, 0)

    should = sum(work(i) for i in range(items))
    lengths = []
    for _ in range(4):
        start = clock()
        got = sum(imap(work, range(items)))
        lengths.append((clock() - start) / items)
        same("the sum", got, should)
    return {"item": median(lengths[1:])}


def p11():
    with Pool(WORKERS) as pool:
        return streamed(pool.imap)


def p12():
    with Pool(WORKERS) as pool:
        return streamed(pool.imap_unordered)


def p15():
    with Pool(WORKERS) as pool:
        same("the sum", sum(pool.map(double, range(1000))), 999_000)
        time.sleep(0.3)
        before, own = time.process_time_ns(), time.thread_time_ns()
        time.sleep(2)
        process = time.process_time_ns() - before
        return {"threads": max(0, process - (time.thread_time_ns() - own)), "process": process}


def all_run(pool):
    """None begins a second task before each has begun one."""
    all_there = threading.Barrier(WIDE)
    handles = [pool.apply_async(all_there.wait) for _ in range(WIDE)]
    same("the sum", sum(handle.get() for handle in handles), WIDE * (WIDE - 1) // 2)


def parked(pool):
    for _ in range(2):
        all_run(pool)
        time.sleep(0.1)


def p17():
    with Pool(WIDE) as pool:
        parked(pool)
        start = clock()
        handles = [pool.apply_async(time.sleep, (0.1,)) for _ in range(WIDE)]
        for handle in handles:
            handle.get()
        return {"wall": clock() - start}


def p18():
    with Pool(WIDE) as pool:
        parked(pool)
        start = clock()
        handles = [pool.apply_async(double, (i,)) for i in range(WIDE)]
        submit = clock() - start
        same("the sum", sum(handle.get() for handle in handles), WIDE * (WIDE - 1))
        return {"submit": submit}


def p19():
    stop = False
    with Pool(WORKERS) as pool:

        def link():
            if not stop:
                pool.apply_async(link)

        for _ in range(2 * WORKERS):
            pool.apply_async(link)
        lengths = []
        starved = 0
        end = clock() + 500_000_000
        while clock() < end:
            start = clock()
            probe = pool.apply_async(double, (21,))
            probe.wait(1)
            if not probe.ready():
                starved = 1
                stop = True
            same("a probe's result", probe.get(), 42)
            lengths.append(clock() - start)
            if starved:
                break
        stop = True
        return {"p50": median(lengths), "starved": starved}


def quiet_host(ports):
    """As in the Rust rows: a queue of length 0 that holds a connection drops whatever knocks; two ports accept."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    listeners, accepts = [], []
    for port in range(ports):
        listener = socket.create_server(("127.0.0.1", 0))
        accepts.append(port % 512 == 256)
        if not accepts[-1]:
            listener.listen(0)
            socket.create_connection(listener.getsockname(), timeout=1).close()
        listeners.append(listener)
    return listeners, accepts


def probe(address):
    try:
        socket.create_connection(address, timeout=0.25).close()
        return True
    except TimeoutError:
        return False


def p24():
    listeners, accepts = quiet_host(WIDE)
    addresses = [listener.getsockname() for listener in listeners]
    with Pool(WIDE) as pool:
        all_run(pool)
        start = clock()
        handles = [pool.apply_async(probe, (address,)) for address in addresses]
        found = [handle.get() for handle in handles]
        wall = clock() - start
    same("the ports that are open", found == accepts, True)
    return {"wall": wall, "share": wall / 250e6}


def lives(workers, times):
    """Of ThreadPool alone: the executor starts its threads with its first tasks."""
    create, join, both = [], [], []
    for _ in range(times):
        start = clock()
        pool = Pool(workers)
        created = clock()
        pool.close()
        pool.join()
        gone = clock()
        create.append(created - start)
        join.append(gone - created)
        both.append(gone - start)
    return median(both), median(create), median(join)


def p25():
    both, create, join = lives(WORKERS, 21)
    result = {"both": both, "create": create, "join": join}
    both, create, join = lives(WIDE, 1)
    return result | {"both_1024": both, "create_1024": create, "join_1024": join}


if __name__ == "__main__":
    question, Pool = sys.argv[1].lower(), POOLS[sys.argv[2]]
    print(json.dumps({"figures": globals()[question]()}))
