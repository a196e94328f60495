/**
 * Debian suites that can be bootstrapped, and the apt sources for them: the mirror that the machine itself uses.
 * PURE. Source: man 5 sources.list, man 1 apt-get (indextargets), man 8 apt-config.
 */
import { UnsupportedError } from '../../errors.ts'

export interface DebianBase {
  /** "bookworm" */
  readonly codename: string
  /** Without documentation, manual pages and translations, as the official slim images. */
  readonly slim: boolean
}

const CODENAMES: Readonly<Record<string, string>> = {
  '12': 'bookworm',
  bookworm: 'bookworm',
  '13': 'trixie',
  trixie: 'trixie',
}
const DEFAULT_MIRROR = 'http://deb.debian.org/debian'
const DEFAULT_SECURITY = 'http://deb.debian.org/debian-security'

/** Throws UnsupportedError. @example parseDebianBase("debian:12-slim") is { codename: "bookworm", slim: true } */
export function parseDebianBase(reference: string): DebianBase {
  const [, version = '', slim] = /^debian:([a-z0-9]+)(-slim)?$/.exec(reference) ?? []
  const codename = CODENAMES[version]
  if (codename !== undefined) return { codename, slim: slim !== undefined }
  throw new UnsupportedError(`cannot bootstrap ${JSON.stringify(reference)}`, {
    code: 'BOOTSTRAP_UNKNOWN',
    hint: 'known are debian:bookworm-slim, debian:bookworm, debian:trixie-slim, debian:trixie (and debian:12, debian:13)',
  })
}

/** A container without ca-certificates cannot speak https with a mirror; signatures protect the packages either way. */
function asHttp(uri: string): string {
  return uri.replace(/^https:/, 'http:').replace(/\/$/, '')
}

/**
 * The sources of `codename` from the lines "URI RELEASE" that apt-get indextargets gave: the same mirror, this release.
 * Of other distributions' lines nothing is used.
 */
export function aptSources(codename: string, indexTargets: string): string[] {
  let main: string | undefined
  let security: string | undefined
  for (const line of indexTargets.split('\n')) {
    const [uri = '', release = ''] = line.split(' ')
    if (!/^https?:/.test(uri)) continue
    if (/^(bullseye|bookworm|trixie|stable|testing|sid|unstable)$/.test(release)) main ??= asHttp(uri)
    if (/^(bullseye|bookworm|trixie|stable|testing)-security$/.test(release)) security ??= asHttp(uri)
  }
  const mirror = main ?? DEFAULT_MIRROR
  return [
    `deb ${mirror} ${codename} main`,
    `deb ${mirror} ${codename}-updates main`,
    `deb ${security ?? DEFAULT_SECURITY} ${codename}-security main`,
  ]
}

const CARRIED_OPTIONS =
  /^Acquire::(?:(?:http|https|ftp)::(?:Proxy(?:::[^\s"]+)?|Timeout)|Check-Valid-Until|Check-Date|Retries|ForceIPv[46]) "([^"\n]*)";$/

const OWN_OPTIONS = [
  'APT::Sandbox::User "root";', // the engine's folders are closed to _apt
  'APT::Install-Recommends "false";',
  'Dir::Cache::pkgcache "";', // 70 MB that no image needs
  'Dir::Cache::srcpkgcache "";',
  'Acquire::Languages "none";',
]

/** Of `apt-config dump`, what decides whether the mirror can be reached here: an apt.conf text. */
export function aptOptions(aptConfigDump: string): string {
  const lines = aptConfigDump.split('\n').filter((line) => CARRIED_OPTIONS.test(line))
  return [...lines, ...OWN_OPTIONS, ''].join('\n')
}

/** Unix seconds of the newest "Date:" among Release files; undefined without any. */
export function releaseDateSeconds(releaseFiles: readonly string[]): number | undefined {
  const dates = releaseFiles.flatMap((text) => {
    const ms = Date.parse(/^Date: (.+)$/m.exec(text)?.[1] ?? '')
    return Number.isNaN(ms) ? [] : [ms / 1000]
  })
  return dates.length === 0 ? undefined : Math.max(...dates)
}

const PACKAGE = /^[a-z0-9][a-z0-9+.-]+(?::[a-z0-9-]+)?(?:=[A-Za-z0-9.+:~-]+)?$/

/** "name", "name:arch", "name=version": nothing that apt could take for an option, or ("name-") for a removal. */
export function isPackageName(text: string): boolean {
  return PACKAGE.test(text) && !text.endsWith('-')
}
