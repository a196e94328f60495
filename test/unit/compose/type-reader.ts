/**
 * Reads the types of src/compose/model*.ts, which hold nothing but interfaces and aliases: TypeScript 7 has no API for
 * it, and a test wants to compare them with the schema.
 */

export type ReadType =
  | { readonly kind: 'object'; readonly fields: ReadonlyMap<string, Field> }
  | { readonly kind: 'record'; readonly value: ReadType }
  | { readonly kind: 'list'; readonly item: ReadType }
  | { readonly kind: 'union'; readonly types: readonly ReadType[] }
  | { readonly kind: 'literal'; readonly value: string }
  | { readonly kind: 'word'; readonly name: string }

export interface Field {
  readonly type: ReadType
  readonly isOptional: boolean
}

interface Declaration {
  readonly base: string | undefined
  readonly type: ReadType
}

export type Declarations = ReadonlyMap<string, Declaration>

/** What `interface` and `type` declare in these texts. Throws on what it does not know. */
export function readTypes(texts: readonly string[]): Declarations {
  const declared = new Map<string, Declaration>()
  for (const text of texts) {
    const tokens = tokensOf(text)
    while (tokens.peek() !== undefined) {
      const word = tokens.next()
      if (word === 'import' || (word === 'export' && tokens.peek(1) === '{')) {
        while (!/^'.*'$/.test(tokens.next())) {}
      } else if (word === 'interface') {
        const name = tokens.next()
        const base = tokens.take('extends') ? tokens.next() : undefined
        declared.set(name, { base, type: readType(tokens) })
      } else if (word === 'type') {
        const name = tokens.next()
        tokens.expect('=')
        tokens.take('|')
        declared.set(name, { base: undefined, type: readType(tokens) })
      } else if (word !== 'export') throw new Error(`unknown declaration "${word}"`)
    }
  }
  return declared
}

/** The type that a name stands for, with the fields of what it extends. */
export function resolve(type: ReadType, declared: Declarations): ReadType {
  if (type.kind !== 'word') return type
  const found = declared.get(type.name)
  if (found === undefined) return type
  const own = resolve(found.type, declared)
  if (found.base === undefined || own.kind !== 'object') return own
  const base = resolve({ kind: 'word', name: found.base }, declared)
  return { kind: 'object', fields: new Map([...(base.kind === 'object' ? base.fields : []), ...own.fields]) }
}

interface Tokens {
  peek(ahead?: number): string | undefined
  next(): string
  take(token: string): boolean
  expect(token: string): void
}

function tokensOf(text: string): Tokens {
  const bare = text.replaceAll(/\/\*[\s\S]*?\*\/|\/\/.*$/gm, '')
  const found = bare.match(/'[^']*'|[A-Za-z_]\w*|[{}<>[\]|?:,=]/g) ?? []
  let at = 0
  const next = (): string => {
    const token = found[at]
    if (token === undefined) throw new Error('the text ends within a declaration')
    at += 1
    return token
  }
  const take = (token: string): boolean => {
    if (found[at] !== token) return false
    at += 1
    return true
  }
  return {
    peek: (ahead = 0) => found[at + ahead],
    next,
    take,
    expect(token) {
      if (!take(token))
        throw new Error(`expected "${token}", not "${found[at]}" after "${found.slice(at - 5, at).join(' ')}"`)
    },
  }
}

function readType(tokens: Tokens): ReadType {
  const types = [readOne(tokens)]
  while (tokens.take('|')) types.push(readOne(tokens))
  const [first] = types
  return types.length === 1 && first !== undefined ? first : { kind: 'union', types }
}

function readOne(tokens: Tokens): ReadType {
  tokens.take('readonly')
  let type = readPrimary(tokens)
  while (tokens.peek() === '[' && tokens.peek(1) === ']') {
    tokens.next()
    tokens.next()
    type = { kind: 'list', item: type }
  }
  return type
}

function readPrimary(tokens: Tokens): ReadType {
  if (tokens.peek() === '{') return readFields(tokens)
  const word = tokens.next()
  if (word.startsWith("'")) return { kind: 'literal', value: word.slice(1, -1) }
  if (word !== 'Readonly') return { kind: 'word', name: word }
  for (const token of ['<', 'Record', '<', 'string', ',']) tokens.expect(token)
  const value = readType(tokens)
  for (const token of ['>', '>']) tokens.expect(token)
  return { kind: 'record', value }
}

function readFields(tokens: Tokens): ReadType {
  const fields = new Map<string, Field>()
  tokens.expect('{')
  while (!tokens.take('}')) {
    tokens.expect('readonly')
    const name = tokens.next()
    const isOptional = tokens.take('?')
    tokens.expect(':')
    fields.set(name, { type: readType(tokens), isOptional })
  }
  return { kind: 'object', fields }
}
