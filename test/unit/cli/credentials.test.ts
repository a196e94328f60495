/** Logins of container tools: what is found for an image, what is written, and that nothing secret is shown. */
import assert from 'node:assert/strict'
import { chmodSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test, type TestContext } from 'node:test'
import {
  loginForImage,
  normaliseServer,
  removeLogin,
  saveLogin,
  type LoginContext,
} from '../../../src/cli/credentials/logins.ts'
import type { MycomposeError } from '../../../src/errors.ts'
import { createCliHost } from '../../../src/host/cli-host.ts'

const base64 = (text: string): string => Buffer.from(text).toString('base64')
const HUB = 'https://index.docker.io/v1/'

interface Home {
  readonly context: LoginContext
  readonly folder: string
  readonly warnings: string[]
  readonly find: (image: string) => Promise<object | undefined>
}

/** A home with docker's config.json, and programs in its folder. */
function makeHome(t: TestContext, config?: object | string, env: Readonly<Record<string, string>> = {}): Home {
  const folder = mkdtempSync(join(tmpdir(), 'mycompose-logins-'))
  t.after(() => rmSync(folder, { recursive: true }))
  if (config !== undefined)
    writeFileSync(join(folder, 'config.json'), typeof config === 'string' ? config : JSON.stringify(config))
  const host = { ...createCliHost(), homeDir: folder }
  const path = `${folder}:/usr/bin:/bin`
  const context = {
    host,
    env: { PATH: path, DOCKER_CONFIG: folder, REGISTRY_AUTH_FILE: join(folder, 'auth.json'), ...env },
  }
  const warnings: string[] = []
  const warn = ({ message }: MycomposeError): void => void warnings.push(message)
  return { context, folder, warnings, find: (image) => loginForImage(context, image, warn) }
}

/** A key ring in a file, behind the protocol of docker-credential-helpers. */
function makeHelper({ folder }: Home, name: string): string {
  const ring = join(folder, `${name}.ring`)
  const program = join(folder, `docker-credential-${name}`)
  writeFileSync(
    program,
    `#!/bin/sh
case $1 in
store) cat >'${ring}' ;;
erase) rm -f '${ring}' ;;
get) read -r server
  if [ -e '${ring}' ] && grep -qF "$server" '${ring}'; then cat '${ring}'
  else echo 'credentials not found in native keychain'; exit 1; fi ;;
esac
`,
  )
  chmodSync(program, 0o755)
  return ring
}

for (const [key, want] of [
  [HUB, 'docker.io'],
  ['index.docker.io', 'docker.io'],
  ['registry-1.docker.io', 'docker.io'],
  ['https://r.example:5000/v2/', 'r.example:5000'],
  ['r.example/v1/', 'r.example'],
  ['r.example/team', 'r.example/team'],
] as const)
  test(`the server ${key} is ${want}`, () => assert.equal(normaliseServer(key), want))

test('the hub, other registries, and repositories as podman has them', async (t) => {
  const auths = {
    [HUB]: { auth: base64('hub:a:b') },
    'https://r.example': { auth: base64('r:1') },
    'r.example/team': { auth: base64('team:2') },
    'id.example': { auth: base64('00000000-0000-0000-0000-000000000000:'), identitytoken: 'lasting' },
    'empty.example': {},
  }
  const { find } = makeHome(t, { auths })
  const hub = { username: 'hub', password: 'a:b', serveraddress: HUB }
  assert.deepEqual(await find('debian'), hub)
  assert.deepEqual(await find('docker.io/team/web:1'), hub)
  assert.deepEqual(await find('r.example/web'), { username: 'r', password: '1', serveraddress: 'r.example' })
  assert.deepEqual(await find('r.example/team/web'), { username: 'team', password: '2', serveraddress: 'r.example' })
  const identity = await find('id.example/x')
  assert.equal((identity as { identitytoken?: string }).identitytoken, 'lasting')
  assert.equal(await find('empty.example/x'), undefined)
  assert.equal(await find('other.example/x'), undefined)
})

