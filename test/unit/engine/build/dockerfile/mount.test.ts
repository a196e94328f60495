import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { expandWord } from '../../../../../src/engine/build/dockerfile/expand.ts'
import { parseModeChange } from '../../../../../src/engine/build/dockerfile/mode.ts'
import { type RunMountSpec, parseMount, resolveMountTarget } from '../../../../../src/engine/build/dockerfile/mount.ts'
import { parseDockerfile } from '../../../../../src/engine/build/dockerfile/parse.ts'
import { errorOf, hintOf } from './support.ts'

const VARIABLES: Readonly<Record<string, string>> = { DIR: '/cache', TYPE: 'cache', ID: 'x' }

function mount(value: string): RunMountSpec {
  const file = parseDockerfile(`FROM scratch\nRUN --mount=${value} true`, 'Dockerfile')
  const [run] = file.stages[0]?.instructions ?? []
  const flag = run?.kind === 'run' ? run.mounts[0] : undefined
  assert.ok(flag !== undefined)
  return parseMount(flag, (text) => expandWord(text, (name) => VARIABLES[name], { escape: '\\' }), file)
}

const bind = { kind: 'bind', target: '/t', from: undefined, source: '', readOnly: true } as const
const cache = {
  kind: 'cache',
  target: '/t',
  id: '/t',
  sharing: 'shared',
  from: undefined,
  source: '',
  readOnly: false,
  mode: 0o755,
  uid: 0,
  gid: 0,
} as const
const secret = {
  kind: 'secret',
  id: 'x',
  target: '/run/secrets/x',
  env: undefined,
  required: false,
  mode: 0o400,
  uid: 0,
  gid: 0,
} as const
const ssh = { kind: 'ssh', id: 'default', target: undefined, required: false, mode: 0o600, uid: 0, gid: 0 } as const
const tmpfs = { kind: 'tmpfs', target: '/t', sizeBytes: undefined } as const

describe('mounts', () => {
  const cases: readonly (readonly [value: string, want: RunMountSpec])[] = [
    ['target=/t', bind],
    ['type=bind,dst=/t,src=/a,from=b', { ...bind, source: '/a', from: 'b' }],
    ['destination=/t,rw', { ...bind, readOnly: false }],
    ['target=/t,readwrite=true', { ...bind, readOnly: false }],
    ['target=/t,readwrite=0', bind],
    ['target=/t,ro=false', { ...bind, readOnly: false }],
    ['TYPE=Bind,Target=/t', bind],
    ['source=a', { ...bind, target: '', source: 'a' }],
    ['\'target=/t,"source=a,b"\'', { ...bind, source: 'a,b' }],
    ['type=cache,target=/t', cache],
    ['type=cache,target=/t/../u/', { ...cache, target: '/t/../u/', id: '/u' }],
    ['type=cache,target=t', { ...cache, target: 't', id: 't' }],
    ['type=cache,target=/t,id=x,sharing=locked,ro', { ...cache, id: 'x', sharing: 'locked', readOnly: true }],
    ['type=cache,target=/t,sharing=PRIVATE', { ...cache, sharing: 'private' }],
    ['type=cache,target=/t,mode=0700,uid=1,gid=2', { ...cache, mode: 0o700, uid: 1, gid: 2 }],
    ['type=cache,target=/t,from=base,source=/a', { ...cache, from: 'base', source: '/a' }],
    ['type=$TYPE,target=$DIR,id=${ID:-y}', { ...cache, target: '/cache', id: 'x' }],
    ['type=tmpfs,target=/t', tmpfs],
    ['type=tmpfs,target=/t,size=64m', { ...tmpfs, sizeBytes: 67108864 }],
    ['type=tmpfs,target=/t,size=100', { ...tmpfs, sizeBytes: 100 }],
    ['type=secret,id=x', secret],
    ['type=secret,source=a/x', { ...secret, id: 'a/x' }],
    ['type=secret,target=/a/x', { ...secret, target: '/a/x' }],
    ['type=secret,id=x,target=/a', { ...secret, target: '/a' }],
    ['type=secret,id=x,required', { ...secret, required: true }],
    ['type=secret,id=x,required=false,mode=0444,uid=7,gid=8', { ...secret, mode: 0o444, uid: 7, gid: 8 }],
    ['type=secret,id=x,env=TOKEN', { ...secret, target: undefined, env: 'TOKEN' }],
    ['type=secret,id=x,env=TOKEN,target=/a', { ...secret, target: '/a', env: 'TOKEN' }],
    ['type=ssh', ssh],
    ['type=ssh,id=x,target=/s,required=true,mode=0666', { ...ssh, id: 'x', target: '/s', required: true, mode: 0o666 }],
  ]
  for (const [value, want] of cases) it(value, () => assert.deepEqual(mount(value), want))
})

