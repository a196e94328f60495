/**
 * Bundles the two programs into dist/: mycompose.js with cli.js (the command line) and engine.js (the background process).
 * Node refuses to strip types under node_modules, and a bundle starts twice as fast. koffi stays outside: it is native,
 * and only the engine loads it.
 */
import { builtinModules } from 'node:module'
import { chmod, rename, rm, utimes } from 'node:fs/promises'
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

/** main.ts stays tiny and loads the rest as a file of its own, once the cache of compiled code is on. */
const separateProcess: Plugin = {
  name: 'separate-process',
  setup(bundler) {
    bundler.onResolve({ filter: /^\.\/process\.ts$/ }, ({ importer }) =>
      importer.endsWith('/src/cli/main.ts') ? { path: './cli.js', external: true } : undefined,
    )
  },
}

/** Dynamic imports stay lazy inside one file: modules run when they are asked for, and one file opens faster than 40. */
async function bundle(source: string, output: string): Promise<void> {
  await build({
    entryPoints: [join(root, source)],
    outfile: join(next, output),
    bundle: true,
    format: 'esm',
    platform: 'node',
    target: 'node24',
    external: ['koffi'],
    plugins: [lazyBuiltIns, separateProcess],
    // CommonJS packages inside ask for built-ins by require
    banner: {
      js: "import { createRequire as __createRequire } from 'node:module'; const require = __createRequire(import.meta.url);",
    },
    minifySyntax: true,
    minifyWhitespace: true,
    legalComments: 'linked',
    logLevel: 'warning',
  })
}

const startedAt = new Date()
await rm(next, { recursive: true, force: true })
await bundle('src/cli/main.ts', 'mycompose.js')
await bundle('src/cli/process.ts', 'cli.js')
await bundle('src/engine/main.ts', 'engine.js')
await chmod(join(next, 'mycompose.js'), 0o755)
// a source that changes meanwhile is newer than the bundle
for (const name of ['mycompose.js', 'engine.js']) await utimes(join(next, name), startedAt, startedAt)
await rm(dist, { recursive: true, force: true })
await rename(next, dist)
