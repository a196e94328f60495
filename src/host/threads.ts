/**
 * Threads of our own process, for work that keeps a processor busy for long: each runs one script, has a JavaScript heap
 * of its own and talks in messages. They share the process's files, descriptors and umask with us, not its namespaces:
 * those of the main thread are entered there alone (netns.ts). Source: Node's worker_threads, V8's resource limits.
 */
import { availableParallelism } from 'node:os'
import { Worker, parentPort, receiveMessageOnPort, type MessagePort, type Transferable } from 'node:worker_threads'

export interface Thread<Out> {
  /** What is in `transfer` is moved, not copied, and is empty here afterwards. */
  post(message: Out, transfer?: readonly Transferable[]): void
  /** Whether our process waits for it at its end. Not at first. */
  keepsAlive(wanted: boolean): void
  /** Ends it, whatever it is doing. */
  end(): Promise<void>
}

export interface ThreadListener<In> {
  message(message: In): void
  /** Once, after its last message. `error`: what it died of; undefined when it was ended. */
  end(error: Error | undefined): void
}

export interface Threads {
  /** How many can really run at once. */
  readonly parallelism: number
  /** `script`: path of a module. What is wrong with it is told by `listener.end`. */
  start<In, Out>(script: string, listener: ThreadListener<In>): Thread<Out>
}

/** A thread that needs more than this has met an attack: it ends, and not the process. */
const MAX_HEAP_MIB = 512
/** What is young dies soon here; the usual 48 MiB a thread would be memory for nothing. */
const MAX_YOUNG_MIB = 6

export function createThreads(): Threads {
  return {
    parallelism: availableParallelism(),
    start(script, listener) {
      const worker = new Worker(script, {
        env: {},
        execArgv: [],
        name: 'mycompose',
        trackUnmanagedFds: false, // libc opens what Node closes (at.ts)
        resourceLimits: { maxOldGenerationSizeMb: MAX_HEAP_MIB, maxYoungGenerationSizeMb: MAX_YOUNG_MIB },
      })
      let error: Error | undefined
      worker.unref()
      worker.on('message', (message) => listener.message(message))
      worker.on('error', (cause: unknown) => (error = cause instanceof Error ? cause : new Error(String(cause))))
      worker.on('exit', () => listener.end(error))
      return {
        post: (message, transfer = []) => worker.postMessage(message, transfer),
        keepsAlive: (wanted) => (wanted ? worker.ref() : worker.unref()),
        end: async () => void (await worker.terminate()),
      }
    },
  }
}

/** The same from inside a thread. */
export interface ParentThread<In, Out> {
  onMessage(listener: (message: In) => void): void
  post(message: Out): void
}

/** Throws a plain Error in the main thread. */
export function parentThread<In, Out>(): ParentThread<In, Out> {
  const port = parentPort
  if (port === null) throw new Error('this is the main thread')
  return {
    onMessage: (listener) => void port.on('message', listener),
    post: (message) => port.postMessage(message),
  }
}

/** The next message that lies at a port, without waiting; undefined when there is none. */
export function takeMessage(port: MessagePort): unknown {
  return receiveMessageOnPort(port)?.message
}