describe('mounts that are none', () => {
  const cases: readonly (readonly [value: string, want: string])[] = [
    ['type=tmp,target=/t', '2:13 DOCKERFILE_INVALID_VALUE unsupported mount type "tmp"'],
    ['typ=tmpfs', '2:13 DOCKERFILE_INVALID_VALUE unexpected key "typ" in "typ=tmpfs"'],
    ['target=/t,foo', '2:23 DOCKERFILE_INVALID_VALUE invalid field "foo": it must be a key=value pair'],
    ['target=/t,sharing=x', '2:23 DOCKERFILE_INVALID_VALUE unsupported sharing value "x"'],
    ['target=/t,sharing=locked', '2:5 DOCKERFILE_INVALID_VALUE invalid cache sharing set for bind mount'],
    ['target=/t,ro=maybe', '2:23 DOCKERFILE_INVALID_VALUE invalid value for ro: "maybe"'],
    ['target=/t,required', '2:23 DOCKERFILE_INVALID_VALUE unexpected key "required" for mount type "bind"'],
    ['required,type=secret,id=x', '2:13 DOCKERFILE_INVALID_VALUE unexpected key "required" for mount type "bind"'],
    ['type=cache,target=/t,size=1', '2:34 DOCKERFILE_INVALID_VALUE unexpected key "size" for mount type "cache"'],
    ['type=tmpfs,target=/t,size=x', '2:34 DOCKERFILE_INVALID_VALUE invalid value for size: "x"'],
    ['target=/t,mode=0755', '2:5 DOCKERFILE_INVALID_VALUE mode not allowed for "bind" type mounts'],
    ['type=tmpfs,target=/t,uid=1', '2:5 DOCKERFILE_INVALID_VALUE uid not allowed for "tmpfs" type mounts'],
    ['type=cache,target=/t,mode=789', '2:34 DOCKERFILE_INVALID_VALUE invalid value "789" for mode'],
    ['type=cache,target=/t,gid=-1', '2:34 DOCKERFILE_INVALID_VALUE invalid value "-1" for gid'],
    ['type=secret', '2:5 DOCKERFILE_INVALID_VALUE invalid secret mount: one of source, target required'],
    ['type=secret,id=x,source=y', "2:5 DOCKERFILE_INVALID_VALUE both source and id can't be set"],
    ['type=secret,id=x,from=y', '2:5 DOCKERFILE_INVALID_VALUE secret mount should not have a from'],
    ['type=secret,id=x,sharing=shared', '2:5 DOCKERFILE_INVALID_VALUE secret mount should not define sharing'],
    ['type=ssh,source=x', '2:5 DOCKERFILE_INVALID_VALUE ssh does not support source'],
    [
      "'target=/t,so\"urce=a'",
      '2:5 DOCKERFILE_INVALID_VALUE cannot parse mount "target=/t,so"urce=a": a quote stands within a field',
    ],
    ['"target=/t","source=a,b"', '2:5 DOCKERFILE_INVALID_VALUE invalid field "b": it must be a key=value pair'],
    ['target=/t,', '2:23 DOCKERFILE_INVALID_VALUE invalid field "": it must be a key=value pair'],
  ]
  for (const [value, want] of cases)
    it(value, () =>
      assert.equal(
        errorOf(() => mount(value)),
        want,
      ),
    )

  it('name the nearest word', () => {
    assert.equal(
      hintOf(() => mount('typ=tmpfs')),
      'did you mean type?',
    )
    assert.equal(
      hintOf(() => mount('type=tmfs')),
      'did you mean tmpfs?',
    )
    assert.equal(
      hintOf(() => mount('type=cache,sharing=lokced')),
      'did you mean locked?',
    )
  })
  it('go nowhere but below the root', () => {
    const flag = { range: { line: 1, column: 1, endLine: 1, endColumn: 2 }, entries: [] }
    assert.equal(resolveMountTarget('a/b', '/src', flag), '/src/a/b')
    assert.equal(resolveMountTarget('', '/src', flag), '/src')
    assert.equal(resolveMountTarget('/t/', '/src', flag), '/t')
    assert.match(
      errorOf(() => resolveMountTarget('../', '/src', flag)),
      /invalid mount target "\/"/,
    )
  })
})

describe('modes', () => {
  for (const [text, mode] of [
    ['0755', 0o755],
    ['7', 7],
    ['07777', 0o7777],
    ['0', 0],
  ] as const) {
    it(text, () => assert.deepEqual(parseModeChange(text), { kind: 'octal', mode }))
  }
  for (const text of ['u+x', '+x', 'go-w', 'u=rwX,go=rX', 'a=', '=rw,+X', 'g=u-w', 'u+rws,o+t', '-']) {
    it(text, () => assert.deepEqual(parseModeChange(text), { kind: 'symbolic', text }))
  }
  for (const text of ['', '10000', '888', '0o755', '-1', 'u', 'u+x,', 'u+y', 'x', 'u+x g+x', ',u+x']) {
    it(`"${text}" is none`, () =>
      assert.match(
        errorOf(() => parseModeChange(text)),
        /invalid chmod parameter/,
      ))
  }
})
