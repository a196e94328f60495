/** An engine in a process of its own that is killed in the middle of a build: build-run-killed.test.ts. argv: root, context folder. */
import * as fs from 'node:fs'
import { engineConfig } from '../../src/engine/config.ts'
import { openEngine } from '../../src/engine/engine.ts'
import { createNodeHost } from '../../src/host/node-host.ts'
import { busyboxTar } from '../support/busybox.ts'

const [root = '', context = ''] = process.argv.slice(2)
setInterval(() => {}, 1000)
process.chdir('/')
const engine = await openEngine(engineConfig(root, 'test'), createNodeHost())
const { images, builds } = engine.context
await images.import(fs.createReadStream(await busyboxTar()), { reference: 'busybox', changes: [] }, () => {})
const dockerfile = `FROM busybox
RUN --mount=type=bind,target=/src,rw --mount=type=cache,target=/cache --mount=type=tmpfs,target=/mem \\
    --mount=type=secret,id=token --mount=type=cache,id=locked,sharing=locked,target=/locked \\
    echo one > /src/new; echo two > /cache/two; echo three > /three; (trap "" TERM; sleep 1000) & echo is-up; wait`
await builds.build(
  {
    context: { kind: 'directory', path: context },
    dockerfileInline: dockerfile,
    secrets: [{ id: 'token', valueBase64: 'c2VjcmV0' }],
  },
  (message) => message.kind === 'output' && process.stdout.write(message.data),
  new AbortController().signal,
)
