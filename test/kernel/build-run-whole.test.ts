/** RUN in whole builds: mounts, networks and privileges as Dockerfile and request say them, and where secrets do not come. */
import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import * as fs from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { after, before, describe, it } from 'node:test'
import { openBuilder, type Builder } from './build-support.ts'

const VALUE = 'v3ry-s3cr3t'
const secrets = [{ id: 'token', valueBase64: Buffer.from(VALUE).toString('base64') }]

describe('RUN in a build', () => {
  let builder: Builder
  const undo: (() => Promise<void>)[] = []
  before(async () => {
    builder = await openBuilder({ after: (work) => void undo.push(work as () => Promise<void>) })
  })
  after(async () => {
    for (const work of undo) await work()
  })

  it('binds the context without what .dockerignore leaves out, and keeps no trace', async () => {
    const dockerfile =
      'FROM busybox\nRUN --mount=type=bind,target=/src ls -A /src && cat /src/a > /copy && touch /src/x || echo denied'
    const files = { a: 'A', '.env': 'E', '.dockerignore': '.env\n' }
    const built = await builder.image(dockerfile, { files })
    assert.match(built.output, /\.dockerignore\na\n/)
    assert.match(built.output, /denied/)
    assert.equal(await builder.look(built.id, 'cat copy; ls -d src 2>/dev/null || true'), 'A')
  })

  it('does a step again when what it binds has changed, and only then', async () => {
    const dockerfile = 'FROM busybox\nRUN --mount=target=/src,source=a cat /src > /copy'
    const context = builder.folder({ a: '1', b: '1' })
    await builder.image(dockerfile, { context })
    fs.writeFileSync(join(context, 'b'), '2')
    assert.equal((await builder.image(dockerfile, { context })).ran.length, 0)
    fs.writeFileSync(join(context, 'a'), '2')
    const built = await builder.image(dockerfile, { context })
    assert.equal(await builder.look(built.id, 'cat copy'), '2')
  })

  it('binds from stages and images', async () => {
    const dockerfile = `FROM busybox AS one
RUN mkdir /out && echo from one > /out/f
FROM busybox
RUN --mount=from=one,source=/out,target=/in --mount=from=busybox,source=/data,target=/data2 cat /in/f /data2/from-image > /copy`
    const built = await builder.image(dockerfile)
    assert.equal(
      await builder.look(built.id, 'cat copy; ls -d in data2 2>/dev/null || true'),
      'from one\nfrom the image\n',
    )
  })

  it('keeps a cache mount from build to build', async () => {
    const dockerfile = (number: number): string =>
      `FROM busybox\nRUN --mount=type=cache,target=/cache echo ${number} >> /cache/log; cat /cache/log > /copy`
    await builder.image(dockerfile(1))
    const built = await builder.image(dockerfile(2))
    assert.equal(await builder.look(built.id, 'cat copy; ls -d cache 2>/dev/null || true'), '1\n2\n')
  })

  it('gives a secret to the step, and to nothing that is kept', async () => {
    const dockerfile = `FROM busybox
RUN --mount=type=secret,id=token cat /run/secrets/token | wc -c
RUN --mount=type=secret,id=token,env=TOKEN [ "$TOKEN" = "$(cat /run/secrets/token 2>/dev/null || echo "$TOKEN")" ] && echo same; echo -n "$TOKEN" | wc -c`
    const built = await builder.image(dockerfile, { request: { secrets } })
    assert.match(built.output, /^11\nsame\n11\n$/)
    assert.equal(JSON.stringify(built.messages).includes(VALUE), false)
    assert.equal(JSON.stringify(built.config).includes(VALUE), false)
    const { root, run } = builder.config.paths
    const script = `grep -rl ${VALUE} ${root} ${run} 2>/dev/null || true`
    assert.equal(execFileSync('sh', ['-c', script], { encoding: 'utf8' }), '')
    assert.equal(await builder.look(built.id, 'ls -d run 2>/dev/null || true'), '')
  })

  it('fails with a hint when a secret is missing that it requires', async () => {
    const { error } = await builder.build('FROM busybox\nRUN --mount=type=secret,id=none,required=true true')
    assert.equal(error?.code, 'BUILD_SECRET_MISSING')
    assert.match(error.hint ?? '', /--secret id=none/)
    assert.equal(error.source?.range.line, 2)
  })

  it('is on the bridge by default, on the network of the host or on none where that is asked for', async () => {
    const own = fs.readlinkSync('/proc/self/ns/net')
    const see = 'readlink /proc/self/ns/net; ip -o link | grep -c eth0 || true'
    const outputOf = async (flag: string, request = {}): Promise<string> =>
      (await builder.image(`FROM busybox\nRUN ${flag} ${see} # ${Math.random()}`, { request })).output
    assert.match(await outputOf(''), /\n1\n$/)
    assert.match(await outputOf('--network=none'), /\n0\n$/)
    assert.ok((await outputOf('', { network: 'host' })).startsWith(own))
    assert.ok((await outputOf('--network=host', { entitlements: ['network.host'] })).startsWith(own))
    assert.match(await outputOf('', { network: 'none' }), /\n0\n$/)
    const { error } = await builder.build(`FROM busybox\nRUN --network=host true`)
    assert.match(error?.message ?? '', /not allowed/)
  })

  it('has privileges only with the entitlement', async () => {
    const dockerfile = 'FROM busybox\nRUN --security=insecure grep Seccomp: /proc/self/status'
    assert.match((await builder.build(dockerfile)).error?.message ?? '', /not allowed/)
    const granted = await builder.image(dockerfile, { request: { entitlements: ['security.insecure'] } })
    assert.match(granted.output, /Seccomp:\t0/)
    const plain = 'FROM busybox\nRUN grep Seccomp: /proc/self/status # plain'
    assert.match((await builder.image(plain)).output, /Seccomp:\t2/)
    // "privileged" of a request grants, it does not ask
    assert.match((await builder.image(`${plain} 2`, { request: { privileged: true } })).output, /Seccomp:\t2/)
    assert.match((await builder.image(`${dockerfile} # 2`, { request: { privileged: true } })).output, /Seccomp:\t0/)
  })

  it('30: a foreign front end is named by "# syntax=" and never asked', async () => {
    const asked: string[] = []
    const server = createServer((request, response) => {
      asked.push(request.url ?? '')
      response.statusCode = 404
      response.end()
    })
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    const { port } = server.address() as AddressInfo
    const built = await builder.image(`# syntax=127.0.0.1:${port}/evil/frontend:1\nFROM busybox\nRUN echo own`)
    assert.match(built.output, /own/)
    const argument = await builder.image('FROM busybox\nRUN echo own two', {
      request: { args: { BUILDKIT_SYNTAX: `127.0.0.1:${port}/evil/frontend:1` } },
    })
    assert.match(argument.output, /own two/)
    assert.deepEqual(asked, [])
    server.close()
  })

  it('runs heredocs: for the shell, and as a program', async () => {
    const dockerfile = `FROM busybox
RUN <<EOF
echo one
echo two > /two
EOF
RUN <<EOF
#!/bin/awk -f
BEGIN { print "from awk" }
EOF`
    const built = await builder.image(dockerfile)
    assert.equal(built.output, 'one\nfrom awk\n')
    assert.equal(await builder.look(built.id, 'cat two; ls dev 2>/dev/null || true'), 'two\n')
  })

  it('has variables, user and folder of the stage', async () => {
    const dockerfile = `FROM busybox
ARG VERSION=1
ENV NAME=web
USER worker
WORKDIR /srv/app
RUN echo $VERSION $NAME $(id -un) $(pwd) $HOME && touch mine && stat -c %U mine .`
    assert.equal((await builder.image(dockerfile)).output, '1 web worker /srv/app /tmp\nworker\nworker\n')
  })

  it('is stopped by a cancel in the middle of several stages', async () => {
    const controller = new AbortController()
    const dockerfile = `FROM busybox AS a
RUN echo up a; sleep 1000
FROM busybox AS b
RUN echo up b; sleep 1000
FROM busybox
COPY --from=a / /a
COPY --from=b / /b`
    const { error } = await builder.build(dockerfile, {
      signal: controller.signal,
      onMessage: (message) => message.kind === 'output' && message.data.includes('up') && controller.abort(),
    })
    assert.equal(error?.code, 'CANCELED')
    assert.deepEqual(fs.readdirSync(builder.config.paths.buildSteps), [])
  })
})
