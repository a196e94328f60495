/**
 * `npm run setup`: makes a checkout ready to run: Node, Debian packages, npm dependencies, the bundle. Each only when
 * it is missing or out of date, so that a second run takes a fraction of a second. demo, test and bench begin with it.
 * Plain JavaScript without dependencies: it runs under any Node >= 20.
 */
import { dirname } from 'node:path'
import { fileURLToPath } from 'node:url'
import { ensureBundle, ensureDependencies } from './setup-dependencies.mjs'
import { ensureNode } from './setup-node.mjs'
import { ensurePackages, RUNTIME_PACKAGES } from './setup-packages.mjs'
import { createReport, elapsed, runScript } from './setup-report.mjs'

export const REPOSITORY = dirname(dirname(fileURLToPath(import.meta.url)))

/**
 * Does all of it and returns the path of the Node to use from here on. Throws SetupError.
 * @param {{ packages?: Record<string, string> }} [options] packages besides those that mycompose runs on
 */
export function setUp({ packages = {} } = {}) {
  const startedMs = performance.now()
  const report = createReport('setup')
  const node = ensureNode(REPOSITORY, report)
  ensurePackages({ ...RUNTIME_PACKAGES, ...packages }, report)
  ensureDependencies(REPOSITORY, node, report)
  ensureBundle(REPOSITORY, node, report)
  report.line(`ready (${elapsed(startedMs)})`)
  return node
}

if (process.argv[1] === fileURLToPath(import.meta.url)) await runScript(async () => void setUp())
