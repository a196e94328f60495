/**
 * One command line from argv to exit code, in process: parses, runs the command, prints what went wrong. Exit codes are
 * docker compose's: 0, 1 for any error (a wrong command line too), 130 when interrupted, the process's own for `exec`;
 * 70 for a bug of ours.
 */
import { CommanderError } from 'commander'
import { CanceledError, MycomposeError, errnoOf } from '../errors.ts'
import { OutputClosedError, type CliIo, type SignalName } from './io.ts'
import { buildProgram, type CliContext } from './program.ts'
import { resolveGlobals, type GlobalOptions } from './globals.ts'
import { VERSION } from '../version.ts'

/** As sysexits(3) has it: an internal software error. */
export const BUG_EXIT_CODE = 70

type StopSignal = Extract<SignalName, 'SIGINT' | 'SIGTERM'>

/** Never rejects. */
export async function run(argv: readonly string[], io: CliIo): Promise<number> {
  const controller = new AbortController()
  const interrupts = watchInterrupts(io, controller)
  const stopWatchingOutput = watchOutput(io, controller)
  const state: { globals: GlobalOptions | undefined; exitCode: number } = { globals: undefined, exitCode: 0 }
  const cli: CliContext = {
    io,
    async run(raw, work) {
      const globals = resolveGlobals(raw, io.env)
      state.globals = globals
      const { createSession } = await import('./session.ts')
      const session = createSession({ io, globals, signal: controller.signal, takeSignals: interrupts.take })
      try {
        state.exitCode = (await work(session)) ?? 0
      } finally {
        await session.close()
      }
    },
  }
  const work = async (): Promise<number> => {
    await buildProgram(cli).parseAsync(argv.length === 0 ? ['--help'] : [...argv], { from: 'user' })
    // what could not be written has not been told
    const reason: unknown = controller.signal.reason
    if (reason instanceof MycomposeError && reason.code === 'OUTPUT_FAILED') throw reason
    return state.exitCode
  }
  try {
    return await Promise.race([work(), interrupts.forced])
  } catch (error) {
    return await report(error, io, controller.signal, state.globals)
  } finally {
    interrupts.release()
    stopWatchingOutput()
  }
}

interface Interrupts {
  readonly take: (listener: (signal: StopSignal) => void) => void
  readonly release: () => void
  /** Resolves with the exit code when the user will not wait. */
  readonly forced: Promise<number>
}

/** The first signal cancels, the second ends at once; a command may take the signals for itself. */
function watchInterrupts(io: CliIo, controller: AbortController): Interrupts {
  const forced = Promise.withResolvers<number>()
  let listener = (_signal: StopSignal): void => {
    if (controller.signal.aborted) forced.resolve(130)
    controller.abort(new CanceledError())
  }
  const signals: readonly StopSignal[] = ['SIGINT', 'SIGTERM']
  const offs = signals.map((signal) => io.onSignal(signal, () => listener(signal)))
  return {
    forced: forced.promise,
    take(taker) {
      listener = taker
    },
    release() {
      for (const off of offs) off()
    },
  }
}

/** A reader that went away (`| head`) is no error of ours: stop quietly. */
function watchOutput(io: CliIo, controller: AbortController): () => void {
  const onError = (error: Error): void => {
    if (errnoOf(error) === 'EPIPE') controller.abort(new OutputClosedError(error))
    else
      controller.abort(
        new MycomposeError(`cannot write to standard output: ${error.message}`, {
          code: 'OUTPUT_FAILED',
          cause: error,
        }),
      )
  }
  io.stdout.on('error', onError)
  return () => {
    // late errors of the last write must not become uncaught ones
    io.stdout.off('error', onError)
    io.stdout.on('error', () => {})
  }
}

async function report(
  thrown: unknown,
  io: CliIo,
  signal: AbortSignal,
  globals: GlobalOptions | undefined,
): Promise<number> {
  if (thrown instanceof CommanderError) return thrown.exitCode // commander has printed it
  const error = signal.aborted && isAbort(thrown) ? signal.reason : thrown
  if (error instanceof OutputClosedError) return 0
  if (error instanceof CanceledError && error.code === 'CANCELED' && signal.aborted) {
    io.stderr.write('canceled\n')
    return error.exitCode
  }
  const { errorJson, formatBug, formatError } = await import('./output/error.ts')
  const isOurs = error instanceof MycomposeError
  if (globals?.progress === 'json') io.stderr.write(errorJson(error))
  else if (isOurs) {
    const { loadStyle, wantsColour } = await import('./output/style.ts')
    io.stderr.write(formatError(error, await loadStyle(wantsColour(globals?.ansi ?? 'auto', io.stderr.isTTY === true))))
  } else io.stderr.write(formatBug(error, VERSION))
  return isOurs ? error.exitCode : BUG_EXIT_CODE
}

function isAbort(error: unknown): boolean {
  return error instanceof CanceledError || (error instanceof Error && error.name === 'AbortError')
}
