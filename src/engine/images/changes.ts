/**
 * Dockerfile instructions that change an image's configuration, as `import --change` takes them. PURE.
 * Source: Dockerfile reference; docker image import, "--change".
 */
import { isAbsolute, join, normalize } from 'node:path'
import type { ContainerConfig, HealthConfig } from '../../api/types/index.ts'
import { expand, splitWords, type Variables } from './shell-words.ts'
import { InvalidRequestError } from '../../errors.ts'
import { parseDurationNs } from '../../units.ts'

/** OnBuild is docker's own and belongs to images only. */
export type ImageRuntimeConfig = ContainerConfig & { readonly OnBuild?: readonly string[] }

type Change = (config: ImageRuntimeConfig, text: string, variables: Variables) => ImageRuntimeConfig

const DEFAULT_SHELL = ['/bin/sh', '-c']

function invalid(instruction: string, why: string): InvalidRequestError {
  return new InvalidRequestError(`invalid change "${instruction}": ${why}`, {
    code: 'IMAGE_CHANGE',
    hint: 'changes are Dockerfile instructions: CMD, ENTRYPOINT, ENV, EXPOSE, HEALTHCHECK, LABEL, ONBUILD, STOPSIGNAL, USER, VOLUME, WORKDIR',
  })
}

function variablesOf(config: ImageRuntimeConfig): Variables {
  return new Map(
    (config.Env ?? []).map((entry) => {
      const equals = entry.indexOf('=')
      return equals < 0 ? [entry, ''] : [entry.slice(0, equals), entry.slice(equals + 1)]
    }),
  )
}

/** The list of the JSON form, or undefined for the shell form. */
function jsonForm(text: string): string[] | undefined {
  if (!text.startsWith('[')) return undefined
  try {
    const value: unknown = JSON.parse(text)
    if (Array.isArray(value) && value.every((item) => typeof item === 'string')) return value
  } catch {
    // as docker: what is no list of strings is a command for the shell
  }
  return undefined
}

function command(config: ImageRuntimeConfig, text: string): string[] {
  return jsonForm(text) ?? [...(config.Shell ?? DEFAULT_SHELL), text]
}

/** "A=b C='d e'", or the old "A b c". */
function pairs(text: string, variables: Variables, name: string): [string, string][] {
  const old = /^([^\s=]+)\s+([^]*)$/.exec(text)
  if (old !== null) return [[old[1] ?? '', expand(old[2] ?? '', variables)]]
  return splitWords(text, variables).map((word) => {
    const equals = word.indexOf('=')
    if (equals <= 0) throw invalid(`${name} ${text}`, `${JSON.stringify(word)} is not KEY=VALUE`)
    return [word.slice(0, equals), word.slice(equals + 1)]
  })
}

function setEnv(config: ImageRuntimeConfig, text: string, variables: Variables): ImageRuntimeConfig {
  const env = new Map(variables)
  for (const [key, value] of pairs(text, variables, 'ENV')) env.set(key, value)
  return { ...config, Env: [...env].map(([key, value]) => `${key}=${value}`) }
}

function asKeys(names: readonly string[]): Record<string, object> {
  return Object.fromEntries(names.toSorted().map((name) => [name, {}]))
}

/** "80", "53/udp", "8000-8002". */
function exposedPorts(word: string): string[] {
  const match = /^(\d+)(?:-(\d+))?(?:\/(tcp|udp|sctp))?$/i.exec(word)
  const first = Number(match?.[1])
  const last = match?.[2] === undefined ? first : Number(match[2])
  if (match === null || first < 1 || last > 65_535 || last < first)
    throw invalid(`EXPOSE ${word}`, 'write PORT, PORT/udp or FIRST-LAST')
  const protocol = (match[3] ?? 'tcp').toLowerCase()
  return Array.from({ length: last - first + 1 }, (_, index) => `${first + index}/${protocol}`)
}

const HEALTH_OPTIONS: Readonly<Record<string, keyof HealthConfig>> = {
  interval: 'Interval',
  timeout: 'Timeout',
  'start-period': 'StartPeriod',
  'start-interval': 'StartInterval',
  retries: 'Retries',
}

