/**
 * nftables in the present network namespace: libnftables in-process when the library is there (under 1 ms to add), else
 * the `nft` program. A transaction that deletes waits 10 to 20 ms for the kernel, so `apply` runs on a worker thread;
 * the context's socket is opened on ours and fixes the namespace. Source: man 8 nft, man 3 libnftables,
 * man 5 libnftables-json.
 */
import { spawnSync } from 'node:child_process'
import koffi from 'koffi'
import { ToolError } from '../errors.ts'
import type { Exec } from './host.ts'

export interface Nft {
  /** Applies the text as one transaction. Throws ToolError with nft's message. */
  apply(ruleset: string): Promise<void>
  /** As apply, synchronous, for use inside Netns.inside; needs libnftables or falls back to spawnSync nft. */
  applySync(ruleset: string): void
  /** `nft -j list ...`: the parsed JSON, or undefined when the object does not exist. */
  list(what: string): Promise<unknown>
}

interface Answer {
  readonly ok: boolean
  readonly output: string
  readonly error: string
}

/** One way of running nft commands. */
interface Backend {
  run(commands: string, options: { readonly json: boolean }): Promise<Answer>
  runSync(commands: string): Answer
}

const OUTPUT_JSON = 1 << 4

/**
 * The kernel gives a whole transaction up, with EINTR, when any signal comes while it reads it, such as the SIGCHLD of
 * another container's conmon. Nothing has been changed then.
 */
const INTERRUPTED_ATTEMPTS = 10
const isInterrupted = ({ ok, error }: Answer): boolean => !ok && error.includes('Interrupted system call')

/** The same, where an interrupted transaction is tried again. */
export function uninterrupted(backend: Backend): Backend {
  return {
    async run(commands, options) {
      let answer = await backend.run(commands, options)
      for (let attempt = 1; attempt < INTERRUPTED_ATTEMPTS && isInterrupted(answer); attempt += 1)
        answer = await backend.run(commands, options)
      return answer
    },
    runSync(commands) {
      let answer = backend.runSync(commands)
      for (let attempt = 1; attempt < INTERRUPTED_ATTEMPTS && isInterrupted(answer); attempt += 1)
        answer = backend.runSync(commands)
      return answer
    },
  }
}

/** Undefined where the library is missing. */
function loadLibrary(): Backend | undefined {
  let library: ReturnType<typeof koffi.load>
  try {
    library = koffi.load('libnftables.so.1')
  } catch {
    return undefined // the program will be tried, and its error is the clearer one
  }
  const open = library.func('void *nft_ctx_new(uint32_t flags)')
  const free = library.func('void nft_ctx_free(void *ctx)')
  const bufferErrors = library.func('int nft_ctx_buffer_error(void *ctx)')
  const bufferOutput = library.func('int nft_ctx_buffer_output(void *ctx)')
  const setOutputFlags = library.func('void nft_ctx_output_set_flags(void *ctx, uint32_t flags)')
  const runCommands = library.func('int nft_run_cmd_from_buffer(void *ctx, const char *commands)')
  const errorText = library.func('const char *nft_ctx_get_error_buffer(void *ctx)')
  const outputText = library.func('const char *nft_ctx_get_output_buffer(void *ctx)')

  function context(json: boolean): unknown {
    const ctx: unknown = open(0)
    bufferErrors(ctx)
    bufferOutput(ctx)
    if (json) setOutputFlags(ctx, OUTPUT_JSON)
    return ctx
  }

  const answer = (ctx: unknown, status: number): Answer => ({
    ok: status === 0,
    output: String(outputText(ctx) ?? ''),
    error: String(errorText(ctx) ?? '').trim(),
  })

  return {
    async run(commands, { json }) {
      const ctx = context(json)
      try {
        const status = await new Promise<number>((resolve, reject) => {
          runCommands.async(ctx, commands, (error: Error | null, result: number) =>
            error === null ? resolve(result) : reject(error),
          )
        })
        return answer(ctx, status)
      } finally {
        free(ctx)
      }
    },
    runSync(commands) {
      const ctx = context(false)
      try {
        return answer(ctx, Number(runCommands(ctx, commands)))
      } finally {
        free(ctx)
      }
    },
  }
}

function programBackend(exec: Exec): Backend {
  return {
    async run(commands, { json }) {
      const argv = json ? ['nft', '-j', '-f', '-'] : ['nft', '-f', '-']
      const { exitCode, stdout, stderr } = await exec.run(argv, { input: commands, okCodes: 'any' })
      return { ok: exitCode === 0, output: stdout, error: stderr.trim() }
    },
    runSync(commands) {
      const { status, stdout, stderr, error } = spawnSync('nft', ['-f', '-'], { input: commands, encoding: 'utf8' })
      if (error !== undefined) return { ok: false, output: '', error: error.message }
      return { ok: status === 0, output: stdout, error: stderr.trim() }
    },
  }
}

function check({ ok, error }: Answer): void {
  if (ok) return
  throw new ToolError(`nft refused the rules: ${error}`, {
    argv: ['nft', '-f', '-'],
    toolExitCode: 1,
    stderrTail: error.slice(-4096),
  })
}

/** Loads libnftables at the first call. */
export function createNft(exec: Exec): Nft {
  let loaded: Backend | undefined
  const backend = (): Backend => (loaded ??= uninterrupted(loadLibrary() ?? programBackend(exec)))
  return {
    async apply(ruleset) {
      check(await backend().run(ruleset, { json: false }))
    },
    applySync: (ruleset) => check(backend().runSync(ruleset)),
    async list(what) {
      const result = await backend().run(`list ${what}`, { json: true })
      if (result.ok) return JSON.parse(result.output) as unknown
      if (/No such file or directory/i.test(result.error)) return undefined
      check(result)
      return undefined
    },
  }
}