test("podman's auth.json and DOCKER_AUTH_CONFIG", async (t) => {
  const inline = JSON.stringify({ auths: { 'inline.example': { auth: base64('i:1') } } })
  const { find, folder } = makeHome(t, {}, { DOCKER_AUTH_CONFIG: inline })
  writeFileSync(join(folder, 'auth.json'), JSON.stringify({ auths: { 'p.example': { auth: base64('p:1') } } }))
  assert.deepEqual(await find('p.example/x'), { username: 'p', password: '1', serveraddress: 'p.example' })
  assert.deepEqual(await find('inline.example/x'), { username: 'i', password: '1', serveraddress: 'inline.example' })
})

test('a file that is broken is told without what is in it, and one goes on without it', async (t) => {
  const { find, context, warnings, folder } = makeHome(t, '{"auths": {"r.example": {"auth": "c2VjcmV0"}')
  assert.equal(await find('r.example/x'), undefined)
  assert.deepEqual(warnings, [`cannot use the logins of ${folder}/config.json: it is no JSON`])
  // and is never overwritten
  await assert.rejects(saveLogin(context, 'r.example', { username: 'u', password: 'p' }), { code: 'LOGIN_FILE' })
  assert.match(readFileSync(join(folder, 'config.json'), 'utf8'), /c2VjcmV0/)
})

test('a login is written as docker writes it, for its owner only, and all else stays', async (t) => {
  const { context, folder, find } = makeHome(t, {
    detachKeys: 'ctrl-q',
    auths: { 'index.docker.io': { auth: 'b2xkOjE=' } },
  })
  const path = join(folder, 'config.json')
  chmodSync(path, 0o644)
  assert.deepEqual(await saveLogin(context, 'docker.io', { username: 'u', password: 'p' }), {
    kind: 'file',
    name: path,
  })
  assert.deepEqual(JSON.parse(readFileSync(path, 'utf8')), {
    detachKeys: 'ctrl-q',
    auths: { [HUB]: { auth: base64('u:p') } },
  })
  assert.equal(statSync(path).mode & 0o777, 0o600)
  await saveLogin(context, 'id.example', { username: 'u', password: 'p', identitytoken: 'lasting' })
  assert.deepEqual(await find('id.example/x'), { username: 'u', identitytoken: 'lasting', serveraddress: 'id.example' })
  assert.equal(await removeLogin(context, 'docker.io'), true)
  assert.equal(await removeLogin(context, 'docker.io'), false)
  assert.equal(await find('debian'), undefined)
})

test('a helper keeps logins and identity tokens; the file only a mark', async (t) => {
  const home = makeHome(t, { credHelpers: { 'r.example': 'ring' } })
  const { context, folder, find } = home
  const ring = makeHelper(home, 'ring')
  await saveLogin(context, 'r.example', { username: 'u', password: 'geheim' })
  assert.deepEqual(JSON.parse(readFileSync(ring, 'utf8')), { ServerURL: 'r.example', Username: 'u', Secret: 'geheim' })
  assert.doesNotMatch(readFileSync(join(folder, 'config.json'), 'utf8'), /geheim|Z2VoZWlt/)
  assert.deepEqual(await find('r.example/x'), { username: 'u', password: 'geheim', serveraddress: 'r.example' })
  await saveLogin(context, 'r.example', { username: 'u', password: 'p', identitytoken: 'lasting' })
  assert.deepEqual(await find('r.example/x'), { identitytoken: 'lasting', serveraddress: 'r.example' })
  assert.equal(await removeLogin(context, 'r.example'), true)
  assert.equal(await find('r.example/x'), undefined)
})

test('a helper that is not there, or no name of a program, is told', async (t) => {
  const { find, warnings } = makeHome(t, { credsStore: 'nowhere' })
  assert.equal(await find('debian'), undefined)
  assert.deepEqual(warnings, ['cannot run the credential helper docker-credential-nowhere'])
  const evil = makeHome(t, { credsStore: '../../tmp/x' })
  assert.equal(await evil.find('debian'), undefined)
  assert.match(evil.warnings[0] ?? '', /"\.\.\/\.\.\/tmp\/x" is no name of a credential helper/)
})
