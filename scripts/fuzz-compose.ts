/**
 * Mutates the Compose files of the tests (drops, swaps, retypes and renames nodes, puts attributes of one file's services
 * into another's, flips bytes) and loads them: a load ends with a project or with problems, within a second, and a
 * project that is printed loads as the same text again.
 * Usage: fuzz-compose.ts [COUNT] [SEED]. Without luck: the seed decides everything.
 */
import { globSync, readFileSync } from 'node:fs'
import { basename, dirname, join } from 'node:path'
import { parse, stringify } from 'yaml'
import { loadProject, type LoadRequest, type SourceReader } from '../src/compose/load.ts'
import { printProject } from '../src/compose/print.ts'
import { formatProblems } from '../src/compose/format-problems.ts'
import { ConfigErrors, MycomposeError } from '../src/errors.ts'

const REPOSITORY = join(import.meta.dirname, '..')
const MOST_MS = 1000

type Random = () => number

/** A folder of fixtures, and which of its files is mutated. */
interface Seed {
  readonly files: Readonly<Record<string, string>>
  readonly name: string
  readonly isBroken: boolean
}

export interface FuzzResult {
  readonly mutants: number
  readonly loaded: number
  readonly refused: number
  readonly slowestMs: number
  /** What must not happen, with the text that did it. */
  readonly failures: readonly string[]
}

export async function fuzz(
  count: number,
  seed: number,
  progress: (done: number, failures: number, slowestMs: number) => void = () => {},
  mostMs: number = MOST_MS,
): Promise<FuzzResult> {
  const random = randomFrom(seed)
  const seeds = findSeeds()
  const whole = seeds.filter(({ isBroken }) => !isBroken)
  const donor = donorOf(whole)
  const failures: string[] = []
  let loaded = 0
  let slowestMs = 0
  for (let index = 0; index < count && failures.length < 10; index += 1) {
    // Half of the mutants are built to load, so that printing is tried as well.
    const isGraft = random() < 0.5
    const { files, name } = pick(isGraft ? whole : seeds, random)
    const original = files[name] ?? ''
    const text = isGraft ? graft(original, donor, random) : mutate(original, random)
    const before = process.cpuUsage() // other programs of a busy machine do not count
    const failure = await tryLoad({ ...files, [name]: text }, name)
    const { user, system } = process.cpuUsage(before)
    const tookMs = (user + system) / 1000
    slowestMs = Math.max(slowestMs, tookMs)
    if (index % 1000 === 999) progress(index + 1, failures.length, slowestMs)
    if (failure === undefined) loaded += 1
    else if (failure !== 'refused') failures.push(`mutant ${index} of ${name}: ${failure}\n${text}`)
    if (tookMs > mostMs) failures.push(`mutant ${index} of ${name} took ${Math.round(tookMs)} ms\n${text}`)
  }
  return { mutants: count, loaded, refused: count - loaded - failures.length, slowestMs, failures }
}

function findSeeds(): Seed[] {
  const files = globSync(`${REPOSITORY}/{test/fixtures/{projects/*,config,broken},examples/*}/*.y{a,}ml`).toSorted()
  return files.map((file) => {
    const folder = dirname(file)
    const isBroken = basename(folder) === 'broken'
    const beside = isBroken ? [file] : globSync(`${folder}/**/{*.y{a,}ml,*.env,.env,*.label}`)
    return {
      name: file.slice(folder.length + 1),
      isBroken,
      files: Object.fromEntries(beside.map((path) => [path.slice(folder.length + 1), readFileSync(path, 'utf8')])),
    }
  })
}

function request(name: string): LoadRequest {
  return {
    files: [`/project/${name}`],
    profiles: ['*'],
    environment: { FROM_SHELL: 'shell' },
    workingDir: '/project',
    homeDir: '/home/me',
    projectName: 'project',
  }
}

function readerOf(files: Readonly<Record<string, string>>): SourceReader {
  const texts = new Map(Object.entries(files).map(([path, text]) => [`/project/${path}`, text]))
  return {
    readText: (path) => Promise.resolve(texts.get(path)),
    readStdin: () => Promise.resolve(''),
    exists: (path) => Promise.resolve(texts.has(path)),
  }
}

