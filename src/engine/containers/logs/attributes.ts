/**
 * PURE: what the options tag, labels, labels-regex, env and env-regex make of a container: the tag that names it in a
 * journal or syslog, and the attributes that go with each line (`docker logs --details`).
 * Source: Docker docs, "Customize log driver output", "Configure logging drivers" (labels, env).
 */
import { InvalidRequestError } from '../../../errors.ts'
import type { ContainerDocument } from '../../../state/containers.ts'

const SHORT_ID = 12
const DEFAULT_TAG = '{{.ID}}'

function names(option: string | undefined): ReadonlySet<string> {
  return new Set((option ?? '').split(',').filter((name) => name !== ''))
}

function matcher(option: string | undefined, regex: string | undefined): (name: string) => boolean {
  const known = names(option)
  const pattern = regex === undefined || regex === '' ? undefined : new RegExp(regex)
  return (name) => known.has(name) || pattern?.test(name) === true
}

type Subject = Pick<ContainerDocument, 'config' | 'hostConfig'>

/** Sorted by name. */
export function logAttributes({ config, hostConfig }: Subject): readonly (readonly [string, string])[] {
  const options = hostConfig.LogConfig?.Config ?? {}
  const found = new Map<string, string>()
  const wantsLabel = matcher(options['labels'], options['labels-regex'])
  for (const [name, value] of Object.entries(config.Labels ?? {})) if (wantsLabel(name)) found.set(name, value)
  const wantsEnv = matcher(options['env'], options['env-regex'])
  for (const entry of config.Env ?? []) {
    const at = entry.indexOf('=')
    const name = at < 0 ? entry : entry.slice(0, at)
    if (at >= 0 && wantsEnv(name)) found.set(name, entry.slice(at + 1))
  }
  return [...found].toSorted(([a], [b]) => (a < b ? -1 : 1))
}

/** Go's url.QueryEscape. */
const escape = (text: string): string =>
  encodeURIComponent(text)
    .replaceAll('%20', '+')
    .replaceAll(/[!'()*]/g, (character) => `%${character.charCodeAt(0).toString(16).toUpperCase()}`)

/** As docker prints it, with the blank that follows. */
export function detailsText(subject: Subject): string {
  return `${logAttributes(subject)
    .map(([name, value]) => `${escape(name)}=${escape(value)}`)
    .join(',')} `
}

type Tagged = Pick<ContainerDocument, 'id' | 'name' | 'image' | 'path' | 'args' | 'config' | 'hostConfig'>

function fields(container: Tagged): Readonly<Record<string, string>> {
  const { id, name, image, path, args } = container
  return {
    ID: id.slice(0, SHORT_ID),
    FullID: id,
    Name: name,
    FullName: `/${name}`,
    ImageID: image.id.replace(/^sha256:/, '').slice(0, SHORT_ID),
    ImageFullID: image.id,
    ImageName: image.reference,
    Command: [path, ...args].join(' '),
    DaemonName: 'docker',
  }
}

/** Throws InvalidRequestError for what is no field: the template language is Go's, only its fields are known here. */
export function logTag(container: Tagged): string {
  const template = container.hostConfig.LogConfig?.Config?.['tag']
  const known = fields(container)
  return (template === undefined || template === '' ? DEFAULT_TAG : template).replaceAll(
    /\{\{(.*?)\}\}/g,
    (whole, inside: string) => {
      const value = /^\s*\.(\w+)\s*$/.exec(inside)?.[1]
      const text = value === undefined ? undefined : known[value]
      if (text !== undefined) return text
      throw new InvalidRequestError(`invalid value for log option "tag": unknown field ${JSON.stringify(whole)}`, {
        code: 'INVALID_LOG_CONFIG',
        hint: `known: ${Object.keys(known)
          .map((name) => `{{.${name}}}`)
          .join(' ')}`,
      })
    },
  )
}
