/**
 * Which images a Dockerfile speaks of, without parsing it (that is the engine's affair): enough to order the builds of
 * services that stand on each other, and to know whose logins may be needed. It may find too much, which costs nothing.
 * Pure.
 */
import { parseReference } from '../../api/reference.ts'

/** The words that can name an image: of FROM, of `--from=` and `from=`, and the values of ARGs. */
export function mentionedImages(dockerfile: string, args: Readonly<Record<string, string>> = {}): ReadonlySet<string> {
  const words: string[] = Object.values(args)
  for (const line of dockerfile.split('\n')) {
    const [, instruction = '', rest = ''] = /^\s*(\w+)\s+(.*)$/.exec(line) ?? []
    const word = /^from$/i.test(instruction)
      ? rest
          .trim()
          .split(/\s+/)
          .find((part) => !part.startsWith('--'))
      : undefined
    if (word !== undefined) words.push(word)
    if (/^arg$/i.test(instruction)) words.push(...rest.split(/\s+/).map((part) => part.slice(part.indexOf('=') + 1)))
    words.push(...Array.from(line.matchAll(/\bfrom=([^\s,]+)/g), ([, value = '']) => value))
  }
  return new Set(words.flatMap((word) => canonicalReference(word.replaceAll(/["']/g, '')) ?? []))
}

/** "debian" is "docker.io/library/debian:latest"; undefined for what is no reference. */
export function canonicalReference(text: string): string | undefined {
  if (text === '' || text.includes('$') || text.length > 512) return undefined
  try {
    const { domain, path, tag, digest } = parseReference(text)
    return `${domain}/${path}${digest === undefined ? `:${tag ?? 'latest'}` : `@${digest}`}`
  } catch {
    return undefined
  }
}
