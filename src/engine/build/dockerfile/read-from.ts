/** FROM: `FROM [--platform=P] IMAGE [AS NAME]`. */
import type { FromInstruction } from './ast.ts'
import { readFlags } from './flags.ts'
import { type Parts, type Reading, fail, wordOf } from './reading.ts'
import { blankWords } from './words.ts'

export function readFrom(reading: Reading): Parts<FromInstruction> {
  const [image, as, name, ...more] = blankWords(reading.split.line, reading.split.rest)
  const isNamed = name !== undefined && as?.text.toLowerCase() === 'as' && more.length === 0
  if (image === undefined || (as !== undefined && !isNamed)) {
    const hint = 'write FROM image, or FROM image AS name'
    throw fail(reading, 'FROM requires either one or three arguments', { span: as ?? reading.split.keyword, hint })
  }
  if (name !== undefined && !/^[a-z][a-z0-9\-_.]*$/.test(name.text.toLowerCase())) {
    const message = `invalid name for build stage: "${name.text}", name can't start with a number or contain symbols`
    throw fail(reading, message, { span: name, code: 'DOCKERFILE_INVALID_VALUE' })
  }
  return {
    kind: 'from',
    image: wordOf(reading, image),
    platform: readFlags(reading, { platform: 'string' }).word('platform'),
    as: name === undefined ? undefined : wordOf(reading, name),
    ...(as === undefined ? {} : { asKeyword: as.text }),
  }
}
