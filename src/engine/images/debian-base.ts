/**
 * The base layer: mmdebstrap makes a minimal Debian and writes it as a tar, which goes straight into the store. Times are
 * those of the release (SOURCE_DATE_EPOCH), so the same packages give the same image. Source: man 1 mmdebstrap.
 */
import { join } from 'node:path'
import type { BootstrapContext } from './bootstrap.ts'
import type { DebianBase } from './debian.ts'
import { progressOf } from './import.ts'
import { namespaced, runTool } from './run-tool.ts'
import { openScratch } from './scratch.ts'
import { stageLayer, type StagedLayer } from '../layers/store.ts'

export interface AptSetup {
  readonly sources: readonly string[]
  /** An apt.conf. */
  readonly options: string
  /** Unix seconds: the date of the release. */
  readonly dateSeconds: number
}

/** What the official slim images leave out. Copyright files stay. */
const SLIM_OPTIONS = [
  'path-exclude=/usr/share/doc/*',
  'path-include=/usr/share/doc/*/copyright',
  'path-exclude=/usr/share/groff/*',
  'path-exclude=/usr/share/info/*',
  'path-exclude=/usr/share/linda/*',
  'path-exclude=/usr/share/lintian/*',
  'path-exclude=/usr/share/locale/*',
  'path-exclude=/usr/share/man/*',
]

/** apt in a container: keeps no packages and indexes, installs no extras, starts no services. Fixed text, run by sh. */
const SETTLE = [
  `rm -f "$1/etc/apt/apt.conf.d/99mmdebstrap"`,
  `printf '#!/bin/sh\\nexit 101\\n' > "$1/usr/sbin/policy-rc.d"`,
  `chmod 755 "$1/usr/sbin/policy-rc.d"`,
  `printf 'Acquire::Languages "none";\\nAcquire::GzipIndexes "true";\\nDir::Cache::pkgcache "";\\nDir::Cache::srcpkgcache "";\\nBinary::apt::APT::Keep-Downloaded-Packages "false";\\n' > "$1/etc/apt/apt.conf.d/docker-clean"`,
].join(' && ')

function mmdebstrapArgv({ codename, slim }: DebianBase, sources: readonly string[], optionsFile: string): string[] {
  return [
    'mmdebstrap',
    '--variant=minbase',
    '--mode=root',
    '--format=tar',
    `--aptopt=${optionsFile}`,
    ...(slim ? SLIM_OPTIONS.map((option) => `--dpkgopt=${option}`) : []),
    `--customize-hook=${SETTLE}`,
    codename,
    '-',
    ...sources,
  ]
}

const STEPS: readonly (readonly [RegExp, string])[] = [
  [/^I: running apt-get update/, 'Reading the package lists'],
  [/^I: downloading packages/, 'Downloading packages'],
  [/^I: extracting archives/, 'Extracting packages'],
  [/^I: installing /, 'Installing packages'],
  [/^I: running --customize-hook/, 'Finishing'],
  [/^I: creating tarball/, 'Packing'],
]

/** The caller commits or discards the layer. Throws as explainBootstrapFailure has it, CanceledError. */
export async function makeDebianLayer(
  { base, progress, signal }: BootstrapContext,
  debian: DebianBase,
  { sources, options, dateSeconds }: AptSetup,
): Promise<StagedLayer> {
  const { host } = base
  await using scratch = await openScratch(base, 'debian')
  const { folder } = scratch
  const optionsFile = join(folder, 'apt.conf')
  await host.files.writeFile(optionsFile, options, { mode: 0o600 })
  let layer: StagedLayer | undefined
  const id = debian.codename
  try {
    await runTool(
      host,
      {
        argv: namespaced(mmdebstrapArgv(debian, sources, optionsFile)),
        env: {
          PATH: '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin',
          LC_ALL: 'C.UTF-8',
          HOME: '/root',
          TMPDIR: folder,
          SOURCE_DATE_EPOCH: String(dateSeconds),
        },
        signal,
        onLine(line) {
          const step = STEPS.find(([pattern]) => pattern.test(line))
          if (step !== undefined) progress({ status: step[1], id })
        },
      },
      async (stdout) => {
        layer = await stageLayer(base, stdout, {
          lower: [],
          isOurs: true,
          signal,
          onProgress: progressOf(id, progress),
        })
      },
    )
  } catch (error) {
    if (layer !== undefined) await host.files.rm(layer.folder, { recursive: true, force: true })
    throw error
  }
  if (layer === undefined) throw new Error('mmdebstrap ended well without output')
  return layer
}
