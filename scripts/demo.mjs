/**
 * `npm run demo`: set-up, then the main job: the images of examples/web-postgres, `up -d --wait`, `ps`, and the answer
 * of the web service on its published port with rows that come from PostgreSQL. A second run takes seconds.
 * Plain JavaScript for Node >= 20.
 */
import { spawnSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, relative } from 'node:path'
import { environmentWith } from './setup-dependencies.mjs'
import { bootstrapArguments, imagesOf, readRecipes, registryNames } from './setup-images.mjs'
import { createReport, elapsed, runScript, SetupError } from './setup-report.mjs'
import { REPOSITORY, setUp } from './setup.mjs'

const COMPOSE_FILE = 'examples/web-postgres/compose.yaml'
/** A machine that drops what goes out would have us wait for minutes. */
const PROBE_TIMEOUT_MS = 15_000
/** What its Dockerfiles are built on. */
const BASE_IMAGE = 'debian:bookworm-slim'
const report = createReport('demo')

/** How a user would type it from where they stand. */
function commandLine(args) {
  const program = relative(process.cwd(), join(REPOSITORY, 'bin/mycompose'))
  const words = args.map((arg) => (/^[\w@%+=:,./-]+$/.test(arg) ? arg : `'${arg.replaceAll("'", String.raw`'\''`)}'`))
  return [program, ...words].join(' ')
}

function createRunner(env) {
  const spawn = (args, stdio, timeout) =>
    spawnSync(join(REPOSITORY, 'bin/mycompose'), args, { cwd: REPOSITORY, env, stdio, timeout, encoding: 'utf8' })
  const announce = (args) => void process.stdout.write(`\n$ ${commandLine(args)}\n`)
  return {
    /** The user sees the command and what it prints. */
    show(args, hint) {
      announce(args)
      const { status, signal } = spawn(args, 'inherit')
      if (status !== 0) throw new SetupError(`mycompose ended with ${signal ?? `exit code ${status}`}`, hint)
    },
    /** The same; false when it failed. */
    try(args) {
      announce(args)
      return spawn(args, 'inherit').status === 0
    },
    /** Its standard output, or undefined when it failed or took too long. */
    ask(args, timeoutMs) {
      const { status, stdout } = spawn(args, ['ignore', 'pipe', 'ignore'], timeoutMs)
      return status === 0 ? stdout : undefined
    },
  }
}

/** Whether a registry or a mirror is reached that has the image. Asks for its digest only. */
function registryHas(mycompose, name) {
  const folder = mkdtempSync(join(tmpdir(), 'mycompose-demo-'))
  const file = join(folder, 'compose.yaml')
  try {
    writeFileSync(file, JSON.stringify({ services: { probe: { image: name } } }))
    const args = ['-f', file, 'config', '--resolve-image-digests', '--quiet']
    return mycompose.ask(args, PROBE_TIMEOUT_MS) !== undefined
  } finally {
    rmSync(folder, { recursive: true })
  }
}

function bringImages(mycompose) {
  const recipes = readRecipes(REPOSITORY)
  const isPresent = (name) => mycompose.ask(['image', 'inspect', name]) !== undefined
  const names = [...imagesOf(readFileSync(join(REPOSITORY, COMPOSE_FILE), 'utf8'), recipes), BASE_IMAGE].toSorted()
  const missing = names.filter((name) => !isPresent(name))
  if (missing.length < names.length)
    report.line(`images present: ${names.filter((name) => !missing.includes(name)).join(', ')}`)
  for (const name of registryNames(missing, recipes).filter((candidate) => !isPresent(candidate))) {
    if (!registryHas(mycompose, name))
      report.line(`image ${name}: no registry and no mirror is reached that has it, so it is made from Debian packages`)
    else if (!mycompose.try(['image', 'pull', name]))
      report.line(`image ${name}: the pull failed, so it is made from Debian packages`)
  }
  for (const name of missing.filter((candidate) => !isPresent(candidate))) {
    const packages =
      recipes[name].include.length === 0 ? 'Debian packages' : `the Debian packages ${recipes[name].include.join(', ')}`
    report.line(`image ${name}, from ${packages} (a minute or so)`)
    mycompose.show(
      bootstrapArguments(name, recipes[name]),
      'check that this machine reaches a Debian mirror; mycompose doctor says what else may be missing',
    )
  }
}

/** "127.0.0.1:8080" of the service, as `ps` tells it. */
function publishedAddress(mycompose, service) {
  const text = mycompose.ask(['-f', COMPOSE_FILE, 'ps', '--format', 'json', service]) ?? ''
  const rows = text.trim().startsWith('[') ? JSON.parse(text) : text.split('\n').filter(Boolean).map(JSON.parse)
  const port = rows.flatMap((row) => row.Publishers ?? []).find((publisher) => publisher.PublishedPort > 0)
  if (port === undefined)
    throw new SetupError(`${service} publishes no port`, `see ${commandLine(['-f', COMPOSE_FILE, 'ps', '-a'])}`)
  return `127.0.0.1:${port.PublishedPort}`
}

async function showAnswer(address) {
  const url = `http://${address}/books.json`
  process.stdout.write(`\n$ curl ${url}\n`)
  let shop
  try {
    const response = await fetch(url, { signal: AbortSignal.timeout(10_000) })
    if (!response.ok) throw new Error(`HTTP status ${response.status}: ${await response.text()}`)
    shop = await response.json()
  } catch (error) {
    throw new SetupError(
      `the web service does not answer at ${url}: ${error.cause?.message ?? error.message}`,
      `see ${commandLine(['-f', COMPOSE_FILE, 'logs'])}`,
    )
  }
  process.stdout.write(`${shop.server}, visit ${shop.visits}\n`)
  for (const { year, title, author } of shop.books) process.stdout.write(`  ${year}  ${title}, ${author}\n`)
}

async function main() {
  const startedMs = performance.now()
  if (process.getuid?.() !== 0)
    throw new SetupError('containers need root here', 'run: sudo npm run demo (rootless engines are a later step)')
  const node = setUp()
  const mycompose = createRunner(environmentWith(node))
  bringImages(mycompose)
  mycompose.show(
    ['-f', COMPOSE_FILE, 'up', '-d', '--wait'],
    'the lines above name the cause; WEB_PORT=9000 npm run demo takes another port; mycompose doctor checks the machine',
  )
  mycompose.show(['-f', COMPOSE_FILE, 'ps'], 'mycompose doctor checks the machine')
  const address = publishedAddress(mycompose, 'web')
  await showAnswer(address)
  const project = ['-p', 'web-postgres']
  const next = [
    [`http://${address}/`, 'the page, in a browser'],
    [commandLine([...project, 'logs', '-f']), 'what the services say'],
    [commandLine([...project, 'exec', 'db', 'psql', '-U', 'shop']), 'the database'],
    [commandLine([...project, 'down']), 'stop (-v: with its data)'],
    [commandLine(['engine', 'status']), 'the engine; engine stop ends it'],
    ['examples/README.md', 'more examples'],
  ]
  const width = Math.max(...next.map(([command]) => command.length))
  process.stdout.write(`\nIt runs (${elapsed(startedMs)}). From here:\n`)
  for (const [command, meaning] of next) process.stdout.write(`  ${command.padEnd(width)}  ${meaning}\n`)
}

await runScript(main)