/** undefined: loaded; "refused": with problems; else what is wrong with us. */
async function tryLoad(files: Readonly<Record<string, string>>, name: string): Promise<string | undefined> {
  try {
    const { project } = await loadProject(request(name), readerOf(files))
    const printed = printProject(project, 'yaml')
    const again = await loadProject(request(name), readerOf({ [name]: printed }))
    const text = printProject(again.project, 'yaml')
    return text === printed ? undefined : `printed text loads as another one:\n${printed}\n---\n${text}`
  } catch (error) {
    if (error instanceof ConfigErrors)
      return isWellTold(error) ? 'refused' : `ill-told: ${formatProblems(error.problems)}`
    if (error instanceof MycomposeError) return 'refused'
    return error instanceof Error ? (error.stack ?? error.message) : String(error)
  }
}

function isWellTold({ problems }: ConfigErrors): boolean {
  return (
    problems.length > 0 &&
    problems.every(
      ({ code, message, location }) =>
        /^[A-Z][A-Z_]+$/.test(code) &&
        message !== '' &&
        !/undefined is not|\[object|NaN/.test(message) &&
        (location === undefined || (location.line >= 1 && location.column >= 1)),
    )
  )
}

/** mulberry32: the same numbers for the same seed everywhere. */
function randomFrom(seed: number): Random {
  let state = seed
  return () => {
    state = (state + 0x6d_2b_79_f5) | 0
    let value = Math.imul(state ^ (state >>> 15), 1 | state)
    value = (value + Math.imul(value ^ (value >>> 7), 61 | value)) ^ value
    return ((value ^ (value >>> 14)) >>> 0) / 2 ** 32
  }
}

function pick<T>(items: readonly T[], random: Random): T {
  return items[Math.floor(random() * items.length)] as T
}

function mutate(text: string, random: Random): string {
  const times = 1 + Math.floor(random() * 3)
  let result = text
  for (let index = 0; index < times; index += 1) {
    result = random() < 0.4 ? mutateText(result, random) : mutateTree(result, random)
  }
  return result
}

/** What files lend to others. */
interface Donor {
  readonly attributes: readonly (readonly [key: string, value: unknown])[]
  /** Their networks, volumes and so on, for attributes that name one. */
  readonly resources: Readonly<Record<string, Readonly<Record<string, unknown>>>>
}

const SECTIONS = ['networks', 'volumes', 'secrets', 'configs', 'models'] as const

function donorOf(seeds: readonly Seed[]): Donor {
  const trees = seeds.map(({ files, name }) => parsed(files[name] ?? ''))
  const attributes = trees.flatMap((tree) => services(tree).flatMap((service) => Object.entries(service)))
  const resources = SECTIONS.map((section) => [
    section,
    Object.assign({}, ...trees.map((tree) => mapIn(tree, section))),
  ])
  return { attributes, resources: Object.fromEntries(resources) as Donor['resources'] }
}

/** One to three attributes of services anywhere replace or join those of a service. */
function graft(text: string, donor: Donor, random: Random): string {
  const tree = parsed(text)
  const targets = services(tree)
  if (!isRecord(tree) || targets.length === 0) return mutateTree(text, random)
  for (let times = 1 + Math.floor(random() * 3); times > 0; times -= 1) {
    const [key, value] = pick(donor.attributes, random)
    pick(targets, random)[key] = value
  }
  for (const section of SECTIONS) tree[section] = { ...donor.resources[section], ...mapIn(tree, section) }
  return stringify(tree, { aliasDuplicateObjects: random() < 0.5 })
}

function parsed(text: string): unknown {
  try {
    const tree: unknown = parse(text, { logLevel: 'silent', maxAliasCount: 100, merge: true })
    stringify(tree, { aliasDuplicateObjects: false })
    return tree
  } catch {
    return undefined // broken, several documents, or an alias inside its own anchor
  }
}

function services(tree: unknown): Record<string, unknown>[] {
  return Object.values(mapIn(tree, 'services')).filter(isRecord)
}

function mapIn(tree: unknown, key: string): Record<string, unknown> {
  const value = isRecord(tree) ? tree[key] : undefined
  return isRecord(value) ? value : {}
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

const SNIPPETS = [
  '\t',
  '\0',
  ': ',
  '- ',
  '${',
  '}',
  '$',
  '&a ',
  '*a',
  '<<: *a\n',
  '!reset ',
  '!override ',
  '\r',
  '"',
  "'",
]
const MORE_SNIPPETS = [
  '\uFEFF',
  '---\n',
  '#',
  '{',
  '[',
  ']',
  '|\n',
  '>',
  '\uD800',
  '~',
  '%',
  '@',
  '`',
  '?',
  ',',
  '\n',
  '\\',
]

function mutateText(text: string, random: Random): string {
  const at = Math.floor(random() * (text.length + 1))
  switch (Math.floor(random() * 5)) {
    case 0:
      return text.slice(0, at) + pick([...SNIPPETS, ...MORE_SNIPPETS], random) + text.slice(at)
    case 1:
      return text.slice(0, at) + text.slice(at + 1 + Math.floor(random() * 8))
    case 2:
      return (
        text.slice(0, at) +
        String.fromCharCode(text.charCodeAt(at) ^ (1 << Math.floor(random() * 8))) +
        text.slice(at + 1)
      )
    case 3: {
      const lines = text.split('\n')
      const from = Math.floor(random() * lines.length)
      lines.splice(Math.floor(random() * lines.length), 0, lines[from] ?? '')
      return lines.join('\n')
    }
    default: {
      const lines = text.split('\n')
      const line = Math.floor(random() * lines.length)
      lines[line] = ' '.repeat(Math.floor(random() * 9)) + (lines[line] ?? '').trimStart()
      return lines.join('\n')
    }
  }
}

type Container = unknown[] | Record<string, unknown>

function mutateTree(text: string, random: Random): string {
  let tree: unknown
  try {
    tree = parse(text, { logLevel: 'silent', maxAliasCount: 100 })
  } catch {
    return mutateText(text, random)
  }
  const places: [Container, string][] = []
  const visit = (node: unknown): void => {
    if (typeof node !== 'object' || node === null || places.length > 5000) return
    for (const key of Object.keys(node)) {
      places.push([node as Container, key])
      visit((node as Record<string, unknown>)[key])
    }
  }
  visit(tree)
  if (places.length === 0) return mutateText(text, random)
  change(pick(places, random), pick(places, random), random)
  try {
    return random() < 0.5 ? JSON.stringify(tree, undefined, random() < 0.5 ? 2 : undefined) : stringify(tree)
  } catch {
    return text // swapped into itself
  }
}

const VALUES: readonly unknown[] = [
  null, true, false, 0, -1, 1.5, 2 ** 53, '', 'a', 'a:b', 'a:b:c:d', '1-65535', '65536', '9'.repeat(400), '${X}', '${X:?}',
  '${X', '$$', '~', '../..', '/', 'service:web', 'container:', 'x'.repeat(5000), [], {}, [null], [[]], [{}], ['a', 'a'],
  { a: null }, { constructor: 1 }, { toString: 'x' }, ['a=b', 'c'], '1h', '10m', 'on-failure:x', '\u202E', 'a\nb', '1e3', '0x1f',
] // prettier-ignore
const KEYS = [
  'image',
  'build',
  'ports',
  'volumes',
  'depends_on',
  'x-a',
  'constructor',
  '__proto__',
  '',
  'a b',
  'extends',
  'include',
]

function change([parent, key]: [Container, string], [other, otherKey]: [Container, string], random: Random): void {
  const record = parent as Record<string, unknown>
  const otherRecord = other as Record<string, unknown>
  switch (Math.floor(random() * 4)) {
    case 0:
      if (Array.isArray(parent)) parent.splice(Number(key), 1)
      else delete record[key]
      return
    case 1:
      ;[record[key], otherRecord[otherKey]] = [otherRecord[otherKey], record[key]]
      return
    case 2:
      record[key] = pick(VALUES, random)
      return
    default: {
      const value = record[key]
      if (!Array.isArray(parent)) delete record[key]
      Object.defineProperty(record, pick([...KEYS, otherKey], random), {
        value,
        enumerable: true,
        writable: true,
        configurable: true,
      })
    }
  }
}

if (import.meta.main) {
  const [count = '100000', seed = '1'] = process.argv.slice(2)
  const startedMs = performance.now()
  const { failures, ...figures } = await fuzz(Number(count), Number(seed), (done, failed, slowestMs) =>
    console.error(`${done} mutants, ${failed} failures, slowest ${Math.round(slowestMs)} ms`),
  )
  for (const failure of failures) console.log(failure.slice(0, 3000))
  console.log({ ...figures, failures: failures.length, seconds: Math.round((performance.now() - startedMs) / 1000) })
  process.exitCode = failures.length === 0 ? 0 : 1
}
