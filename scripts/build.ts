/**
 * Bundles the two programs into dist/: mycompose.js (the command line) and engine.js (the background process), with
 * shared and lazily imported parts as chunks beside them. Node refuses to strip types under node_modules, and a bundle
 * starts twice as fast. koffi stays outside: it is native, and only the engine loads it.
 */
import { chmod, rm, utimes } from 'node:fs/promises'
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { build } from 'esbuild'

const root = join(import.meta.dirname, '..')
const dist = join(root, 'dist')

const { chunkNames, entries } = {
  chunkNames: 'chunks/[name]-[hash]',
  entries: { mycompose: join(root, 'src/cli/main.ts'), engine: join(root, 'src/engine/main.ts') },
}
const present = Object.fromEntries(Object.entries(entries).filter(([, file]) => existsSync(file)))

await rm(dist, { recursive: true, force: true })
await build({
  entryPoints: present,
  outdir: dist,
  chunkNames,
  bundle: true,
  splitting: true,
  format: 'esm',
  platform: 'node',
  target: 'node24',
  external: ['koffi'],
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
await chmod(join(dist, 'mycompose.js'), 0o755)
// written last, so newer than every source that went into it
const now = new Date()
await utimes(join(dist, 'mycompose.js'), now, now)
