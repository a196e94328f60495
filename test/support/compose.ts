/** Compose files of tests, written as values (JSON is YAML), and what tests look up in an engine. */
import { createServer } from 'node:net'
import type { EngineClient } from '../../src/api/client/client.ts'
import type { ContainerInspect } from '../../src/api/types/index.ts'
import { BUSYBOX_IMAGE } from './busybox.ts'

type Attributes = Readonly<Record<string, unknown>>

/** Files for EngineUnderTest.project(): one compose.yaml. */
export function composeFile(name: string, services: Attributes, topLevel: Attributes = {}): { 'compose.yaml': string } {
  return { 'compose.yaml': `${JSON.stringify({ name, services, ...topLevel }, undefined, 2)}\n` }
}

/** A service that idles and ends with 0 at once on SIGTERM. */
export function idle(attributes: Attributes = {}): Attributes {
  return shell("trap 'exit 0' TERM INT; sleep 2147483647 & wait", attributes)
}

/** A service that runs a line of shell; `$` reaches the shell. */
export function shell(line: string, attributes: Attributes = {}): Attributes {
  return { image: BUSYBOX_IMAGE, command: ['sh', '-c', line.replaceAll('$', () => '$$')], ...attributes }
}

/** A service that answers HTTP requests on port 80 with `text`. */
export function httpServer(text: string, attributes: Attributes = {}): Attributes {
  return shell(`echo '${text}' > /var/www/index.html; exec httpd -f -p 80 -h /var/www`, {
    stop_signal: 'SIGKILL',
    ...attributes,
  })
}

/** All containers of a project, sorted by name, stopped ones too. */
export async function containersOf(client: EngineClient, project: string): Promise<ContainerInspect[]> {
  const found = await client.containers.list({
    all: true,
    filters: { label: [`com.docker.compose.project=${project}`] },
  })
  const names = found.map(({ Names }) => (Names[0] ?? '').replace(/^\//, '')).toSorted()
  return Promise.all(names.map((name) => client.containers.inspect(name)))
}

/** Name without "/" -> id. */
export async function idsOf(client: EngineClient, project: string): Promise<Record<string, string>> {
  const containers = await containersOf(client, project)
  return Object.fromEntries(containers.map(({ Name, Id }) => [Name.slice(1), Id]))
}

/** A TCP port that is free now on all addresses. */
export function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer()
    server.once('error', reject)
    server.listen(0, '0.0.0.0', () => {
      const address = server.address()
      server.close(() => resolve(typeof address === 'object' && address !== null ? address.port : 0))
    })
  })
}

/** The body of an HTTP answer, without its last line break. Throws when nothing listens. */
export async function httpText(url: string): Promise<string> {
  const response = await fetch(url, { signal: AbortSignal.timeout(5000), headers: { connection: 'close' } })
  return (await response.text()).trimEnd()
}
