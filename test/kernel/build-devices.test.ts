/** `RUN --device` on the real kernel: the step has the device, its variables and mounts; the layer has nothing of them. */
import assert from 'node:assert/strict'
import * as fs from 'node:fs'
import { after, before, describe, it } from 'node:test'
import { openBuilder, type Builder } from './build-support.ts'

const SPEC = '/var/run/cdi/mycompose-build-test.yaml'

describe('RUN --device', () => {
  let builder: Builder
  const undo: (() => Promise<void> | void)[] = []
  before(async () => {
    builder = await openBuilder({ after: (work: unknown): void => void undo.push(work as () => Promise<void>) })
    fs.mkdirSync('/var/run/cdi', { recursive: true })
    fs.writeFileSync(
      SPEC,
      `cdiVersion: 0.6.0
kind: mycompose.build/null
devices:
  - name: a
    containerEdits:
      env: [ DEVICE=a ]
      deviceNodes: [ { path: /dev/given, hostPath: /dev/null, permissions: rw } ]
      mounts: [ { hostPath: /etc/hostname, containerPath: /given-file, options: [ ro, bind ] } ]
`,
    )
  })
  after(async () => {
    fs.rmSync(SPEC, { force: true })
    for (const work of undo.toReversed()) await work()
  })

  it('has it in the step alone, when it is allowed', async () => {
    const look = 'echo x > /dev/given && stat -c %t:%T /dev/given && test -s /given-file && echo $DEVICE'
    const dockerfile = `FROM busybox\nRUN --device=mycompose.build/null=a ${look}; touch /done\n`
    const { output, id, config } = await builder.image(dockerfile, { request: { entitlements: ['device'] } })
    assert.equal(output, '1:3\na\n')
    assert.equal(
      await builder.look(id, 'ls -A dev 2>/dev/null || true; ls -d given* done 2>/dev/null || true'),
      'done\n',
    )
    assert.ok(!JSON.stringify(config).includes('DEVICE=a'))
  })

  it('is refused with its place when it is not allowed, or not there though it has to be', async () => {
    const refused = await builder.build('FROM busybox\nRUN --device=mycompose.build/null=a true\n')
    assert.equal(refused.error?.code, 'BUILD_ENTITLEMENT')
    assert.equal(refused.error?.source?.range.line, 2)
    const request = { entitlements: ['device'] }
    const missing = await builder.build('FROM busybox\nRUN --device=mycompose.build/none=b,required true\n', {
      request,
    })
    assert.equal(missing.error?.code, 'NO_SUCH_DEVICE')
    assert.match(missing.error?.message ?? '', /mycompose\.build\/none=b/)
    const without = await builder.image('FROM busybox\nRUN --device=mycompose.build/none=b true\n', { request })
    assert.match(without.output, /warning: there is no CDI device mycompose\.build\/none=b/)
  })
})
