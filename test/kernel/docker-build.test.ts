/**
 * `docker build` on our socket: the real command line with its classic builder (DOCKER_BUILDKIT=0), and the request that
 * testcontainers makes. Without a docker CLI only the latter is tested.
 */
import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { readdirSync } from 'node:fs'
import { request as httpRequest } from 'node:http'
import { gzipSync } from 'node:zlib'
import { describe, test } from 'node:test'
import { BUSYBOX_IMAGE } from '../support/busybox.ts'
import { describeResult, runCommand, startCommand, type CommandResult } from '../support/command.ts'
import { useEngine } from '../support/engine.ts'
import { tarOf } from '../support/tar-bytes.ts'

const FROM = `FROM ${BUSYBOX_IMAGE}\n`
const hasDocker = spawnSync('docker', ['--version']).status === 0

describe('docker build', { skip: hasDocker ? false : 'no docker CLI on this machine' }, () => {
  const engine = useEngine()
  const env = {
    PATH: process.env['PATH'] ?? '',
    HOME: '/nonexistent',
    DOCKER_BUILDKIT: '0',
    DOCKER_HOST: `unix://${engine.config.paths.socket}`,
  }
  const docker = (args: readonly string[], cwd?: string): Promise<CommandResult> =>
    runCommand(['docker', ...args], { env, ...(cwd === undefined ? {} : { cwd }) })
  const ok = async (args: readonly string[], cwd?: string): Promise<string> => {
    const result = await docker(args, cwd)
    assert.equal(result.exitCode, 0, describeResult(result))
    return result.stdout.trimEnd()
  }

  test('a context with options: what docker prints, and the image', async () => {
    await using project = engine.project({
      'docker/Dockerfile': `${FROM}ARG WORD=none\nRUN echo "$WORD $(cat /etc/hosts | grep -c 10.1.2.3)" > /out\nCOPY kept /kept\nFROM ${BUSYBOX_IMAGE}\nRUN exit 1\n`,
      kept: 'kept\n',
      ignored: 'ignored\n',
      '.dockerignore': 'ignored\n',
    })
    const options = ['-t', 'built:1', '-t', 'built:two', '--build-arg', 'WORD=hello', '--label', 'a=b', '--target', '0']
    const argv = ['build', ...options, '--add-host', 'x:10.1.2.3', '-f', 'docker/Dockerfile', '.']
    const printed = await ok(argv, project.folder)
    assert.match(printed, /^Step 1\/3 : FROM /m)
    assert.match(printed, /^Step 2\/3 : RUN echo/m)
    assert.match(printed, /^Successfully built [0-9a-f]{12}$/m)
    assert.match(printed, /^Successfully tagged built:1\nSuccessfully tagged built:two$/m)
    assert.equal(await ok(['run', '--rm', 'built:two', 'cat', '/out', '/kept']), 'hello 1\nkept')
    assert.equal(await ok(['image', 'inspect', 'built:1', '--format', '{{.Config.Labels.a}}']), 'b')
    assert.match(await ok(argv, project.folder), /---> Using cache/)
  })

  test('quiet prints the id alone; --iidfile has it', async () => {
    await using project = engine.project({ Dockerfile: FROM })
    const printed = await ok(['build', '-q', '--iidfile', 'id', '.'], project.folder)
    assert.match(printed, /^sha256:[0-9a-f]{64}$/)
    assert.equal(await ok(['image', 'inspect', printed, '--format', '{{.Id}}']), printed)
  })

  test('a Dockerfile alone, and a context, from standard input', async () => {
    const alone = await runCommand(['docker', 'build', '-t', 'piped:1', '-'], {
      env,
      input: `${FROM}RUN echo x > /x\n`,
    })
    assert.equal(alone.exitCode, 0, describeResult(alone))
    assert.equal(await ok(['run', '--rm', 'piped:1', 'cat', '/x']), 'x')
  })

  test('a step that fails: its output and exit code', async () => {
    await using project = engine.project({ Dockerfile: `${FROM}RUN echo about to fail && exit 9\n` })
    const { exitCode, stdout, stderr } = await docker(['build', '.'], project.folder)
    assert.equal(exitCode, 9)
    assert.match(stdout, /about to fail/)
    assert.match(stderr, /exit code: 9/)
  })

  test('an interrupted client ends the build and leaves nothing', async () => {
    await using project = engine.project({ Dockerfile: `${FROM}RUN echo waiting && sleep 1234.5\n` })
    const running = startCommand(['docker', 'build', '.'], { env, cwd: project.folder })
    await running.waitFor(/waiting/)
    running.signal('SIGKILL')
    await running.exited
    // the rest is the leak check's; the context must be gone from the engine's folder
    const spooled = (): string[] =>
      readdirSync(engine.config.paths.temporary).filter((name) => name.startsWith('context-'))
    for (let round = 0; spooled().length > 0 && round < 100; round += 1)
      await new Promise((resolve) => setTimeout(resolve, 50))
    assert.deepEqual(spooled(), [])
  })

  test('docker builder prune and system df', async () => {
    assert.match(await ok(['system', 'df']), /Build Cache/)
    assert.match(await ok(['builder', 'prune', '-af']), /Total/)
  })

  test('with BuildKit it says what to do', async () => {
    const answer = await post(engine.config.paths.socket, '/v1.43/build?version=2', {}, Buffer.alloc(0))
    assert.equal(answer.status, 501)
    assert.match(answer.text, /DOCKER_BUILDKIT=0/)
  })

  test('as testcontainers asks: a gzipped tar, the id in an aux message', async () => {
    const tar = tarOf(
      { path: 'Dockerfile', content: Buffer.from(`${FROM}ARG A\nCOPY data /data\nRUN test "$A" = 1\n`) },
      { path: 'data', content: Buffer.from('data') },
    )
    const query = new URLSearchParams({ t: 'tc:1', buildargs: '{"A":"1"}', labels: '{"org.testcontainers":"true"}' })
    const path = `/v1.43/build?${query.toString()}&rm=true&pull=false&dockerfile=Dockerfile`
    const headers = { 'Content-Type': 'application/tar' }
    const { status, text } = await post(engine.config.paths.socket, path, headers, gzipSync(tar))
    assert.equal(status, 200)
    const messages = text
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line) as { aux?: { ID: string }; error?: string })
    assert.deepEqual(
      messages.filter(({ error }) => error !== undefined),
      [],
    )
    const id = messages.find(({ aux }) => aux !== undefined)?.aux?.ID
    const image = await engine.client().images.inspect('tc:1')
    assert.equal(image.Id, id)
    assert.equal(image.Config.Labels?.['org.testcontainers'], 'true')
  })
})

interface PostAnswer {
  readonly status: number
  readonly text: string
}

function post(
  socketPath: string,
  path: string,
  headers: Readonly<Record<string, string>>,
  body: Buffer,
): Promise<PostAnswer> {
  return new Promise((resolve, reject) => {
    const request = httpRequest({ socketPath, path, method: 'POST', headers }, (answer) => {
      let text = ''
      answer.setEncoding('utf8').on('data', (data: string) => (text += data))
      answer.once('end', () => resolve({ status: answer.statusCode ?? 0, text }))
    })
    request.once('error', reject)
    request.end(body)
  })
}
