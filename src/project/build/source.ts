/**
 * What the text of a context means: a path, another service's image, or something that the engine fetches itself. Pure.
 * Source: Compose Build Specification (context, additional_contexts); docs.docker.com/build/concepts/context on which URLs
 * are git's.
 */
import type { BuildSource } from '../../api/types/build.ts'

export type WrittenSource =
  | Exclude<BuildSource, { readonly kind: 'directory' | 'tar' }>
  /** Absolute; what is there decides between a folder and a tar. */
  | { readonly kind: 'path'; readonly path: string }
  /** The image that this service builds. */
  | { readonly kind: 'service'; readonly service: string }

/** A web address is a repository when it says so by its ending, else it is a tar or a Dockerfile. */
const GIT = /^(?:git:\/\/|ssh:\/\/|git@|github\.com\/|https?:\/\/[^#?]+\.git(?:[#?]|$))/i
const SCP_LIKE = /^[\w.-]+@[\w.-]+:(?!\/\/)/

/**
 * `text`: as the model has it, so a path is absolute by now.
 * @example parseSource("https://example.org/web.git#v1:src") is { kind: "git", url: the same }
 */
export function parseSource(text: string): WrittenSource {
  const [, scheme = '', rest = ''] = /^([a-z-]+):(?:\/\/)?(.*)$/s.exec(text) ?? []
  if (scheme === 'service') return { kind: 'service', service: rest }
  if (scheme === 'docker-image') return { kind: 'image', reference: rest }
  if (scheme === 'oci-layout') return parseLayout(rest)
  if (GIT.test(text) || SCP_LIKE.test(text))
    return { kind: 'git', url: text.startsWith('github.com/') ? `https://${text}` : text }
  if (scheme === 'http' || scheme === 'https') return { kind: 'http', url: text }
  return { kind: 'path', path: scheme === 'file' ? rest : text }
}

/** "/layout:tag", "/layout@sha256:..." */
function parseLayout(text: string): WrittenSource {
  const [, path = '', digest, tag] = /^(.*?)(?:@(sha256:[0-9a-f]{64})|:([\w][\w.-]{0,127}))?$/s.exec(text) ?? []
  const reference = digest ?? tag
  return { kind: 'oci-layout', path, ...(reference === undefined ? {} : { reference }) }
}
