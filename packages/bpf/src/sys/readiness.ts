import koffi from 'koffi';

/** Waits for a file descriptor by the event loop's own epoll; disposing ends the wait without an answer. */
export interface Readiness extends Disposable {
  /** Calls back once, when there is something to read. Keeps the process alive until then. */
  once(run: () => void): void;
}

/** Watches a descriptor, which must stay open until this is disposed. */
export function watchReadable(fd: number): Readiness {
  let handle: ReturnType<typeof koffi.node.poll> | undefined;
  const stop = (): void => {
    handle?.close();
    handle = undefined;
  };
  return {
    once: (run) => {
      stop();
      handle = koffi.node.poll(fd, { readable: true }, () => {
        stop();
        // koffi calls back outside of Node's own callbacks: promises would wait for the next of those.
        setImmediate(run);
      });
    },
    [Symbol.dispose]: stop,
  };
}
