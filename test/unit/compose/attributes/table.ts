/**
 * The shape of the tests of one attribute: each case loads a text, compares the canonical value, prints the project
 * and loads what was printed: it must be the same service.
 */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Service } from '../../../../src/compose/model.ts'
import { printProject } from '../../../../src/compose/print.ts'
import { load, loadWeb, places, problemsOf, webFile, type LoadOptions } from '../support.ts'

export interface Case extends LoadOptions {
  readonly name: string
  /** Lines of attributes of the service "web". */
  readonly input: string
  /** The attributes that it must have. */
  readonly want: Partial<Service>
  /** More of the file: networks, volumes, other services. */
  readonly rest?: string
}

export interface ErrorCase {
  readonly name: string
  readonly input: string
  /** "CODE line:column"; the attributes begin on line 4, column 5. */
  readonly want: readonly string[]
  readonly rest?: string
}

export function testAttribute(attribute: string, cases: readonly Case[], errors: readonly ErrorCase[] = []): void {
  for (const { name, input, want, ...options } of cases) {
    test(`${attribute}: ${name}`, async () => {
      const web = await loadWeb(input, options)
      const got = Object.fromEntries(Object.keys(want).map((key) => [key, web[key as keyof Service]]))
      assert.deepEqual(got, want)
      await assertRoundTrip(input, options)
    })
  }
  for (const { name, input, want, rest } of errors) {
    test(`${attribute}: ${name} is refused`, async () => {
      assert.deepEqual(places(await problemsOf(webFile(input, rest))), want)
    })
  }
}

async function assertRoundTrip(
  input: string,
  { rest, ...options }: LoadOptions & { readonly rest?: string },
): Promise<void> {
  const { project } = await load(webFile(input, rest), options)
  for (const format of ['yaml', 'json'] as const) {
    const text = printProject(project, format)
    const again = await load(text, { ...options, workingDir: '/project' })
    assert.deepEqual(again.project.services, project.services, text)
    assert.equal(printProject(again.project, format), text)
  }
}
