/**
 * Bundles the two programs into dist/: mycompose.js with cli.js (the command line), engine.js (the background process) and
 * unpack-worker.js (the script of its threads). Node refuses to strip types under node_modules, and a bundle starts twice
 * as fast. koffi stays outside: it is native, and only the engine loads it.
 */
import { builtinModules } from 'node:module'
import { createHash } from 'node:crypto'
import { chmod, readFile, rename, rm, utimes, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { build, type Plugin } from 'esbuild'

const root = join(import.meta.dirname, '..')
const dist = join(root, 'dist')
/** Swapped in when it is complete, so that a failed build breaks nothing. */
const next = join(root, 'node_modules/.mycompose-dist')

const BUILT_IN = new RegExp(`^(?:node:.*|${builtinModules.join('|')})$`)

/**
 * In one file all imports of Node's modules would stand at its top and cost every start 20 ms. This way each is loaded
 * when the first module that uses it runs; node:child_process for commander, which never uses it here, not at all.
 */
const lazyBuiltIns: Plugin = {
  name: 'lazy-built-ins',
  setup(bundler) {
    bundler.onResolve({ filter: BUILT_IN }, ({ path, importer }) => ({
      path: path.replace(/^(?:node:)?/, 'node:'),
      namespace:
        path.endsWith('child_process') && importer.includes('/node_modules/commander/') ? 'unused' : 'built-in',
    }))
    bundler.onLoad({ filter: /.*/, namespace: 'built-in' }, ({ path }) => ({
      contents: `module.exports = process.getBuiltinModule(${JSON.stringify(path)})`,
    }))
    bundler.onLoad({ filter: /.*/, namespace: 'unused' }, ({ path }) => ({
      contents: `export default new Proxy({}, { get: (_, name) => process.getBuiltinModule('${path}')[name] })`,
    }))
  },
}

/** Dynamic imports stay lazy inside one file: modules run when they are asked for, and one file opens faster than 40. */
async function bundle(source: string, output: string, define: Record<string, string> = {}): Promise<void> {
  await build({
    entryPoints: [join(root, source)],
    outfile: join(next, output),
    bundle: true,
    format: 'cjs',
    platform: 'node',
    target: 'node24',
    external: ['koffi'],
    define: {
      'import.meta.url': '__url',
      'import.meta.dirname': '__dirname',
      'import.meta.filename': '__filename',
      ...define,
    },
    plugins: [lazyBuiltIns],
    minifySyntax: true,
    minifyWhitespace: true,
    legalComments: 'linked',
    logLevel: 'warning',
  })
}

const startedAt = new Date()
await rm(next, { recursive: true, force: true })
await bundle('src/cli/process.ts', 'cli.js')
const digest = createHash('sha256')
  .update(await readFile(join(next, 'cli.js')))
  .digest('hex')
await bundle('src/cli/bundled.ts', 'mycompose.js', { CLI_DIGEST: JSON.stringify(digest.slice(0, 32)) })
await bundle('src/engine/main.ts', 'engine.js')
await bundle('src/engine/layers/unpack-worker.ts', 'unpack-worker.js')
// CommonJS starts 4 ms faster, and its compiled code can be kept (host/code-cache.ts); the sources are ES modules
await writeFile(join(next, 'package.json'), '{ "type": "commonjs" }\n')
await chmod(join(next, 'mycompose.js'), 0o755)
// a source that changes meanwhile is newer than the bundle
for (const name of ['mycompose.js', 'engine.js']) await utimes(join(next, name), startedAt, startedAt)
await rm(dist, { recursive: true, force: true })
await rename(next, dist)
