/**
 * The end of an engine, and its replacement after an upgrade of the package. Rule: an engine that is older than this
 * command line is replaced, its containers go on; a newer one stays, as its state may be newer than what we can read.
 */
import { connectEngine } from '../api/client/connect.ts'
import { MycomposeError } from '../errors.ts'
import { VERSION } from '../version.ts'
import { startEngine, type OwnLocation } from './engine.ts'
import { write, type CliIo } from './io.ts'

const END_TIMEOUT_MS = 60_000

/** Asks the engine to end and waits until its process has. @throws MycomposeError ENGINE_STOP_TIMEOUT */
export async function endEngine(
  { config, socketPath }: OwnLocation,
  io: CliIo,
  options: { readonly all: boolean; readonly signal?: AbortSignal },
): Promise<void> {
  const client = connectEngine({ socketPath })
  const { Pid: pid } = await client.status()
  await client.shutdown({ all: options.all })
  client.close()
  const end = io.host.clock.nowMs() + END_TIMEOUT_MS
  // it gives up its socket first and its lock last: only when the process is gone can another one start
  while (io.host.files.existsSync(`/proc/${pid}`)) {
    if (io.host.clock.nowMs() > end)
      throw new MycomposeError('the engine does not end', {
        code: 'ENGINE_STOP_TIMEOUT',
        hint: `see ${config.paths.log}`,
      })
    await io.host.clock.sleep(10, options.signal)
  }
}

/** PURE. Below 0 when `left` is older; "1.2.0-rc.1" is older than "1.2.0". */
export function compareVersions(left: string, right: string): number {
  const [[a = '', preA], [b = '', preB]] = [left.split('-', 2), right.split('-', 2)] as [string[], string[]]
  const byNumbers = a.localeCompare(b, 'en', { numeric: true })
  if (byNumbers !== 0 || preA === preB) return byNumbers
  if (preA === undefined || preB === undefined) return preA === undefined ? 1 : -1
  return preA.localeCompare(preB, 'en', { numeric: true })
}

/** Replaces the engine that answers there when it is older than this program; "" is one that does not tell. True: done. */
export async function ensureVersion(location: OwnLocation, io: CliIo, version: string): Promise<boolean> {
  const tell = (text: string): Promise<void> => write(io.stderr, text)
  const name = version === '' ? 'an unknown version' : `version ${version}`
  if (compareVersions(version, VERSION) > 0) {
    await tell(
      `warning: the engine is of version ${version}, newer than this mycompose (${VERSION})\nhint: update mycompose; to go back on purpose: mycompose engine stop\n`,
    )
    return false
  }
  if (io.host.userId !== 0) {
    await tell(
      `warning: the engine is of ${name}, older than this mycompose (${VERSION})\nhint: root replaces it with: mycompose engine start\n`,
    )
    return false
  }
  await tell(`The engine of ${name} is replaced by ${VERSION}; containers go on.\n`)
  await endEngine(location, io, { all: false })
  await startEngine(location.config, io)
  return true
}
