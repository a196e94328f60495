/**
 * A real registry on loopback (Debian's docker-registry) for one test: open, with a password over TLS and a CA of its
 * own, or as a mirror of another one. Filled by skopeo, which knows nothing of us.
 */
import { spawn } from 'node:child_process'
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { TestContext } from 'node:test'
import { runCommand } from './command.ts'
import { writeLayout, type LayoutImage } from './oci-layout.ts'
import { until } from './poll.ts'

export interface TestRegistry {
  /** "127.0.0.1:41234" */
  readonly host: string
  readonly url: string
  /** Where it keeps its files; its log is the file "log" beside. */
  readonly folder: string
  /** PEM, with TLS. */
  readonly ca?: string
  /** Puts images in: "team/web:1". */
  add(...images: readonly LayoutImage[]): Promise<void>
  skopeo(...args: readonly string[]): Promise<string>
  stop(): Promise<void>
}

export interface RegistryOptions {
  readonly login?: { readonly username: string; readonly password: string }
  readonly tls?: boolean
  /** URL of the registry that this one mirrors. */
  readonly mirrorOf?: string
}

async function freePort(): Promise<number> {
  const server = createServer()
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const address = server.address()
  await new Promise((resolve) => server.close(resolve))
  if (address === null || typeof address === 'string') throw new Error('no port')
  return address.port
}

async function run(...argv: readonly string[]): Promise<string> {
  const { exitCode, stdout, stderr } = await runCommand([...argv])
  if (exitCode !== 0) throw new Error(`${argv.join(' ')}: ${stderr}`)
  return stdout
}

/** A CA and a certificate for 127.0.0.1 that it signed. */
async function makeCertificates(
  folder: string,
): Promise<{ readonly certificate: string; readonly key: string; readonly ca: string }> {
  const at = (name: string): string => join(folder, name)
  const newKey = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes']
  await run(
    'openssl',
    'req',
    '-x509',
    ...newKey,
    '-keyout',
    at('ca.key'),
    '-out',
    at('ca.crt'),
    '-days',
    '2',
    '-subj',
    '/CN=test ca',
  )
  await run('openssl', 'req', ...newKey, '-keyout', at('tls.key'), '-out', at('tls.csr'), '-subj', '/CN=localhost')
  writeFileSync(at('san'), 'subjectAltName=DNS:localhost,IP:127.0.0.1\n')
  const sign = ['-CA', at('ca.crt'), '-CAkey', at('ca.key'), '-CAcreateserial', '-days', '2', '-extfile', at('san')]
  await run('openssl', 'x509', '-req', '-in', at('tls.csr'), '-out', at('tls.crt'), ...sign)
  return { certificate: at('tls.crt'), key: at('tls.key'), ca: at('ca.crt') }
}

/** docker-registry takes bcrypt only. */
async function htpasswd({ username, password }: NonNullable<RegistryOptions['login']>): Promise<string> {
  return await run('htpasswd', '-nbB', username, password)
}

export async function startRegistry(
  t: Pick<TestContext, 'after'>,
  options: RegistryOptions = {},
): Promise<TestRegistry> {
  const { login, tls = false, mirrorOf } = options
  const folder = mkdtempSync(join(tmpdir(), 'mycompose-registry-'))
  mkdirSync(join(folder, 'data'))
  const port = await freePort()
  const http: Record<string, unknown> = { addr: `127.0.0.1:${port}` }
  const certificates = tls ? await makeCertificates(folder) : undefined
  if (certificates !== undefined) http['tls'] = { certificate: certificates.certificate, key: certificates.key }
  const config: Record<string, unknown> = {
    version: '0.1',
    log: { level: 'warn' },
    storage: { filesystem: { rootdirectory: join(folder, 'data') }, delete: { enabled: true } },
    http,
  }
  if (mirrorOf !== undefined) config['proxy'] = { remoteurl: mirrorOf }
  if (login !== undefined) {
    writeFileSync(join(folder, 'htpasswd'), await htpasswd(login))
    config['auth'] = { htpasswd: { realm: 'test', path: join(folder, 'htpasswd') } }
  }
  writeFileSync(join(folder, 'config.yml'), JSON.stringify(config)) // JSON is YAML
  const child = spawn('docker-registry', ['serve', join(folder, 'config.yml')], { stdio: ['ignore', 'ignore', 'pipe'] })
  let said = ''
  child.stderr.on('data', (chunk: Buffer) => (said += chunk.toString()))
  const exited = new Promise<void>((resolve) => child.once('exit', () => resolve()))
  const stop = async (): Promise<void> => {
    child.kill('SIGKILL')
    await exited
  }
  t.after(async () => {
    await stop()
    rmSync(folder, { recursive: true, force: true })
  })
  const host = `127.0.0.1:${port}`
  const url = `${tls ? 'https' : 'http'}://${host}`
  const curl = ['curl', '-s', '-o', '/dev/null', '-w', '%{http_code}', ...(tls ? ['-k'] : []), `${url}/v2/`]
  const isThere = async (): Promise<boolean> => child.exitCode !== null || (await runCommand(curl)).stdout !== '000'
  await until(isThere, { what: `the registry answers: ${said}` })
  // another test's registry was quicker to take the port, and it is that one that answers
  if (child.exitCode !== null) return await startRegistry(t, options)
  const skopeo = async (...args: readonly string[]): Promise<string> => await run('skopeo', ...args)
  return {
    host,
    url,
    folder,
    ...(certificates === undefined ? {} : { ca: readFileSync(certificates.ca, 'utf8') }),
    skopeo,
    stop,
    async add(...images) {
      const layout = mkdtempSync(join(folder, 'layout-'))
      writeLayout(layout, images)
      const proof = login === undefined ? [] : [`--dest-creds=${login.username}:${login.password}`]
      for (const name of new Set(images.map((image) => image.name)))
        await skopeo(
          '--insecure-policy',
          'copy',
          '-q',
          '--all',
          '--preserve-digests',
          '--dest-tls-verify=false',
          ...proof,
          `oci:${layout}:${name}`,
          `docker://${host}/${name}`,
        )
    },
  }
}