function healthcheck(text: string): HealthConfig {
  if (text.trim().toUpperCase() === 'NONE') return { Test: ['NONE'] }
  const values: Record<string, number> = {}
  let rest = text
  for (let match = /^--([a-z-]+)=(\S+)\s+/.exec(rest); match !== null; match = /^--([a-z-]+)=(\S+)\s+/.exec(rest)) {
    const [whole, option = '', value = ''] = match
    const key = HEALTH_OPTIONS[option]
    const number = key === 'Retries' ? Number(value) : parseDurationNs(value)
    if (key === undefined || number === undefined || !Number.isSafeInteger(number) || number < 0)
      throw invalid(`HEALTHCHECK ${text}`, `cannot read --${option}=${value}`)
    values[key] = number
    rest = rest.slice(whole.length)
  }
  const shell = /^CMD\s+([^]+)$/i.exec(rest)?.[1]
  if (shell === undefined) throw invalid(`HEALTHCHECK ${text}`, 'write [OPTIONS] CMD COMMAND, or NONE')
  const list = jsonForm(shell)
  return { Test: list === undefined ? ['CMD-SHELL', shell] : ['CMD', ...list], ...values }
}

function workingDirectory(config: ImageRuntimeConfig, text: string, variables: Variables): ImageRuntimeConfig {
  const path = expand(text, variables)
  if (path === '') throw invalid('WORKDIR', 'it names no folder')
  return { ...config, WorkingDir: isAbsolute(path) ? normalize(path) : join('/', config.WorkingDir ?? '', path) }
}

const CHANGES: Readonly<Record<string, Change>> = {
  CMD: (config, text) => ({ ...config, Cmd: command(config, text) }),
  ENTRYPOINT: (config, text) => ({ ...config, Entrypoint: command(config, text) }),
  ENV: setEnv,
  EXPOSE: (config, text, variables) => ({
    ...config,
    ExposedPorts: asKeys([
      ...Object.keys(config.ExposedPorts ?? {}),
      ...splitWords(text, variables).flatMap((word) => exposedPorts(word)),
    ]),
  }),
  HEALTHCHECK: (config, text) => ({ ...config, Healthcheck: healthcheck(text) }),
  LABEL: (config, text, variables) => ({
    ...config,
    Labels: { ...config.Labels, ...Object.fromEntries(pairs(text, variables, 'LABEL')) },
  }),
  ONBUILD: (config, text) => ({ ...config, OnBuild: [...(config.OnBuild ?? []), text] }),
  STOPSIGNAL: (config, text, variables) => ({ ...config, StopSignal: expand(text, variables) }),
  USER: (config, text, variables) => ({ ...config, User: expand(text, variables) }),
  VOLUME: (config, text, variables) => ({
    ...config,
    Volumes: asKeys([...Object.keys(config.Volumes ?? {}), ...(jsonForm(text) ?? splitWords(text, variables))]),
  }),
  WORKDIR: workingDirectory,
}

/** The configuration after the instructions, in their order. Throws InvalidRequestError (IMAGE_CHANGE). */
export function applyChanges(config: ImageRuntimeConfig, changes: readonly string[]): ImageRuntimeConfig {
  let result = config
  let hasCmd = false
  for (const line of changes) {
    const [, word = '', text = ''] = /^\s*([A-Za-z]+)\s*([^]*?)\s*$/.exec(line) ?? []
    const name = word.toUpperCase()
    const change = CHANGES[name]
    if (change === undefined)
      throw invalid(line, `${JSON.stringify(word)} is no instruction that changes the configuration`)
    if (text === '') throw invalid(line, 'it has no argument')
    result = change(result, text, variablesOf(result))
    if (name === 'CMD') hasCmd = true
    // as in a Dockerfile: the default arguments of another entry point mean nothing to this one
    if (name === 'ENTRYPOINT' && !hasCmd) result = withoutCmd(result)
  }
  return result
}

function withoutCmd(config: ImageRuntimeConfig): ImageRuntimeConfig {
  return Object.fromEntries(Object.entries(config).filter(([key]) => key !== 'Cmd'))
}
