/**
 * Variables in a Dockerfile's words: quotes and escapes are taken off, `$x` and `${x...}` replaced. One pass over the text, as a
 * shell does it, in all the forms that BuildKit has: `:-` `-` `:+` `+` `:?` `?` `#` `##` `%` `%%` `/` `//`.
 * Source: Dockerfile reference, "Environment replacement"; POSIX XCU 2.6.2.
 */
import { isNameCharacter, isSpace } from './characters.ts'
import { DockerfileError, type Place } from './errors.ts'
import { type Pattern, parsePattern, removePrefix, removeSuffix, replacePattern } from './pattern.ts'

/** Undefined: not set. */
export type Lookup = (name: string) => string | undefined

export interface ExpandOptions {
  readonly escape: '\\' | '`'
  /** Of the text, for errors. */
  readonly where?: Place | undefined
  /** "remove" (default): they quote. "keep": they quote and stay. "plain": they are characters like others (heredocs). */
  readonly quotes?: 'remove' | 'keep' | 'plain'
  /** Escapes quote and stay. */
  readonly keepsEscapes?: boolean
  /** `$x` stays as it is when x is not set, as in names of steps. */
  readonly keepsUnset?: boolean
}

/** Throws DOCKERFILE_EXPANSION. */
export function expandWord(text: string, lookup: Lookup, options: ExpandOptions): string {
  return new Expansion(text, lookup, options).all().text
}

/** Like a shell: what is expanded is split at white space, what is quoted is not. Empty words are dropped. */
export function expandWords(text: string, lookup: Lookup, options: ExpandOptions): readonly string[] {
  return new Expansion(text, lookup, options).all().words
}

/** Content of a heredoc: quotes mean nothing, and the escape is always the backslash. */
export function expandHeredoc(text: string, lookup: Lookup, where: Place | undefined): string {
  return expandWord(text, lookup, { escape: '\\', quotes: 'plain', where })
}

/** Each level of `${x:-${y:-...}}` is a recursion. */
const MAX_DEPTH = 100
const SPECIAL_PARAMETERS = '@*#?-$!0'

class Words {
  readonly done: string[] = []
  #current = ''

  /** White space in it separates. */
  split(text: string): void {
    for (const character of text) {
      if (!isSpace(character)) this.#current += character
      else this.end()
    }
  }

  join(text: string): void {
    this.#current += text
  }

  end(): void {
    if (this.#current !== '') this.done.push(this.#current)
    this.#current = ''
  }
}

interface Expanded {
  readonly text: string
  readonly words: readonly string[]
}

class Expansion {
  readonly #text: string
  readonly #lookup: Lookup
  readonly #options: ExpandOptions
  #at = 0
  #depth = 0
  #keepsEscapes: boolean

  constructor(text: string, lookup: Lookup, options: ExpandOptions) {
    this.#text = text
    this.#lookup = lookup
    this.#options = options
    this.#keepsEscapes = options.keepsEscapes ?? false
  }

  all(): Expanded {
    return this.#until(undefined)
  }

  /** To the end, or to `stop`, which is consumed. */
  #until(stop: string | undefined): Expanded {
    let text = ''
    const words = new Words()
    while (this.#at < this.#text.length) {
      const character = this.#peek()
      if (character === stop) {
        this.#at += 1
        words.end()
        return { text, words: words.done }
      }
      const piece = this.#piece(character)
      text += piece.text
      if (piece.splits) words.split(piece.text)
      else words.join(piece.text)
    }
    if (stop !== undefined) {
      const what = stop === '/' ? `missing "/" in \${}` : `missing "${stop}"`
      throw this.#error(`syntax error: ${what}`)
    }
    words.end()
    return { text, words: words.done }
  }

