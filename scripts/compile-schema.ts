/**
 * schemas/compose.schema.json -> schemas/compose.validate.js, a module without imports: compiling the schema at
 * start-up would cost each command more than 100 ms. `--check` only tells whether the committed module is up to date.
 */
import { readFile, writeFile } from 'node:fs/promises'
import { Ajv } from 'ajv'
import ajvStandalone from 'ajv/dist/standalone/index.js'

const SCHEMA = new URL('../schemas/compose.schema.json', import.meta.url)
const TARGET = new URL('../schemas/compose.validate.js', import.meta.url)

/** The text of the module. */
export async function compileSchema(): Promise<string> {
  const schema = JSON.parse(await readFile(SCHEMA, 'utf8')) as object
  const ajv = new Ajv({
    allErrors: true,
    strictTypes: false,
    allowUnionTypes: true,
    inlineRefs: false,
    // The words of errors are ours (src/compose/schema-errors.ts).
    messages: false,
    code: { source: true, esm: true, lines: false, optimize: 1 },
  })
  const code = ajvStandalone.default(ajv, ajv.compile(schema))
  if (/\brequire\(|^import /m.test(code)) throw new Error('the compiled schema needs ajv at run time')
  const header = '// Made from compose.schema.json by scripts/compile-schema.ts: do not edit.\n'
  return `${header}${code.replace(/^"use strict";/, '')}\n`
}

if (import.meta.main) {
  const code = await compileSchema()
  if (!process.argv.includes('--check')) await writeFile(TARGET, code)
  else if ((await readFile(TARGET, 'utf8')) !== code) {
    console.error('schemas/compose.validate.js is not up to date: run node scripts/compile-schema.ts')
    process.exitCode = 1
  }
}
