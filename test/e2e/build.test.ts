/**
 * `build` as a user has it: what is built, what comes from the cache, what is said, and what `up` and `run` make of it.
 * What each instruction does is the matter of test/build.
 */
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { BUSYBOX_IMAGE } from '../support/busybox.ts'
import { composeFile, idle, idsOf } from '../support/compose.ts'
import { useEngine, type EngineUnderTest, type ProjectUnderTest } from '../support/engine.ts'

const FROM = `FROM ${BUSYBOX_IMAGE}\n`

/** What a command in the image prints. */
async function inImage(project: ProjectUnderTest, service: string, line: string): Promise<string> {
  return await project.ok('run', '--rm', '-T', '--no-deps', '--quiet', service, 'sh', '-c', line)
}

async function labelsOf(engine: EngineUnderTest, image: string): Promise<Readonly<Record<string, string>>> {
  return (await engine.client().images.inspect(image)).Config.Labels ?? {}
}

async function idOf(engine: EngineUnderTest, image: string): Promise<string> {
  return (await engine.client().images.inspect(image)).Id
}

describe('build', () => {
  const engine = useEngine()

  test('an image from a Dockerfile, the second time from the cache, and only what a changed file concerns', async () => {
    await using project = engine.project({
      ...composeFile('first', { web: { build: '.' } }),
      Dockerfile: `${FROM}RUN echo made > /made\nCOPY source.txt /\nRUN cat /source.txt > /copied\nCMD ["cat", "/copied"]\n`,
      'source.txt': 'one\n',
    })
    const cold = await project.run('--progress', 'plain', 'build')
    assert.equal(cold.exitCode, 0, cold.stderr)
    assert.match(cold.stderr, /^#\d+ \[2\/4\] RUN echo made > \/made$/m)
    assert.match(cold.stderr, /^#\d+ DONE \d+\.\ds$/m)
    assert.match(cold.stderr, /^ Image first-web Built $/m)
    assert.equal(await project.ok('run', '--rm', '-T', '--quiet', 'web'), 'one\n')
    assert.equal((await labelsOf(engine, 'first-web'))['com.docker.compose.service'], 'web')
    const before = await idOf(engine, 'first-web')

    const cached = await project.run('--progress', 'plain', 'build')
    assert.equal(cached.stderr.match(/^#\d+ CACHED$/gm)?.length, 4, cached.stderr)
    assert.equal(await idOf(engine, 'first-web'), before)

    project.write('source.txt', 'two\n')
    const changed = await project.run('--progress', 'plain', 'build')
    assert.match(changed.stderr, /RUN echo made > \/made\n#\d+ CACHED\n/)
    assert.match(changed.stderr, /RUN cat \/source\.txt > \/copied\n(?:#\d+ .*\n)*#\d+ DONE/)
    assert.equal(await project.ok('run', '--rm', '-T', '--quiet', 'web'), 'two\n')

    const anew = await project.run('--progress', 'plain', 'build', '--no-cache')
    // the base image is as it is
    assert.equal(anew.stderr.match(/CACHED/g)?.length, 1, anew.stderr)
  })

  test('up builds what is missing; --build of an unchanged context keeps the container, of a changed one does not', async () => {
    await using project = engine.project({
      ...composeFile('upped', { web: { build: '.', init: true } }),
      Dockerfile: `${FROM}COPY source.txt /\nCMD ["sleep", "infinity"]\n`,
      'source.txt': 'one\n',
    })
    const refused = await project.run('up', '-d', '--no-build')
    assert.equal(refused.exitCode, 1)
    assert.match(refused.stderr, /image "upped-web" of service "web" is not on this machine/)
    await project.ok('up', '-d')
    const first = await idsOf(engine.client(), 'upped')
    project.write('source.txt', 'two\n')
    await project.ok('up', '-d')
    assert.deepEqual(await idsOf(engine.client(), 'upped'), first)
    project.write('source.txt', 'one\n')
    await project.ok('up', '-d', '--build')
    assert.deepEqual(await idsOf(engine.client(), 'upped'), first)
    project.write('source.txt', 'two\n')
    await project.ok('up', '-d', '--build')
    assert.notDeepEqual(await idsOf(engine.client(), 'upped'), first)
    assert.equal(await project.ok('exec', '-T', 'web', 'cat', '/source.txt'), 'two\n')
  })

  test('run and create build, too', async () => {
    await using project = engine.project({
      ...composeFile('others', { job: { build: '.' }, web: { build: '.', pull_policy: 'build' } }),
      Dockerfile: `${FROM}COPY source.txt /\nCMD ["cat", "/source.txt"]\n`,
      'source.txt': 'one\n',
    })
    assert.equal(await project.ok('run', '--rm', '-T', '--quiet-build', '--quiet', 'job'), 'one\n')
    project.write('source.txt', 'two\n')
    assert.equal(await project.ok('run', '--rm', '-T', '--quiet', 'job'), 'one\n')
    assert.equal(await project.ok('run', '--rm', '-T', '--quiet', '--build', 'job'), 'two\n')
    await project.ok('create', 'web')
    const before = await idOf(engine, 'others-web')
    project.write('source.txt', 'three\n')
    await project.ok('create', 'web')
    assert.notEqual(await idOf(engine, 'others-web'), before, 'pull_policy: build builds always')
  })

  test('images that stand on each other are built in order, by context and by name', async () => {
    await using project = engine.project({
      ...composeFile('chain', {
        app: { build: { context: 'app', additional_contexts: { base: 'service:base' } } },
        tool: { build: 'tool' },
        base: { image: 'chain/base:1', build: 'base' },
      }),
      'app/Dockerfile': 'FROM base\nRUN cat /base > /app\n',
      'tool/Dockerfile': 'FROM chain/base:1\nCOPY --from=chain-app /app /tool\n',
      'base/Dockerfile': `${FROM}RUN echo base > /base\n`,
    })
    await project.ok('build', 'tool', 'app')
    assert.equal(await inImage(project, 'tool', 'cat /base /tool'), 'base\nbase\n')
  })

  test('services of one image are built once', async () => {
    const app = { image: 'once/app:1', build: '.', init: true }
    await using project = engine.project({
      ...composeFile('once', { web: app, worker: app, third: { image: 'once/app:1', init: true } }),
      Dockerfile: `${FROM}RUN echo built\nCMD ["sleep", "infinity"]\n`,
    })
    const { exitCode, stderr } = await project.run('--progress', 'plain', 'up', '-d')
    assert.equal(exitCode, 0, stderr)
    assert.equal(stderr.match(/Image once\/app:1 Built/g)?.length, 1)
    assert.equal(Object.keys(await idsOf(engine.client(), 'once')).length, 3)
  })

  test('keys of build: arguments, target, labels, names, secrets, a Dockerfile in the Compose file', async () => {
    await using project = engine.project(
      {
        ...composeFile(
          'keys',
          {
            web: {
              build: {
                context: '.',
                dockerfile_inline: [
                  `FROM ${BUSYBOX_IMAGE} AS base`,
                  'ARG GREETING=none',
                  'RUN --mount=type=secret,id=token --mount=type=secret,id=env,env=ENV_SECRET \\',
                  '  echo "$$GREETING $$(wc -c < /run/secrets/token) $${#ENV_SECRET}" > /out',
                  'FROM base AS wanted',
                  'RUN echo wanted >> /out',
                  'FROM base AS other',
                  'RUN exit 1',
                  '',
                ].join('\n'),
                args: { GREETING: null },
                target: 'wanted',
                labels: { own: 'label' },
                tags: ['keys/extra:2'],
                secrets: ['token', { source: 'variable', target: 'env' }],
                network: 'none',
                extra_hosts: ['db=10.1.2.3'],
                shm_size: '8m',
              },
            },
          },
          { secrets: { token: { file: './token' }, variable: { environment: 'A_SECRET' } } },
        ),
        token: 'hush!',
      },
      { env: { GREETING: 'hello', A_SECRET: 'xyz' } },
    )
    await project.ok('build')
    assert.equal(await inImage(project, 'web', 'cat /out'), 'hello 5 3\nwanted\n')
    assert.equal((await labelsOf(engine, 'keys/extra:2'))['own'], 'label')
    assert.equal(await inImage(project, 'web', 'ls /run/secrets 2>/dev/null | wc -l'), '0\n')
    const history = JSON.stringify(await engine.client().images.history('keys-web'))
    assert.doesNotMatch(history, /hush!|xyz/)
  })

  test('a command that fails: exit code 1, the line, the end of its output; the image stays as it was', async () => {
    await using project = engine.project({
      ...composeFile('failing', { web: { build: '.' } }),
      Dockerfile: `${FROM}RUN echo fine\nRUN printf 'on \\033[31mits\\033[0m way\\n' && exit 42\nCMD true\n`,
    })
    const { exitCode, stderr } = await project.run('build')
    assert.equal(exitCode, 1)
    assert.match(stderr, /^------\n > \[3\/3\] RUN printf/m)
    assert.match(stderr, /^(?:[\d.]+ )?on its way$/m)
    assert.match(stderr, /^ +3 \| >>> RUN printf /m)
    assert.match(stderr, /exit code: 42/)
    assert.ok(!stderr.includes('\u001B'), JSON.stringify(stderr))
    await assert.rejects(engine.client().images.inspect('failing-web'), { code: 'NO_SUCH_IMAGE' })
  })

  test('a Dockerfile with a mistake: file, line, the nearest word', async () => {
    await using project = engine.project({
      ...composeFile('wrong', { web: { build: 'web' } }),
      'web/Dockerfile': `${FROM}CPOY a b\n`,
    })
    const { exitCode, stderr } = await project.run('build')
    assert.equal(exitCode, 1)
    assert.match(stderr, /web\/Dockerfile:2/)
    assert.match(stderr, /COPY/)
    assert.match(stderr, /^ +2 \| >>> CPOY a b$/m)
  })

  test('--check finds and builds nothing', async () => {
    await using project = engine.project({
      ...composeFile('checked', { web: { build: '.' } }),
      Dockerfile: `FROM ${BUSYBOX_IMAGE} as Base\nCMD echo\n`,
    })
    const { exitCode, stdout } = await project.run('build', '--check')
    assert.equal(exitCode, 1, stdout)
    assert.match(stdout, /StageNameCasing/)
    assert.match(stdout, /^ +1 \| >>> FROM /m)
    assert.match(stdout, /Check complete, \d+ warnings? ha/)
    await assert.rejects(engine.client().images.inspect('checked-web'), { code: 'NO_SUCH_IMAGE' })
  })

  test('Ctrl-C: exit code 130, nothing goes on, what was done is kept', async () => {
    await using project = engine.project({
      ...composeFile('stopped', { web: { build: '.' } }),
      Dockerfile: `${FROM}RUN echo kept > /kept\nRUN echo waiting && sleep 1234.5\n`,
    })
    const running = project.start('--progress', 'plain', 'build')
    await running.waitFor(/^#\d+ [\d.]+ waiting$/m)
    running.signal('SIGINT')
    const { exitCode, stderr } = await running.exited
    assert.equal(exitCode, 130, stderr)
    project.write('Dockerfile', `${FROM}RUN echo kept > /kept\n`)
    const again = await project.run('--progress', 'plain', 'build')
    assert.match(again.stderr, /RUN echo kept > \/kept\n#\d+ CACHED/)
  })

  test('the cache is listed, counted and pruned', async () => {
    await using project = engine.project({
      ...composeFile('pruned', { web: { build: '.' } }),
      Dockerfile: `${FROM}RUN head -c 1000000 /dev/zero > /zeros\n`,
    })
    await project.ok('build')
    assert.match(await engine.ok(['builder', 'du']), /RUN head -c 1000000/)
    assert.match(await engine.ok(['system', 'df']), /^Build Cache +[1-9]/m)
    await engine.ok(['image', 'rm', 'pruned-web'])
    const pruned = await engine.ok(['builder', 'prune', '-af'])
    assert.match(pruned, /^Deleted build cache objects:$/m)
    assert.match(pruned, /^Total reclaimed space: [1-9]/m)
    assert.doesNotMatch(await engine.ok(['builder', 'du']), /RUN head/)
    assert.match((await project.run('--progress', 'plain', 'build')).stderr, /RUN head.*\n#\d+ DONE/)
  })

  test('--print, --dry-run and quiet', async () => {
    await using project = engine.project({
      ...composeFile('modes', { web: { build: '.' }, db: idle() }),
      Dockerfile: FROM,
    })
    const { target } = JSON.parse(await project.ok('build', '--print')) as { target: Record<string, object> }
    assert.deepEqual(Object.keys(target), ['web'])
    await project.ok('build', '--dry-run')
    await assert.rejects(engine.client().images.inspect('modes-web'), { code: 'NO_SUCH_IMAGE' })
    const { exitCode, stdout, stderr } = await project.run('build', '-q')
    assert.deepEqual([exitCode, stdout, stderr], [0, '', ''])
    await idOf(engine, 'modes-web')
  })
})
