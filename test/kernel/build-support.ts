/** Whole builds on the real kernel: an engine on a root of its own with the image "busybox", and what comes of Dockerfiles. */
import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import * as fs from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import type { TestContext } from 'node:test'
import type { BuildMessage, BuildRequest } from '../../src/api/types/build.ts'
import type { ImageConfig } from '../../src/api/types/index.ts'
import { engineConfig, type EngineConfig } from '../../src/engine/config.ts'
import { openEngine, type Engine } from '../../src/engine/engine.ts'
import { createNodeHost } from '../../src/host/node-host.ts'
import { busyboxTar } from '../support/busybox.ts'
import { describeTraces, findTraces, sweep } from '../support/leaks.ts'

export interface BuildWish {
  /** Files of the context; a text, or a mode and a text. */
  readonly files?: Readonly<Record<string, string>>
  /** A context that is there already, in place of `files`. */
  readonly context?: string
  readonly request?: Partial<BuildRequest>
  readonly signal?: AbortSignal
  readonly onMessage?: (message: BuildMessage) => void
}

type Of<K extends BuildMessage['kind']> = Extract<BuildMessage, { readonly kind: K }>

export interface Built {
  readonly messages: readonly BuildMessage[]
  readonly result: Of<'result'> | undefined
  readonly error: Of<'error'> | undefined
  /** Names of steps that ran, in the order of their starts, and of those that the cache had. */
  readonly ran: readonly string[]
  readonly cached: readonly string[]
  /** What commands printed. */
  readonly output: string
}

export interface Builder {
  readonly engine: Engine
  readonly config: EngineConfig
  build(dockerfile: string, wish?: BuildWish): Promise<Built>
  /** The same, of which an image must come. */
  image(dockerfile: string, wish?: BuildWish): Promise<Built & { readonly id: string; readonly config: ImageConfig }>
  /** A folder with files, removed at the end. */
  folder(files?: Readonly<Record<string, string>>): string
  /** Runs `script` in the folder that shows all files of an image. */
  look(imageId: string, script: string): Promise<string>
}

function writeFiles(folder: string, files: Readonly<Record<string, string>>): void {
  for (const [name, text] of Object.entries(files)) {
    fs.mkdirSync(dirname(join(folder, name)), { recursive: true })
    fs.writeFileSync(join(folder, name), text)
  }
}

function summary(messages: readonly BuildMessage[]): Built {
  const of = <K extends BuildMessage['kind']>(kind: K): Of<K>[] =>
    messages.filter((message): message is Of<K> => message.kind === kind)
  const names = new Map(of('step').map(({ id, name }) => [id, name]))
  const isStep = (id: string): boolean => id.startsWith('step-') && names.get(id)?.includes('FROM') !== true
  const ended = of('ended').filter(({ id }) => isStep(id))
  const cachedIds = new Set(ended.filter(({ cached }) => cached).map(({ id }) => id))
  const nameOf = (id: string): string => names.get(id) ?? id
  return {
    messages,
    result: of('result').at(-1),
    error: of('error').at(-1),
    ran: of('started').flatMap(({ id }) => (isStep(id) && !cachedIds.has(id) ? nameOf(id) : [])),
    cached: [...cachedIds].map(nameOf),
    output: of('output')
      .flatMap(({ id, data }) => (id.startsWith('step-') ? data : []))
      .join(''),
  }
}

/** One for a whole file of tests, closed and looked over when `t` ends. */
export async function openBuilder(t: Pick<TestContext, 'after'>): Promise<Builder> {
  const keepAlive = setInterval(() => {}, 1000)
  process.chdir('/') // as the engine's process
  const root = fs.mkdtempSync(join(tmpdir(), 'mycompose-builder-'))
  const config = engineConfig(join(root, 'root'), 'test')
  const errors: string[] = []
  const engine = await openEngine(config, createNodeHost(), (level, message, fields) => {
    if (level === 'error') errors.push(`${message} ${JSON.stringify(fields)}`)
  })
  const { images, builds, layers } = engine.context
  await images.import(
    fs.createReadStream(await busyboxTar()),
    { reference: 'busybox', changes: ['ENV LANG=C'] },
    () => {},
  )

  t.after(async () => {
    clearInterval(keepAlive)
    await engine.close()
    const { tables: _tables, links: _links, ...traces } = await findTraces(config)
    await sweep(config)
    fs.rmSync(root, { recursive: true, force: true })
    assert.deepEqual(describeTraces(traces), [], 'something was left behind')
    assert.deepEqual(errors, [], 'errors in the log')
  })

  let folders = 0
  function folder(files: Readonly<Record<string, string>> = {}): string {
    folders += 1
    const path = join(root, `folder-${folders}`)
    fs.mkdirSync(path)
    writeFiles(path, files)
    return path
  }

  async function build(dockerfile: string, wish: BuildWish = {}): Promise<Built> {
    const { files = {}, request = {}, signal = AbortSignal.timeout(120_000), onMessage } = wish
    const path = wish.context ?? folder(files)
    const messages: BuildMessage[] = []
    const whole: BuildRequest = {
      context: { kind: 'directory', path },
      ...(dockerfile === '' ? {} : { dockerfileInline: dockerfile }),
      ...request,
    }
    await builds.build(
      whole,
      (message) => {
        messages.push(message)
        onMessage?.(message)
      },
      signal,
    )
    return summary(messages)
  }

  return {
    engine,
    config,
    folder,
    build,
    async image(dockerfile, wish) {
      const built = await build(dockerfile, wish)
      const id = built.result?.imageId
      if (id === undefined) throw new Error(`the build failed: ${JSON.stringify(built.error)}`)
      return { ...built, id, config: (await images.resolve(id)).config }
    },
    async look(imageId, script) {
      const { chainIds } = await images.resolve(imageId)
      return await layers.withImageMounted(chainIds, async (path) =>
        execFileSync('sh', ['-ec', script], { cwd: path, encoding: 'utf8' }),
      )
    },
  }
}