  #piece(character: string): { readonly text: string; readonly splits: boolean } {
    if (character === '$') return { text: this.#dollar(), splits: true }
    if (character === '<') return { text: this.#lessThan(), splits: false }
    if (this.#options.quotes !== 'plain') {
      if (character === "'") return { text: this.#singleQuoted(), splits: false }
      if (character === '"') return { text: this.#doubleQuoted(), splits: false }
    }
    if (character === this.#options.escape) return { text: this.#escaped(), splits: false }
    this.#at += character.length
    return { text: character, splits: true }
  }

  /** "<<" binds the blanks behind it: `<< EOF` is one word. */
  #lessThan(): string {
    const start = this.#at
    this.#at += 1
    if (this.#text[this.#at] !== '<') return '<'
    this.#at += 1
    while (' \t\r'.includes(this.#text[this.#at] ?? '-')) this.#at += 1
    return this.#text.slice(start, this.#at)
  }

  /** At the end of the text the escape is dropped. */
  #escaped(): string {
    const kept = this.#keepsEscapes ? this.#options.escape : ''
    this.#at += 1
    const next = this.#at < this.#text.length ? this.#peek() : ''
    this.#at += next.length
    return kept + next
  }

  #singleQuoted(): string {
    const end = this.#text.indexOf("'", this.#at + 1)
    if (end === -1) throw this.#error('unexpected end of statement while looking for the matching single quote')
    const inner = this.#text.slice(this.#at + 1, end)
    this.#at = end + 1
    return this.#options.quotes === 'keep' ? `'${inner}'` : inner
  }

  #doubleQuoted(): string {
    const start = this.#at
    const quote = this.#options.quotes === 'keep' ? '"' : ''
    let text = quote
    this.#at += 1
    while (this.#at < this.#text.length) {
      const character = this.#peek()
      if (character === '"') {
        this.#at += 1
        return text + quote
      }
      if (character === '$') text += this.#dollar()
      else if (character === this.#options.escape) text += this.#escapedInQuotes()
      else {
        text += character
        this.#at += character.length
      }
    }
    this.#at = start
    throw this.#error('unexpected end of statement while looking for the matching double quote')
  }

  /** Only `"`, `$` and the escape itself can be escaped there. */
  #escapedInQuotes(): string {
    const { escape } = this.#options
    this.#at += 1
    const next = this.#text[this.#at]
    if (next === undefined) return this.#keepsEscapes ? escape : ''
    if (next !== '"' && next !== '$' && next !== escape) return this.#keepsEscapes ? escape + escape : escape
    this.#at += 1
    return this.#keepsEscapes ? escape + next : next
  }

  #dollar(): string {
    const start = this.#at
    this.#at += 1
    if (this.#text[this.#at] === '{') {
      if (this.#depth >= MAX_DEPTH) throw this.#error(`substitutions are nested deeper than ${MAX_DEPTH} levels`)
      this.#depth += 1
      this.#at += 1
      const value = this.#braced(start)
      this.#depth -= 1
      return value
    }
    const name = this.#name()
    if (name === '') return '$'
    const value = this.#lookup(name)
    return value ?? (this.#options.keepsUnset === true ? `$${name}` : '')
  }

  #braced(start: number): string {
    const first = this.#text[this.#at]
    if (first === undefined) throw this.#error('syntax error: missing "}"', start)
    if (first === '{' || first === '}' || first === ':') throw this.#error('syntax error: bad substitution', start)
    const name = this.#name()
    let modifier = this.#take(start)
    if (modifier === '}') {
      return this.#lookup(name) ?? (this.#options.keepsUnset === true ? `\${${name}}` : '')
    }
    if (modifier === '/') return this.#replaced(name)
    const emptyIsUnset = modifier === ':'
    if (emptyIsUnset) modifier = this.#take(start)
    const isPattern = modifier === '#' || modifier === '%'
    if (!'-+?#%'.includes(modifier) || (isPattern && emptyIsUnset)) {
      const hint =
        'the forms are ${x} ${x:-y} ${x-y} ${x:+y} ${x+y} ${x:?y} ${x?y} ${x#y} ${x##y} ${x%y} ${x%%y} ${x/y/z} ${x//y/z}'
      throw this.#error(`unsupported modifier (${emptyIsUnset ? ':' : ''}${modifier}) in substitution`, start, hint)
    }
    const word = this.#operand('}', isPattern)
    const value = this.#lookup(name)
    if (value === undefined && this.#options.keepsUnset === true) {
      return `\${${name}${emptyIsUnset ? ':' : ''}${modifier}${word}}`
    }
    if (isPattern) return this.#trimmed(modifier, word, value ?? '', start)
    const isSet = value !== undefined && !(emptyIsUnset && value === '')
    if (modifier === '-') return isSet ? value : word
    if (modifier === '+') return isSet ? word : ''
    if (isSet) return value
    const message = word === '' ? `is not allowed to be ${value === undefined ? 'unset' : 'empty'}` : word
    throw this.#error(`${name}: ${message}`, start)
  }

  /** Escapes of patterns belong to the pattern: `\}` and `\/` do not end it. */
  #operand(stop: string, keepsEscapes: boolean): string {
    const before = this.#keepsEscapes
    this.#keepsEscapes = keepsEscapes
    const { text } = this.#until(stop)
    this.#keepsEscapes = before
    return text
  }

  #trimmed(modifier: string, word: string, value: string, start: number): string {
    const isLongest = word.startsWith(modifier)
    const pattern = this.#pattern(isLongest ? word.slice(1) : word, start)
    return modifier === '#' ? removePrefix(value, pattern, isLongest) : removeSuffix(value, pattern, isLongest)
  }

  #replaced(name: string): string {
    const start = this.#at
    const isGlobal = this.#text[this.#at] === '/'
    if (isGlobal) this.#at += 1
    const pattern = this.#operand('/', true)
    const replacement = this.#operand('}', true)
    const value = this.#lookup(name)
    if (value === undefined && this.#options.keepsUnset === true) return `\${${name}/${pattern}/${replacement}}`
    return replacePattern(value ?? '', this.#pattern(pattern, start), replacement, isGlobal)
  }

  #pattern(text: string, start: number): Pattern {
    const pattern = parsePattern(text)
    if (pattern !== undefined) return pattern
    throw this.#error(`invalid pattern (${text}) in substitution`, start, 'a "\\" escapes only *, ?, \\, } and /')
  }

  /** Letters, digits and "_"; digits alone when it begins with one; or one special parameter. "" when there is none. */
  #name(): string {
    const start = this.#at
    const first = this.#peek()
    const onlyDigits = /^\p{Nd}/u.test(first)
    if (!onlyDigits && first !== '' && SPECIAL_PARAMETERS.includes(first)) {
      this.#at += 1
      return first
    }
    for (let next = first; next !== ''; next = this.#peek()) {
      if (onlyDigits ? !/^\p{Nd}/u.test(next) : !isNameCharacter(next)) break
      this.#at += next.length
    }
    return this.#text.slice(start, this.#at)
  }

  /** The character (code point) here; "" at the end. */
  #peek(): string {
    const code = this.#text.codePointAt(this.#at)
    return code === undefined ? '' : String.fromCodePoint(code)
  }

  #take(start: number): string {
    const character = this.#peek()
    if (character === '') throw this.#error('syntax error: missing "}"', start)
    this.#at += character.length
    return character
  }

  #error(message: string, start = this.#at, hint?: string): DockerfileError {
    return new DockerfileError('DOCKERFILE_EXPANSION', message, this.#placeAt(start), hint)
  }

  /** Narrowed to the substitution where the text stands in the file as it is. */
  #placeAt(start: number): Place | undefined {
    const { where } = this.#options
    if (where === undefined) return undefined
    const { line, column, endLine, endColumn } = where.range
    if (line !== endLine || endColumn - column !== this.#text.length) return where
    const from = column + Math.min(start, Math.max(0, this.#text.length - 1))
    return { source: where.source, range: { line, column: from, endLine, endColumn } }
  }
}
