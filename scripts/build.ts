/**
 * Bundles the two programs into dist/: mycompose.js (the command line) and engine.js (the background process), with
 * shared and lazily imported parts as chunks beside them. Node refuses to strip types under node_modules, and a bundle
 * starts twice as fast. koffi stays outside: it is native, and only the engine loads it.
 */
import { chmod, rename, rm, utimes } from 'node:fs/promises'
import { join } from 'node:path'
import { build, type Plugin } from 'esbuild'

const root = join(import.meta.dirname, '..')
const dist = join(root, 'dist')
/** Swapped in when it is complete, so that a failed build breaks nothing. */
const next = join(root, 'node_modules/.mycompose-dist')

/** commander imports node:child_process for a feature that we do not use; opening it takes 5 ms of every start. */
const lazyChildProcess: Plugin = {
  name: 'lazy-child-process',
  setup(bundler) {
    bundler.onResolve({ filter: /^node:child_process$/ }, ({ importer }) =>
      importer.includes('/node_modules/commander/') ? { path: 'child_process', namespace: 'lazy' } : undefined,
    )
    bundler.onLoad({ filter: /.*/, namespace: 'lazy' }, () => ({
      contents: `export default new Proxy({}, {
        get: (_, name) => process.getBuiltinModule('node:child_process')[name],
      })`,
    }))
  },
}

const startedAt = new Date()
await rm(next, { recursive: true, force: true })
await build({
  entryPoints: { mycompose: join(root, 'src/cli/main.ts'), engine: join(root, 'src/engine/main.ts') },
  outdir: next,
  chunkNames: 'chunks/[name]-[hash]',
  bundle: true,
  splitting: true,
  format: 'esm',
  platform: 'node',
  target: 'node24',
  external: ['koffi'],
  plugins: [lazyChildProcess],
  // CommonJS packages inside ask for built-ins by require
  banner: {
    js: "import { createRequire as __createRequire } from 'node:module'; const require = __createRequire(import.meta.url);",
  },
  minifySyntax: true,
  minifyWhitespace: true,
  keepNames: true,
  legalComments: 'linked',
  logLevel: 'warning',
})
await chmod(join(next, 'mycompose.js'), 0o755)
// a source that changes meanwhile is newer than the bundle
for (const name of ['mycompose.js', 'engine.js']) await utimes(join(next, name), startedAt, startedAt)
await rm(dist, { recursive: true, force: true })
await rename(next, dist)
