/** `--device=NAME[,required]` of RUN, also `name=NAME,required=true`. PURE. Source: Dockerfile reference, RUN --device. */
import type { Word } from '../dockerfile/ast.ts'
import { parseBoolean } from '../dockerfile/boolean.ts'
import { csvFields } from '../dockerfile/csv.ts'
import type { RunDevice } from '../plan.ts'
import type { Expander } from './expander.ts'

/** Throws DockerfileError. */
export function planDevice(word: Word, variables: ReadonlyMap<string, string>, expander: Expander): RunDevice {
  const text = expander.word(word, variables)
  const wrong = (why: string): Error =>
    expander.error(
      word.range,
      'DOCKERFILE_INVALID_VALUE',
      `--device=${text}: ${why}`,
      'write --device=VENDOR/CLASS=NAME, with ",required" when the step cannot do without',
    )
  let name = ''
  let isRequired = false
  for (const { text: field } of csvFields(text) ?? []) {
    const [key = '', value] = field.split(/=(.*)/s)
    if (key.toLowerCase() === 'required') {
      const wish = value === undefined ? true : parseBoolean(value)
      if (wish === undefined) throw wrong(`"required" is ${JSON.stringify(value)}, neither true nor false`)
      isRequired = wish
    } else if (name === '') name = key.toLowerCase() === 'name' && value !== undefined ? value : field
    else throw wrong(`unexpected ${JSON.stringify(field)}`)
  }
  if (name === '') throw wrong('no name of a device')
  return { name, isRequired }
}
